/**
 * Writes the values of a plain object whose keys are known.
 *
 * For keys that come often a function is compiled that reads property by property in straight code. So the engine learns for
 * each of them where it lies and what it holds, and each has a place to remember what objects were in it. Where a program must
 * not compile code (`--disallow-code-generation-from-strings`), all objects go through one loop.
 */
import { types } from 'node:util';
import { hiddenClassTest, isElement } from './hidden-class.ts';
import { isStored, likeness, nobody, worthwhile } from './samples.ts';
import type { Shape } from './shapes.ts';
import { putNumber, putShort, type Sink, shortBytes } from './sink.ts';
import { through } from './trouble.ts';

/** What a writer needs of the encoder. */
export interface Writing {
  readonly sink: Sink;
  /** Writes any value. */
  value(v: unknown): void;
  /** Writes what stands in front of the values of a plain object of this shape; false when a reference to it does for all. */
  begin(o: object, shape: Shape): boolean;
  /** After the values. */
  end(): void;
  /** How many containers the value in hand is in. */
  readonly depth: number;
  /** Writes an object that has not the shape `likely`, or none is known; returns what to expect in its place the next time. */
  unlike(o: object, likely: Shape | undefined): Shape | undefined;
}

/** Containers nested deeper than this are written after the rest, so that depth costs no stack. */
export const DEPTH = 200;

type Fields = Readonly<Record<string, unknown>>;

export interface Writer {
  /** Writes the list of keys, see {@link Sink.keyed}. */
  keys(to: Sink): void;
  /** Writes the values of an object that has the shape. */
  values(o: Fields, to: Writing): void;
  /** Whether it certainly is a plain object of the shape without a getter. @returns false also where that is not known. */
  readonly isLike: (o: object) => boolean;
  /** Writes an object, if it is a plain one of the shape. @returns whether it is. */
  object(o: object, to: Writing, shape: Shape): boolean;
}

/** Puts the name of the property that failed in front of the path. */
function at(error: unknown, key: string | undefined): unknown {
  return through(error, `property "${key}"`);
}

export function writeByName(o: Fields, keys: readonly string[], to: Writing): void {
  let i = 0;
  try {
    // The engine is quickest at this way to go through an object; a getter may have changed it meanwhile.
    for (const key in o) {
      if (key !== keys[i]) break;
      to.value(o[key]);
      i++;
    }
    for (; i < keys.length; i++) to.value(o[keys[i]!]);
  } catch (e) {
    throw at(e, keys[i]);
  }
}

// Found at once: `node:util` has so many exports that the engine looks them up by their names each time.
const { isProxy } = types;

let mayCompile = true;

/** Keeps the place in the sink in variables, as far as nobody else writes: the engine would store it for each property. */
function valuesOf(keys: readonly string[]): string {
  const room = keys.length * shortBytes;
  const writes = keys.map(
    (key, i) => `i=${i};v=o[${JSON.stringify(key)}];
if(typeof v==="number")a=putNumber(b,w,a,v);
else if(typeof v==="string"&&(n=putShort(b,a,v))>=0)a=n;
else{
s.at=a;
if(typeof v==="object"&&v!==null){
if(l${i}===undefined||to.depth>${DEPTH}||!l${i}.writeObject(v,to))l${i}=to.unlike(v,l${i});
}
else to.value(v);
a=s.room(${room});b=s.bytes;w=s.view;
}`,
  );
  return `const s=to.sink;let i=0,n=0,v,a=s.room(${room}),b=s.bytes,w=s.view;
try{${writes.join('\n')}}catch(e){throw at(e,keys[i]);}
s.at=a;`;
}

/**
 * The constructor is looked at because the engine, having found it, knows the prototype too; else it would have to be asked.
 *
 * An object with a sample's hidden class can only have elements beside the keys: they would be the first to be enumerated. So keys
 * that are elements have no samples.
 */
function testOf(keys: readonly string[]): string {
  if (keys.length === 0 || keys.includes('constructor')) return 'return false;';
  const names = keys.map((key) => JSON.stringify(key));
  const others = names.map((name, i) => `k[${i}]!==${name}`).join('||');
  return `if(same!==undefined&&(same(o,newer)||same(o,older))){
for(const k in o){if(k!==${names[0]})return false;break;}
}else{
if(isProxy(o)||o.constructor!==Object||Object.getPrototypeOf(o)!==Object.prototype)return false;
const k=Object.keys(o);
if(k.length!==${keys.length}||${others}||Object.getOwnPropertySymbols(o).length>0)return false;
if(--left===0)sample(o);
}`;
}

/** Longest list of keys that is written by code, in words. */
const mostWords = 32;

/** Most samples that are made for a list of keys: objects may come to have them in many ways. */
const mostSamples = 20;

/** Makes a sample as most programs make such objects: by a literal, or by assigning to an empty object. */
function sampleOf(keys: readonly string[]): string {
  if (keys.length === 0 || isElement(keys[0]!)) return 'function sample(){}';
  const names = keys.map((key) => JSON.stringify(key));
  return `let samples=0;
function sample(o){
for(const k of keys)if(!isStored(o,k))return;
same=hiddenClassTest();
if(same===undefined)return;
let s={${names.map((name) => `${name}:likeness(o[${name}])`).join()}};
if(!same(o,s)){
s={};
${names.map((name) => `s[${name}]=likeness(o[${name}]);`).join('')}
}
if(same(o,s)){older=newer;newer=s;}
if(++samples<${mostSamples})left=${worthwhile};
}`;
}

function likeOf(keys: readonly string[]): string {
  if (keys.length === 0) return 'return false;';
  return `if(same===undefined||!(same(o,newer)||same(o,older)))return false;
for(const k in o)return k===${JSON.stringify(keys[0])};
return false;`;
}

/** What the code names. */
const needed = { at, isProxy, isStored, hiddenClassTest, likeness, nobody, putNumber, putShort } as const;

/** The same as {@link Sink.keyed}, which takes twice as long: it reads what it writes. */
function keysOf(words: Int32Array): string {
  if (words.length > mostWords) return 'to.keyed(words);';
  const writes = Array.from(words, (word, i) => `t[f+${i}]=${word};`);
  return `const f=to.startKeys(${words.length}),t=to.words;
${writes.join('')}
to.at=(f+${words.length})*4;`;
}

/** @param words The keys as {@link Sink.keyed} takes them. @returns undefined where no code may be compiled. */
export function compileWriter(keys: readonly string[], words: Int32Array): Writer | undefined {
  if (!mayCompile) return undefined;
  const likely = keys.map((_, i) => `l${i}`).join();
  const code = `"use strict";${likely === '' ? '' : `let ${likely};`}
let same,newer=nobody,older=nobody,left=${worthwhile};
${sampleOf(keys)}
function values(o,to){${valuesOf(keys)}}
return {keys(to){${keysOf(words)}},
values,isLike(o){${likeOf(keys)}},
object(o,to,shape){
${testOf(keys)}
if(to.begin(o,shape)){values(o,to);to.end();}
return true;}};`;
  try {
    const names = Object.keys(needed);
    return new Function(...names, 'keys', 'words', code)(...Object.values(needed), keys, words) as Writer;
  } catch (error) {
    if (!(error instanceof EvalError)) throw error;
    mayCompile = false;
    return undefined;
  }
}
