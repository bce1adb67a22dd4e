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
 * @param what Names the value in the error: `cwd`, or a number for an argument.
 * @throws {TypeError} Neither text nor bytes.
 * @throws {ValueError} A NUL inside (`embedded null byte`), or a surrogate without its other half.
 */
export function checkCString(value: unknown, what: string | number): CString {
  if (typeof value === 'string') {
    if (value.includes('\0')) throw nullByte(what);
    if (!value.isWellFormed()) {
      throw new ValueError(
        `Cannot pass ${named(what)}: it holds half of a surrogate pair, which UTF-8 cannot say; pass a Buffer for raw bytes`,
      );
    }
    return value;
  }
  if (!(value instanceof Uint8Array)) {
    throw typeError(`Cannot pass ${named(what)}: it must be a string or a Buffer, got ${show(value)}`);
  }
  if (value.includes(0)) throw nullByte(what);
  return value;
}

function named(what: string | number): string {
  return typeof what === 'string' ? what : `argument ${what}`;
}

function nullByte(what: string | number): ValueError {
  return new ValueError(
    `Cannot pass ${named(what)}: embedded null byte; the kernel would cut it there, so remove the NUL character`,
  );
}

/** A NUL-terminated copy. */
export function cstring(value: CString): Buffer {
  return typeof value === 'string' ? Buffer.from(`${value}\0`) : Buffer.concat([value, Buffer.alloc(1)]);
}

/** Room for most arrays. */
const ROOM_BYTES = 32 * 1024;

/**
 * Makes arrays of pointers to strings, as C wants them, in memory that is used again: memory of its own for each would be
 * a good part of what starting a program costs.
 */
export class CStringArrays {
  #room = Buffer.alloc(0);
  #words = new Uint32Array(0);
  /** Addresses have 47 bits, which a number holds exactly. */
  #address = 0;

  /** @returns Pointers, ended by a null pointer, and the strings after them; good until the next call. */
  pack(values: readonly CString[]): Buffer {
    const table = (values.length + 1) * 8;
    let most = table;
    for (const v of values) most += (typeof v === 'string' ? v.length * 3 : v.length) + 1;
    if (this.#room.length < most) this.#allocate(Math.max(most, ROOM_BYTES));
    const packed = this.#room;
    const words = this.#words;
    let at = table;
    let word = 0;
    for (const v of values) {
      const address = this.#address + at;
      words[word++] = address % TWO_32;
      words[word++] = Math.floor(address / TWO_32);
      if (typeof v === 'string') {
        at += packed.write(v, at);
      } else {
        packed.set(v, at);
        at += v.length;
      }
      packed[at++] = 0;
    }
    words[word] = 0;
    words[word + 1] = 0;
    // What is rarely so large shall not stay.
    if (most > ROOM_BYTES) this.#room = Buffer.alloc(0);
    return packed;
  }

  #allocate(bytes: number): void {
    this.#room = Buffer.allocUnsafeSlow(Math.ceil(bytes / 4) * 4);
    this.#words = new Uint32Array(this.#room.buffer);
    this.#address = Number(koffi().address(this.#room));
  }
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
