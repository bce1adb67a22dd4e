/**
 * What crosses to another process: any value and any function, as bytes.
 *
 * `encode` never waits and fails at once, naming the path to what cannot travel. Functions travel by reference where the
 * receiver can import them, else as code with the variables that they captured; see `functions.ts`.
 */
import { SerializationError } from '../base/errors.ts';
import { Decoder } from './decoder.ts';
import { Encoder } from './encoder.ts';
import { isLoaded, load } from './modules.ts';
import type { Peer } from './peer.ts';
import { damaged, Source } from './source.ts';
import { readTable, type Table } from './table.ts';
import { LINKED, PLAIN } from './tags.ts';
import { isStackOverflow, Trouble } from './trouble.ts';

/** Options of {@link encode}. */
export interface EncodeOptions {
  /** What the receiver has already; without it the message is complete in itself, for any receiver. */
  readonly peer?: Peer | undefined;
  /** First word of the path in errors: `'target'`, `'args'`, `'result'`. @default 'value' */
  readonly root?: string | undefined;
}

/** Kept for the next call; undefined while at work, since a getter or a `[serialize]` may encode too. */
let idle: Encoder | undefined;

/**
 * Turns a value into bytes that {@link decode} understands in any process of the same version.
 *
 * @throws {SerializationError} When something in it cannot travel; nothing was sent, and `path` says where it is.
 * @example
 * const bytes = encode({ f: (x: number) => x * factor, items: new Map() });
 */
export function encode(value: unknown, options: EncodeOptions = {}): Buffer {
  const encoder = idle ?? new Encoder();
  idle = undefined;
  try {
    const bytes = encoder.run(value, options.peer);
    idle = encoder;
    return bytes;
  } catch (e) {
    const root = options.root ?? 'value';
    if (e instanceof Trouble) throw e.toError(root);
    if (isStackOverflow(e)) {
      throw new SerializationError(
        `Cannot send ${root}: the stack is used up; call this from less deep, or send it in parts`,
        { path: [root], cause: e },
      );
    }
    throw e;
  }
}

/**
 * Rebuilds a value from what {@link encode} gave. Modules that it refers to are loaded by `require` if they are not there yet.
 *
 * @returns A copy: nothing of it aliases `bytes`.
 * @throws {SerializationError} When a module or built-in is missing here, or the bytes are not a message.
 */
export function decode(bytes: Uint8Array): unknown {
  const source = new Source(bytes);
  if (source.u8() === PLAIN) return new Decoder(source).run();
  const table = tableOf(source);
  return new Decoder(source, table).run();
}

/**
 * As {@link decode}, but modules that are not there yet are imported first, as the sender did.
 *
 * @returns The value itself when nothing had to be loaded, so that messages without modules cost no promise.
 */
export function decodeAsync(bytes: Uint8Array): unknown | Promise<unknown> {
  const source = new Source(bytes);
  if (source.u8() === PLAIN) return new Decoder(source).run();
  const table = tableOf(source);
  const missing = [...table.modules.values()].filter((m) => !isLoaded(m));
  if (missing.length === 0) return new Decoder(source, table).run();
  // A module that fails does so again when the value that needs it is decoded; other values are not its victims.
  return Promise.allSettled(missing.map(load)).then(() => new Decoder(source, table).run());
}

function tableOf(source: Source): Table {
  if (source.bytes[0] !== LINKED) throw damaged(`it begins with ${source.bytes[0]}`);
  source.at = source.bytes.readUInt32LE(1);
  const table = readTable(source);
  source.at = 5;
  return table;
}
