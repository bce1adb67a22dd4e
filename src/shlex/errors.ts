/** The two ways in which input can be wrong, with Python's very messages; the codes are for who asks for more input. */
import { ValueError } from '../base/errors.ts';

/** The input ends between quotes. */
export function noClosingQuotation(): ValueError {
  return new ValueError('No closing quotation', { code: 'ERR_MULTIPROC_NO_CLOSING_QUOTATION' });
}

/** The input ends right behind an escape character. */
export function noEscapedCharacter(): ValueError {
  return new ValueError('No escaped character', { code: 'ERR_MULTIPROC_NO_ESCAPED_CHARACTER' });
}
