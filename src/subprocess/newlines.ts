/** Universal newlines, as Python's text mode has them: `\r\n` and `\r` become `\n`, also when a chunk ends between the two. */

export class NewlineTranslator {
  #endsInReturn = false;

  translate(text: string, final: boolean): string {
    let input = this.#endsInReturn ? `\r${text}` : text;
    this.#endsInReturn = !final && input.endsWith('\r');
    if (this.#endsInReturn) input = input.slice(0, -1);
    return input.includes('\r') ? input.replaceAll(/\r\n?/g, '\n') : input;
  }
}
