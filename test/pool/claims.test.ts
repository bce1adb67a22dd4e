import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Claims } from '../../src/pool/claims.ts';

test('of a worker that takes and a parent that withdraws exactly one succeeds', () => {
  const claims = new Claims(new Int32Array(Claims.size));
  claims.sent(5);
  assert.equal(claims.take(5), true);
  assert.equal(claims.withdraw(5), false);
  claims.sent(6);
  assert.equal(claims.withdraw(6), true);
  assert.equal(claims.take(6), false);
});

test('a word serves again for a later task', () => {
  const claims = new Claims(new Int32Array(Claims.size));
  claims.sent(1);
  claims.take(1);
  claims.sent(1 + Claims.size);
  assert.equal(claims.take(1 + Claims.size), true);
});

test('a task that was never sent can be neither taken nor withdrawn', () => {
  const claims = new Claims(new Int32Array(Claims.size));
  assert.equal(claims.take(0), false);
  assert.equal(claims.withdraw(0), false);
});
