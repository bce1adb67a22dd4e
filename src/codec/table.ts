/**
 * The table at the end of a LINKED message: which modules, codes and functions it speaks of, and where their sections are.
 *
 * part      | contents
 * ----------+---------------------------------------------------------------------------------------------
 * modules   | number, specifier, parent, type, whether CommonJS
 * codes     | key, the text and what belongs to it
 * functions | key, that of its code, and its sections (two, eager and late, each as position, number of its first object
 *           | and count of objects; position 0: none)
 */
import { moduleKey, moduleNumber } from './module-ref.ts';
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
  readonly codeKey: string;
  readonly eager: SectionPlace | undefined;
  readonly late: SectionPlace | undefined;
}

export interface Table {
  readonly modules: ReadonlyMap<number, ImportRef>;
  readonly codes: readonly Code[];
  readonly functions: readonly FunctionEntry[];
}

export function writeTable(sink: Sink, uses: readonly Use[], modules: Iterable<ImportRef>): void {
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
  for (const { record } of uses) codes.set(record.code.key, record.code);
  sink.varint(codes.size);
  for (const c of codes.values()) writeCode(sink, c);
  sink.varint(uses.length);
  for (const { record, eager, late } of uses) {
    sink.string(record.key);
    sink.string(record.code.key);
    for (const s of [eager, late]) {
      sink.varint(s?.placed ?? 0);
      sink.varint(s?.base ?? 0);
      sink.varint(s?.count ?? 0);
    }
  }
}

function writeCode(sink: Sink, c: Code): void {
  sink.string(c.key);
  sink.string(c.text);
  sink.string(c.filename);
  sink.number(c.lineOffset);
  sink.number(c.columnOffset);
  sink.string(c.member);
  sink.string(c.eager.join(' '));
  sink.string(c.late.join(' '));
  sink.u8((c.isClass ? 1 : 0) | (c.runs ? 2 : 0));
  sink.string(c.sourceMap);
}

export function readTable(source: Source): Table {
  const list = <T>(read: () => T): T[] => {
    const n = source.varint();
    const items: T[] = [];
    for (let i = 0; i < n; i++) items.push(read());
    return items;
  };
  const modules = new Map(
    list(() => {
      const number = source.varint();
      const [specifier, parent, type] = [source.string(), source.string(), source.string()];
      return [number, new ImportRef(specifier, parent, '', type, source.u8() === 1)] as const;
    }),
  );
  const codes = list(() => readCode(source));
  const functions = list(() => readFunction(source));
  return { modules, codes, functions };
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
  const flags = source.u8();
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
    isClass: (flags & 1) !== 0,
    runs: (flags & 2) !== 0,
    sourceMap,
  };
}

function readFunction(source: Source): FunctionEntry {
  const key = source.string();
  const codeKey = source.string();
  const place = (): SectionPlace | undefined => {
    const [at, base, count] = [source.varint(), source.varint(), source.varint()];
    return at === 0 ? undefined : { at, base, count };
  };
  return { key, codeKey, eager: place(), late: place() };
}
