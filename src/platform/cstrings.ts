/**
 * Strings as C wants them: `char *` and `char *argv[]`, each packed into one Buffer.
 *
 * Packed by hand, not by koffi's own arrays, because arguments may be bytes as well as strings and because a string
 * that C cannot hold (a NUL inside, half a surrogate pair) must be refused instead of being cut or changed.
 */
import { ValueError } from '../base/errors.ts';
import { show, typeError } from '../base/validate.ts';
import { koffi } from './libc.ts';

const TWO_32 = 2 ** 32;

/** Text (sent as UTF-8) or raw bytes. */
export type CString = string | Uint8Array;

/**
 * @param what Names the value in the error: `argument 2`, `cwd`.
 * @throws {TypeError} Neither text nor bytes.
 * @throws {ValueError} A NUL inside (`embedded null byte`), or a surrogate without its other half.
 */
export function checkCString(value: unknown, what: string): CString {
  if (typeof value === 'string') {
    if (value.includes('\0')) throw nullByte(what);
    if (!value.isWellFormed()) {
      throw new ValueError(
        `Cannot pass ${what}: it holds half of a surrogate pair, which UTF-8 cannot say; pass a Buffer for raw bytes`,
      );
    }
    return value;
  }
  if (!(value instanceof Uint8Array)) {
    throw typeError(`Cannot pass ${what}: it must be a string or a Buffer, got ${show(value)}`);
  }
  if (value.includes(0)) throw nullByte(what);
  return value;
}

function nullByte(what: string): ValueError {
  return new ValueError(
    `Cannot pass ${what}: embedded null byte; the kernel would cut it there, so remove the NUL character`,
  );
}

/** A NUL-terminated copy. */
export function cstring(value: CString): Buffer {
  return typeof value === 'string' ? Buffer.from(`${value}\0`) : Buffer.concat([value, Buffer.alloc(1)]);
}

/** An array of pointers, ended by a null pointer, and the strings that it points to, in one Buffer that must outlive the call. */
export function cstringArray(values: readonly CString[]): Buffer {
  const table = (values.length + 1) * 8;
  let size = table;
  for (const v of values) size += (typeof v === 'string' ? Buffer.byteLength(v) : v.length) + 1;
  const packed = Buffer.allocUnsafeSlow(size);
  // Addresses have 47 bits, which a number holds exactly.
  const base = Number(koffi().address(packed));
  let at = table;
  for (let i = 0; i < values.length; i++) {
    const v = values[i]!;
    const address = base + at;
    packed.writeUInt32LE(address % TWO_32, i * 8);
    packed.writeUInt32LE(Math.floor(address / TWO_32), i * 8 + 4);
    if (typeof v === 'string') {
      at += packed.write(v, at);
    } else {
      packed.set(v, at);
      at += v.length;
    }
    packed[at++] = 0;
  }
  packed.fill(0, table - 8, table);
  return packed;
}

/** An environment: undefined is no variable (Python's dict has no such thing; Node's habit), everything else must be a string. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * `NAME=value` entries.
 *
 * @throws {ValueError} `=` in a name (`illegal environment variable name`), or what {@link checkCString} refuses.
 */
export function environmentEntries(env: Environment): string[] {
  const entries: string[] = [];
  for (const name of Object.keys(env)) {
    const value = env[name];
    if (value === undefined) continue;
    if (name.includes('=')) {
      throw new ValueError(
        `Cannot pass environment variable ${show(name)}: illegal environment variable name`,
      );
    }
    if (typeof value !== 'string') {
      throw typeError(`Cannot pass environment variable ${name}: it must be a string, got ${show(value)}`);
    }
    entries.push(checkCString(`${name}=${value}`, `environment variable ${show(name)}`) as string);
  }
  return entries;
}
