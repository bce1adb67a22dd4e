/**
 * The table at the end of a LINKED message: which modules, codes and functions it speaks of, and where their sections are.
 *
 * part      | contents
 * ----------+---------------------------------------------------------------------------------------------
 * peer      | its id, or "": what this sender's peer may reuse is kept under it
 * dropped   | keys of functions to forget
 * modules   | number, specifier, parent, type, whether CommonJS
 * codes     | key, and unless the peer has it, the text and what belongs to it
 * functions | key, version, number of its code, then 0: the peer has this version, 1: sections follow (two,
 *           | eager and late, each as position, number of its first object and count of objects; position 0: none)
 */
import { moduleKey, moduleNumber } from './module-ref.ts';
import type { Peer } from './peer.ts';
import { type Code, ImportRef } from './plan.ts';
import type { Use } from './section.ts';
import type { Sink } from './sink.ts';
import type { Source } from './source.ts';

export interface SectionPlace {
  readonly at: number;
  readonly base: number;
  readonly count: number;
}

export interface FunctionEntry {
  readonly key: string;
  readonly version: number;
  readonly codeKey: string;
  readonly reuse: boolean;
  readonly eager: SectionPlace | undefined;
  readonly late: SectionPlace | undefined;
}

export interface Table {
  readonly peer: string;
  readonly dropped: readonly string[];
  readonly modules: ReadonlyMap<number, ImportRef>;
  /** Only those that came with their text. */
  readonly codes: readonly Code[];
  readonly functions: readonly FunctionEntry[];
}

export function writeTable(
  sink: Sink,
  uses: readonly Use[],
  modules: Iterable<ImportRef>,
  peer: Peer | undefined,
): void {
  sink.string(peer?.id ?? '');
  const dropped = peer?.dropped.splice(0) ?? [];
  sink.varint(dropped.length);
  for (const key of dropped) sink.string(key);
  const refs = [...modules];
  sink.varint(refs.length);
  for (const m of refs) {
    sink.varint(moduleNumber(moduleKey(m)));
    sink.string(m.specifier);
    sink.string(m.parent);
    sink.string(m.type);
    sink.u8(m.commonjs ? 1 : 0);
  }
  const codes = new Map<string, Code>();
  for (const u of uses) if (!u.reuse) codes.set(u.record.code.key, u.record.code);
  const fresh = [...codes.values()].filter((c) => peer?.codes.has(c.key) !== true);
  sink.varint(fresh.length);
  for (const c of fresh) writeCode(sink, c, peer);
  sink.varint(uses.length);
  for (const { record, reuse, eager, late, fn } of uses) {
    sink.string(record.key);
    sink.varint(record.version);
    sink.u8(reuse ? 0 : 1);
    if (reuse) continue;
    sink.string(record.code.key);
    for (const s of [eager, late]) {
      sink.varint(s?.placed ?? 0);
      sink.varint(s?.base ?? 0);
      sink.varint(s?.count ?? 0);
    }
    peer?.holds(record.key, record.version, fn);
  }
}

function writeCode(sink: Sink, c: Code, peer: Peer | undefined): void {
  peer?.codes.add(c.key);
  sink.string(c.key);
  sink.string(c.text);
  sink.string(c.filename);
  sink.number(c.lineOffset);
  sink.number(c.columnOffset);
  sink.string(c.member);
  sink.string(c.eager.join(' '));
  sink.string(c.late.join(' '));
  sink.u8(c.isClass ? 1 : 0);
  const known = c.sourceMap === '' || peer?.maps.has(c.filename) === true;
  sink.string(known ? '' : c.sourceMap);
  if (!known) peer?.maps.add(c.filename);
}

export function readTable(source: Source): Table {
  const list = <T>(read: () => T): T[] => {
    const n = source.varint();
    const items: T[] = [];
    for (let i = 0; i < n; i++) items.push(read());
    return items;
  };
  const peer = source.string();
  const dropped = list(() => source.string());
  const modules = new Map(
    list(() => {
      const number = source.varint();
      const [specifier, parent, type] = [source.string(), source.string(), source.string()];
      return [number, new ImportRef(specifier, parent, '', type, source.u8() === 1)] as const;
    }),
  );
  const codes = list(() => readCode(source));
  const functions = list(() => readFunction(source));
  return { peer, dropped, modules, codes, functions };
}

function readCode(source: Source): Code {
  const key = source.string();
  const text = source.string();
  const filename = source.string();
  const lineOffset = source.tagged();
  const columnOffset = source.tagged();
  const member = source.string() as Code['member'];
  const names = (s: string): string[] => (s === '' ? [] : s.split(' '));
  const eager = names(source.string());
  const late = names(source.string());
  const isClass = source.u8() === 1;
  const sourceMap = source.string();
  return {
    key,
    text,
    filename,
    lineOffset,
    columnOffset,
    member,
    eager,
    late,
    isClass,
    sourceMap,
  };
}

function readFunction(source: Source): FunctionEntry {
  const key = source.string();
  const version = source.varint();
  if (source.u8() === 0) {
    return { key, version, codeKey: '', reuse: true, eager: undefined, late: undefined };
  }
  const codeKey = source.string();
  const place = (): SectionPlace | undefined => {
    const [at, base, count] = [source.varint(), source.varint(), source.varint()];
    return at === 0 ? undefined : { at, base, count };
  };
  return { key, version, codeKey, reuse: false, eager: place(), late: place() };
}
