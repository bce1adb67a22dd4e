/**
 * Reads a whole message of one structure in straight code: what `tree-writers.ts` writes, as it comes from an encoder too.
 *
 * The structure is that of a message of the time when the code is compiled. At the first byte that is not as expected it gives up,
 * and so at the end if that is not where it should be: then the decoder reads the message, and says what is wrong with one that is
 * damaged.
 */
import type { KeyList, NumberedKeys } from './key-lists.ts';
import { FEW_ELEMENTS, MOST_OBJECTS, MOST_VALUES } from './limits.ts';
import { shortLength, shortText } from './short-text.ts';
import { smallArray } from './small-arrays.ts';
import type { Memory } from './source.ts';
import { T } from './tags.ts';

/** What it reads has both forms. */
export type TreeMemory = Memory & { readonly view: DataView };

/** @returns the object whose values lie from `at` to `end`; undefined when they are not as expected. */
export type TreeReader = (memory: TreeMemory, at: number, end: number) => object | undefined;

type Text = Buffer & {
  latin1Slice(from: number, to: number): string;
  utf8Slice(from: number, to: number): string;
};

/** Where what {@link scalar} has read ends. */
const cursor = { at: 0 };
/** What it gives for anything else. */
const nothing: unique symbol = Symbol('nothing');

/** A value that is no object. */
function scalar(bytes: Buffer, view: DataView, at: number): unknown {
  cursor.at = at + 1;
  switch (bytes[at]) {
    case T.INT: {
      const z = varint(bytes);
      return (z >>> 1) ^ -(z & 1);
    }
    case T.F64:
      cursor.at = at + 9;
      return cursor.at <= view.byteLength ? view.getFloat64(at + 1, true) : nothing;
    case T.ASCII:
      return text(bytes as Text, true);
    case T.UTF8:
      return text(bytes as Text, false);
    case T.UNDEFINED:
      return undefined;
    case T.NULL:
      return null;
    case T.TRUE:
      return true;
    case T.FALSE:
      return false;
    case T.MINUS_ZERO:
      return -0;
    default:
      return nothing;
  }
}

/** Up to 32 bits, at the cursor, which is behind everything when it has more bytes than these take. */
function varint(bytes: Buffer): number {
  let value = 0;
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = bytes[cursor.at++]!;
    value |= (byte & 127) << shift;
    if (!(byte > 127)) return value;
  }
  cursor.at = Number.POSITIVE_INFINITY;
  return value;
}

function text(bytes: Text, isAscii: boolean): string | typeof nothing {
  const n = varint(bytes);
  const from = cursor.at;
  cursor.at += n;
  if (!(n >= 0 && cursor.at <= bytes.length)) return nothing;
  if (isAscii && n <= shortLength) return shortText(bytes, from, n);
  return isAscii ? bytes.latin1Slice(from, from + n) : bytes.utf8Slice(from, from + n);
}

/** The tag of a value, and what is within if it is an object or an array. */
interface Structure {
  readonly tag: number;
  /** Of an array: the tag of its first element. */
  readonly element?: number;
  /** Of an object. */
  readonly number?: number;
  readonly keys?: readonly string[];
  readonly values?: readonly Structure[];
}

/** Finds out how a message is built. */
class Look {
  readonly #memory: TreeMemory;
  readonly #keys: NumberedKeys;
  #objects = 0;
  #values = 0;
  #at: number;

  constructor(memory: TreeMemory, at: number, keys: NumberedKeys) {
    this.#memory = memory;
    this.#keys = keys;
    this.#at = at;
  }

