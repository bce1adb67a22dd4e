/** Variables whose declaration has not run yet. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encode } from '../../src/codec/index.ts';
import { questions } from '../support/inspector.ts';

function refuses(fn: unknown, name: string): void {
  const message = new RegExp(
    `closure variable "${name}": it is not initialised yet; send the function after its declaration has run`,
  );
  assert.throws(() => encode(fn), { name: 'SerializationError', message });
}

const nothing = (): unknown => undefined;

test('constants, variables and classes in a function are refused until their declarations have run', () => {
  const all: Record<string, unknown> = {
    constant: () => constant,
    called: () => called,
    variable: () => variable,
    Late: () => new Late(),
    parts: () => parts,
    shared: [() => shared, () => shared++],
  };
  for (const [name, fn] of Object.entries(all)) refuses(fn, name);
  const constant = 1;
  const called = nothing();
  let variable = nothing();
  class Late {}
  const { parts } = { parts: undefined };
  let shared = 0;
  for (let i = 0; i < 3; i++) for (const fn of Object.values(all)) encode(fn);
  variable = 1;
  for (const fn of Object.values(all)) encode(fn);
});

const outer = {
  constant: () => topConstant,
  called: () => topCalled,
  Late: () => new TopLate(),
};
const early = Object.entries(outer).map(([name, fn]) => {
  try {
    encode(fn);
    return `${name} was sent`;
  } catch (error) {
    return (error as Error).message;
  }
});
const topConstant = 1;
const topCalled = nothing();
class TopLate {}

test('at the top of a module they are refused, too', () => {
  assert.equal(early.length, 3);
  for (const message of early) assert.match(message, /it is not initialised yet/);
  for (const fn of Object.values(outer)) encode(fn);
});

test('one that is declared without a value is refused, too, until its declaration has run', async () => {
  const plain = (): unknown => late;
  refuses(plain, 'late');
  let late: unknown;
  encode(plain);
  late = 1;
  encode(plain);
  const waits = async (): Promise<void> => {
    const fn = (): unknown => later;
    await null;
    refuses(fn, 'later');
    let later: unknown;
    encode(fn);
    later = 1;
  };
  await waits();
});

test('of what a function that is over has declared no debugger is asked', () => {
  const make = (n: number): (() => unknown) => {
    let value: unknown;
    if (n > 1) value = n;
    return () => value;
  };
  encode(() => make);
  const fn = make(0);
  assert.ok(!questions(() => encode(fn)).some((question) => String(question).startsWith('Debugger.')));
});

test('what is undefined by its declaration is looked into once', () => {
  const value = nothing();
  const fn = (): unknown => value;
  encode(fn);
  assert.ok(!questions(() => encode(fn)).some((question) => String(question).startsWith('Debugger.')));
});
