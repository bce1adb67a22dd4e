/** Bytes back to values and functions. Apart from encoding: a child that only receives loads half as much. */
import { Decoder } from './decoder.ts';
import type { NumberedKeys } from './key-lists.ts';
import { isLoaded, load } from './modules.ts';
import { damaged, type Memory, Source } from './source.ts';
import { readTable, type Table } from './table.ts';
import { DATA, LINKED, PLAIN, T, TREE } from './tags.ts';
import { compileTreeReader, type TreeMemory } from './tree-readers.ts';

/** Kept for the next message; undefined while at work, since a `[deserialize]` may decode too. */
let idle: Decoder | undefined;

function decodePlain(memory: Memory, at: number, end: number, keys: NumberedKeys | undefined): unknown {
  const decoder = idle ?? new Decoder(new Source(memory.bytes));
  idle = undefined;
  try {
    return decoder.runOn(memory, at, end, keys);
  } finally {
    decoder.clear();
    idle = decoder;
  }
}

/** Whether the message that begins at `at` is nothing but data: {@link decodeData} may read it. */
export function isData(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === TREE || bytes[at] === DATA;
}

/**
 * As {@link decode}, for a message of data that is still in shared memory: nobody's code runs meanwhile, so a lock may be held.
 *
 * @param at, end Its place in `memory`, in bytes.
 * @param keys As of {@link decode}.
 */
export function decodeData(memory: Memory, at: number, end: number, keys?: NumberedKeys): unknown {
  const { bytes } = memory;
  const list =
    keys !== undefined && bytes[at] === TREE && bytes[at + 1] === T.NUMBERED && end <= bytes.length
      ? keys.listOf(bytes[at + 2]!)
      : undefined;
  if (list?.tree === undefined || !hasView(memory)) return decodePlain(memory, at, end, keys);
  const { tree } = list;
  const first = at + 3;
  const known = tree.code?.(memory, first, end);
  if (known !== undefined) {
    tree.uses++;
    return known;
  }
  const value = decodePlain(memory, at, end, keys);
  tree.missed(() => compileTreeReader(list, memory, first, keys!));
  return value;
}

function hasView(memory: Memory): memory is TreeMemory {
  return memory.view !== undefined;
}

function isPlain(bytes: Uint8Array): boolean {
  return bytes[0] === PLAIN || isData(bytes, 0);
}

function memoryOf(bytes: Uint8Array): Memory {
  return {
    bytes: Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
  };
}

/**
 * Rebuilds a value from what `encode` gave. Modules that it refers to are loaded by `require` if they are not there yet.
 *
 * @param keys What numbers of lists of keys in it mean, where it was encoded with some.
 * @returns A copy: nothing of it aliases `bytes`.
 * @throws {SerializationError} When a module or built-in is missing here, or the bytes are not a message.
 */
export function decode(bytes: Uint8Array, keys?: NumberedKeys): unknown {
  if (isPlain(bytes)) return decodePlain(memoryOf(bytes), 0, bytes.length, keys);
  const source = new Source(bytes, keys);
  const table = tableOf(source);
  return new Decoder(source, table).run();
}

/**
 * As {@link decode}, but modules that are not there yet are imported first, as the sender did.
 *
 * @returns The value itself when nothing had to be loaded, so that messages without modules cost no promise.
 */
export function decodeAsync(bytes: Uint8Array, keys?: NumberedKeys): unknown | Promise<unknown> {
  if (isPlain(bytes)) return decodePlain(memoryOf(bytes), 0, bytes.length, keys);
  return decodeLinked(bytes, keys, (source, table) => new Decoder(source, table));
}

/**
 * As {@link decodeAsync}, for the work of others: functions that were made here and came back are what they had become elsewhere. Else each
 * of many workers would know those of its own as they once were.
 */
export function decodeWork(bytes: Uint8Array): unknown | Promise<unknown> {
  if (isPlain(bytes)) return decodePlain(memoryOf(bytes), 0, bytes.length, undefined);
  return decodeLinked(bytes, undefined, (source, table) => new Decoder(source, table, true));
}

function decodeLinked(
  bytes: Uint8Array,
  keys: NumberedKeys | undefined,
  decoder: (source: Source, table: Table) => Decoder,
): unknown | Promise<unknown> {
  const source = new Source(bytes, keys);
  const table = tableOf(source);
  const missing = [...table.modules.values()].filter((m) => !isLoaded(m));
  if (missing.length === 0) return decoder(source, table).run();
  // A module that fails does so again when the value that needs it is decoded; other values are not its victims.
  return Promise.allSettled(missing.map(load)).then(() => decoder(source, table).run());
}

function tableOf(source: Source): Table {
  if (source.bytes[0] !== LINKED || source.end < 5) throw damaged(`it begins with ${source.bytes[0]}`);
  source.at = source.bytes.readUInt32LE(1);
  const table = readTable(source);
  source.at = 5;
  return table;
}