  /** The values of an object with these keys; undefined when one of them is what needs the decoder. */
  values(keys: readonly string[]): readonly Structure[] | undefined {
    if (++this.#objects > MOST_OBJECTS) return undefined;
    const values: Structure[] = [];
    for (let i = 0; i < keys.length; i++) {
      const value = this.#value();
      if (value === undefined || ++this.#values > MOST_VALUES) return undefined;
      values.push(value);
    }
    return values;
  }

  #value(): Structure | undefined {
    const { bytes } = this.#memory;
    const tag = bytes[this.#at]!;
    if (tag === T.NUMBERED) {
      const number = bytes[this.#at + 1]!;
      this.#at += 2;
      const keys = keysOf(this.#keys.listOf(number));
      const values = keys && this.values(keys);
      return keys && values && { tag, number, keys, values };
    }
    if (tag === T.ARRAY) {
      const n = bytes[this.#at + 1]!;
      if (n > FEW_ELEMENTS) return undefined;
      this.#at += 2;
      const element = n > 0 ? bytes[this.#at]! : T.ASCII;
      for (let i = 0; i < n; i++) if (this.#scalar() === undefined) return undefined;
      return bytes[this.#at++] === 0 ? { tag, element } : undefined;
    }
    return this.#scalar();
  }

  #scalar(): Structure | undefined {
    const { bytes, view } = this.#memory;
    const tag = bytes[this.#at]!;
    if (scalar(bytes, view, this.#at) === nothing) return undefined;
    this.#at = cursor.at;
    return { tag };
  }
}

/** Keys that mean what they say in a literal. */
function keysOf(list: KeyList | undefined): readonly string[] | undefined {
  return list?.keys.includes('__proto__') ? undefined : list?.keys;
}

/** Reads any value that is no object into `to`. */
const anyScalar = (to: string): string =>
  `${to}=scalar(b,w,a);if(${to}===nothing)return undefined;a=cursor.at;`;

/** Reads such a value, which is expected to have this tag. */
function scalarCode(to: string, tag: number): string {
  switch (tag) {
    case T.ASCII:
      return `if(b[a]===${T.ASCII}&&b[a+1]<=${shortLength}){${to}=shortText(b,a+2,b[a+1]);a+=2+b[a+1];}else{${anyScalar(to)}}`;
    case T.INT:
      return `if(b[a]===${T.INT}){
n=b[a+1];a+=2;
if(n>127){n&=127;let s=7,c;do{c=b[a++];n|=(c&127)<<s;s+=7;}while(c>127&&s<35);if(c>127)return undefined;}
${to}=(n>>>1)^-(n&1);
}else{${anyScalar(to)}}`;
    case T.F64:
      return `if(b[a]===${T.F64}&&a+9<=end){${to}=w.getFloat64(a+1,true);a+=9;}else{${anyScalar(to)}}`;
    default:
      return anyScalar(to);
  }
}

/** The code of a function that reads such an object. */
class Code {
  #variables = 0;
  readonly body: string;

  constructor(keys: readonly string[], values: readonly Structure[]) {
    const [reads, literal] = this.#object(keys, values);
    this.body = `${reads}
if(a!==end)return undefined;
return ${literal};`;
  }

  #object(keys: readonly string[], values: readonly Structure[]): readonly [reads: string, literal: string] {
    const names = values.map(() => `v${this.#variables++}`);
    const reads = values.map((value, i) => `let ${names[i]};${this.#value(names[i]!, value)}`);
    const properties = keys.map((key, i) => `${JSON.stringify(key)}:${names[i]}`);
    return [reads.join('\n'), `{${properties.join()}}`];
  }

  #value(to: string, { tag, element, number, keys, values }: Structure): string {
    if (tag === T.NUMBERED) {
      const [reads, literal] = this.#object(keys!, values!);
      return `if(b[a]===${T.NUMBERED}&&b[a+1]===${number}){
a+=2;
${reads}
${to}=${literal};
}else{${anyScalar(to)}}`;
    }
    if (tag !== T.ARRAY) return scalarCode(to, tag);
    return `if(b[a]===${T.ARRAY}&&b[a+1]<=${FEW_ELEMENTS}){
const m=b[a+1];a+=2;
${to}=smallArray(m);
for(let i=0;i<m;i++){let e;${scalarCode('e', element!)}${to}[i]=e;}
if(b[a]!==0)return undefined;
a++;
}else{${anyScalar(to)}}`;
  }
}

/** What the code names. */
const needed = { cursor, nothing, scalar, shortText, smallArray } as const;

/**
 * A reader for objects whose values lie in memory as those of this one do.
 *
 * @param list Its keys.
 * @param at Where its values begin.
 * @returns undefined where it has what needs the decoder, or no code may be compiled.
 */
export function compileTreeReader(
  list: KeyList,
  memory: TreeMemory,
  at: number,
  channel: NumberedKeys,
): TreeReader | undefined {
  const keys = keysOf(list);
  const values = keys && new Look(memory, at, channel).values(keys);
  if (keys === undefined || values === undefined) return undefined;
  const code = `"use strict";
return function(memory,at,end){
const b=memory.bytes,w=memory.view;
let n=0,a=at;
${new Code(keys, values).body}
};`;
  try {
    return new Function(...Object.keys(needed), code)(...Object.values(needed)) as TreeReader;
  } catch (error) {
    if (error instanceof EvalError) return undefined;
    throw error;
  }
}
