/** Which expressions give their value without running anything of the user's, and which value. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Expression, ExpressionStatement } from 'acorn';
import { parse } from '../../src/codec/parse.ts';
import { quietly } from '../../src/codec/quiet.ts';

let ran = 0;
const variables: Record<string, unknown> = {
  name: 'key',
  symbol: Symbol.iterator,
  nothing: undefined,
  nil: null,
  text: 'four',
  list: [10, 20],
  object: {
    key: { inner: 7 },
    method: () => ran++,
    get getter() {
      return ran++;
    },
    toString: () => `${ran++}`,
  },
  inherits: Object.create({ far: 3 }, { own: { value: Object.create(null) } }) as object,
  proxy: new Proxy({}, { get: () => ran++, getOwnPropertyDescriptor: () => void ran++ }),
  behind: Object.create(new Proxy({}, { get: () => ran++ })) as object,
};

function outcomeOf(text: string): unknown {
  const [statement] = parse(`(${text})`, { ecmaVersion: 'latest' }).body;
  const e: Expression = (statement as ExpressionStatement).expression;
  const outcome = quietly(e, (name) => (name in variables ? { value: variables[name] } : undefined));
  return typeof outcome === 'object' ? ['value', outcome.value] : (outcome ?? 'unknown');
}

test('variables, properties and chains give their value', () => {
  const expected: Record<string, unknown> = {
    '1': 1,
    name: 'key',
    'object.key.inner': 7,
    'object?.key?.inner': 7,
    'object?.[name]?.["inner"]': 7,
    'object[`k${"ey"}`].inner': 7,
    'object?.missing': undefined,
    'nothing?.a.b.c': undefined,
    'nil?.[object]()': undefined,
    'object.missing?.().more[0]': undefined,
    'list[0]': 10,
    'list?.length': 2,
    'text?.length': 4,
    'inherits?.far': 3,
    'inherits?.own.missing': undefined,
    'list[symbol]': Array.prototype[Symbol.iterator],
  };
  for (const [text, value] of Object.entries(expected))
    assert.deepEqual(outcomeOf(text), ['value', value], text);
});

test('a call is where it ends, once function and arguments are there', () => {
  const calls = [
    'object?.method()',
    'object.method?.(name, list[0])',
    'text?.at(0).more',
    'object?.[text.at(0)]',
    'object.key.inner()',
    'object.method(object.method(proxy.a))',
  ];
  for (const text of calls.slice(0, -1)) assert.equal(outcomeOf(text), 'call', text);
  assert.equal(outcomeOf(calls.at(-1)!), 'unknown');
});

test('nobody knows what a getter, a proxy, a key that is an object or an assignment does', () => {
  const unknown = [
    'object?.getter',
    'object?.getter.more',
    'proxy?.a',
    'behind?.a',
    'object?.[object]',
    'object?.[name = 1]',
    'object?.[list[0]++]',
    `\`\${object}\``,
    `\`\${symbol}\``,
    'undeclared?.a',
    'nothing.a',
    'nil.a?.b',
    'object.method(...list)',
    'object.method(object.getter)',
    'this?.a',
    'new object.key',
  ];
  for (const text of unknown) assert.equal(outcomeOf(text), 'unknown', text);
  assert.equal(ran, 0);
});
