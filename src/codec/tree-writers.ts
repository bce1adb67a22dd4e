/**
 * Writes a whole message of one structure in straight code: an object, with the objects and short lists in it.
 *
 * Most messages of a queue are like those before. Going through them value by value costs more than what is written: who has been met,
 * which keys are known, what a property holds. So for a list of keys that is sent often a function is compiled that expects the objects
 * within to be as they were in a message of that time. Each is compared with a sample (`hidden-class.ts`), so it has no getter
 * and reading it runs nobody's code: at the first thing that is not as expected the function gives up, and the encoder begins anew.
 */
import { types } from 'node:util';
import type { NumberedKeys } from './key-lists.ts';
import { FEW_ELEMENTS, FEW_NUMBERS, MOST_OBJECTS, MOST_VALUES } from './limits.ts';
import { isBareArray, isPackedArray } from './samples.ts';
import type { Shape } from './shapes.ts';
import { putLong, putNumber, putShort, putSimple, shortBytes } from './sink.ts';
import { T, TREE } from './tags.ts';

/**
 * Writes `o` from the first of `bytes` on, which are a sink's.
 *
 * @returns where it ends; -1 when it is not as expected, or there is no room.
 */
export type TreeWriter = (o: object, bytes: Buffer, view: DataView, keys: NumberedKeys) => number;

// Found at once: `node:util` has so many exports that the engine looks them up by their names each time.
const { isProxy } = types;

type Fields = Readonly<Record<string, unknown>>;

/** An object of a shape, and what is expected of its properties that are objects. */
interface Structure {
  readonly shape: Shape;
  readonly within: ReadonlyMap<string, Structure | 'list'>;
}

/** As `o` is, so are others expected to be; undefined where it has what needs the encoder. */
function structureOf(o: object, shapeOf: (o: object) => Shape | undefined): Structure | undefined {
  let objects = 0;
  let values = 0;
  const look = (object: object): Structure | undefined => {
    if (isProxy(object)) return undefined;
    const shape = shapeOf(object);
    if (shape?.isLike?.(object) !== true) return undefined;
    const within = new Map<string, Structure | 'list'>();
    for (const key of shape.keys) {
      const value = (object as Fields)[key];
      if (++values > MOST_VALUES || typeof value === 'function') return undefined;
      if (typeof value !== 'object' || value === null) continue;
      if (++objects === MOST_OBJECTS || isProxy(value)) return undefined;
      const found = Array.isArray(value) ? (isList(value) ? 'list' : undefined) : look(value);
      if (found === undefined) return undefined;
      within.set(key, found);
    }
    return { shape, within };
  };
  return look(o);
}

function isList(a: readonly unknown[]): boolean {
  if (!isBareArray(a) || a.length > FEW_ELEMENTS) return false;
  if (a.length >= FEW_NUMBERS && typeof a[0] === 'number') return false;
  return a.every((e) => e === null || simple.has(typeof e));
}

const simple: ReadonlySet<string> = new Set(['string', 'number', 'boolean', 'undefined']);

/** The code of a function that writes such an object. */
class Code {
  readonly shapes: Shape[] = [];
  /** Names of all variables, and of those that hold what may be met again. */
  readonly variables: string[] = [];
  readonly #met: string[] = [];
  readonly body: string;

  constructor(root: Structure) {
    this.body = this.#object('o', root);
  }

  /** Bytes that all takes but for lists and long texts. */
  get reserve(): number {
    return this.variables.length * shortBytes + this.#met.length * 4 + 8;
  }

  #object(name: string, { shape, within }: Structure): string {
    const n = this.shapes.push(shape) - 1;
    // The root is looked at before anything else.
    const parts = [n === 0 ? '' : `if(!l${n}(${name}))return -1;`, this.#first(name)];
    parts.push(`b[a]=${T.NUMBERED};b[a+1]=c${n};a+=2;`);
    for (const key of shape.keys) parts.push(this.#property(name, key, within.get(key)));
    return parts.join('\n');
  }

  /** Whoever is met again is a reference. */
  #first(name: string): string {
    const met = this.#met.map((other) => `${name}===${other}`).join('||');
    this.#met.push(name);
    return met === '' ? '' : `if(${met})return -1;`;
  }

  #property(of: string, key: string, expected: Structure | 'list' | undefined): string {
    const name = `v${this.variables.length}`;
    this.variables.push(name);
    const read = `${name}=${of}[${JSON.stringify(key)}];`;
    if (expected === undefined) return read + scalar(name, 'limit');
    const inner = expected === 'list' ? this.#list(name) : this.#object(name, expected);
    return `${read}
if(typeof ${name}==="object"&&${name}!==null){
${inner}
}else{${scalar(name, 'limit')}}`;
  }

  /** Where there may be holes each element is looked for: one that is not there would be read from the prototype. */
  #list(name: string): string {
    return `p=isPackedArray(${name});
if(!p&&!isBareArray(${name}))return -1;
${this.#first(name)}
m=${name}.length;
if(m>${FEW_ELEMENTS}||a+m*${shortBytes}+3>limit||m>=${FEW_NUMBERS}&&typeof ${name}[0]==="number")return -1;
b[a]=${T.ARRAY};b[a+1]=m;a+=2;
for(let i=0;i<m;i++){
if(!p&&!hasOwn(${name},i))return -1;
const e=${name}[i];
${scalar('e', `limit-m*${shortBytes}-1`)}
}
b[a]=0;a++;`;
  }
}

/** Writes what is no object, short texts without looking for room; gives up at an object. */
function scalar(name: string, limit: string): string {
  return `if(typeof ${name}==="number")a=putNumber(b,w,a,${name});
else{
n=typeof ${name}==="string"?putShort(b,a,${name}):putSimple(b,a,${name});
if(n<0&&(typeof ${name}!=="string"||(n=putLong(b,a,${name},${limit}))<0))return -1;
a=n;}`;
}

const { hasOwn } = Object;

/** What the code names. */
const needed = { hasOwn, isBareArray, isPackedArray, putLong, putNumber, putShort, putSimple } as const;

/**
 * A writer for objects that are built as `o` is.
 *
 * @param shapeOf The shape of an object that may be one of those that are compared.
 * @returns undefined where `o` has something that needs the encoder, or no code may be compiled.
 */
export function compileTree(o: object, shapeOf: (o: object) => Shape | undefined): TreeWriter | undefined {
  const structure = structureOf(o, shapeOf);
  if (structure === undefined) return undefined;
  const { body, shapes, reserve, variables } = new Code(structure);
  const all = shapes.map((_, i) => i);
  const code = `"use strict";
let channel=0,${all.map((i) => `c${i}=0`).join()};
const ${all.map((i) => `s${i}=shapes[${i}],l${i}=s${i}.isLike`).join()};
function number(keys){
channel=0;
${all.map((i) => `if((c${i}=s${i}.numberIn(keys))<0)return false;`).join('')}
channel=keys.id;
return true;
}
return function(o,b,w,keys){
if(!l0(o)||keys.id!==channel&&!number(keys))return -1;
const limit=b.length-${reserve};
let n=0,m=0,a=1,p=false,${variables.join()};
b[0]=${TREE};
${body}
return a;
};`;
  try {
    const names = Object.keys(needed);
    return new Function(...names, 'shapes', code)(...Object.values(needed), shapes) as TreeWriter;
  } catch (error) {
    if (error instanceof EvalError) return undefined;
    throw error;
  }
}
