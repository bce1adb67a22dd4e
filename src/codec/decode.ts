/** Bytes back to values and functions. Apart from encoding: a child that only receives loads half as much. */
import { Decoder } from './decoder.ts';
import { isLoaded, load } from './modules.ts';
import { damaged, Source } from './source.ts';
import { readTable, type Table } from './table.ts';
import { LINKED, PLAIN } from './tags.ts';

/**
 * Rebuilds a value from what `encode` gave. Modules that it refers to are loaded by `require` if they are not there yet.
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
