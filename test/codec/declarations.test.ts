/** What pieces of source declare, at which place. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AnyNode, parse } from 'acorn';
import { blockDeclarations, blockFunctions, varDeclarations } from '../../src/codec/declarations.ts';

function bodyOf(text: string, sourceType: 'script' | 'module' = 'script'): readonly AnyNode[] {
  return parse(text, { ecmaVersion: 'latest', sourceType, allowAwaitOutsideFunction: true }).body;
}

const named = (all: Iterable<{ name: string; kind: string }>): string[] =>
  [...all].map(({ name, kind }) => `${kind} ${name}`);

test('a block declares all but what is declared with var, or further inside', () => {
  const body = bodyOf(
    `import d, { a as b, type } from 'x'; import * as n from 'y';
     export const { p: [q, ...r], s = 1 } = {}; let t; class C { m() { let no; } } export default function f() { let no; }
     { let no; } var no;`,
    'module',
  );
  assert.deepEqual(named(blockDeclarations(body)), [
    ...['import d', 'import b', 'import type', 'import n'],
    ...['const q', 'const r', 'const s', 'let t', 'class C', 'function f'],
  ]);
});

test('what is declared with using belongs to its block, too', () => {
  const body = bodyOf('{ using a = x, b = y; await using c = z; }', 'module');
  const [block] = body as [Extract<AnyNode, { type: 'BlockStatement' }>];
  assert.deepEqual(named(blockDeclarations(block.body)), ['const a', 'const b', 'const c']);
  assert.deepEqual(named(varDeclarations(block)), []);
});

test('var is found in all statements, and not in functions and classes', () => {
  const text = `
    if (x) var a; else { var b } for (var c;;) var d; for (var e in x) {} for (var [f, { g = 1 }] of x) { var h }
    while (x) var i; do { var j } while (x); try { var k } catch { var l } finally { var m }
    switch (x) { case 1: var n; default: { var o } } l1: l2: var p; with (x) var q;
    function no1() { var no } (() => { var no }); class A { static { var no } m() { var no } } let no2; for (let no3;;) ;`;
  const found = bodyOf(text).flatMap((s) => varDeclarations(s));
  assert.equal(found.map(({ name }) => name).join(''), 'abcdefghijklmnopq');
});

test('functions in blocks are variables outside, unless something between hides them', () => {
  const text = `
    { function a() {} } if (x) function b() {} else { function c() {} } switch (x) { case 1: function d() {} }
    for (let no1;;) { function no1() {} } for (;;) { function e() {} } { let no2; { function no2() {} } }
    { function f() {} { function f() {} } } try {} catch ({ no3 }) { { function no3() {} } } try {} catch (g) { { function g() {} } }
    { async function no4() {} function* no5() {} l: function h() {} } { function no6() {} } l: function no7() {}
    function no8() { { function no9() {} } }`;
  const found = blockFunctions(bodyOf(text), (name) => name === 'no6');
  assert.equal(found.map(({ name }) => name).join(''), 'abcdefgh');
});
