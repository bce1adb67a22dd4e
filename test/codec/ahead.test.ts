/** Work for the next message, put off until the one in hand is done. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { putOff } from '../../src/codec/ahead.ts';
import { encode, encodeLent, encodeList } from '../../src/codec/index.ts';

const ways = { encode, encodeLent, encodeList: (value: unknown) => encodeList([value]) };

for (const [name, send] of Object.entries(ways)) {
  test(`${name}: it is done after a message, and given up with one that cannot travel`, () => {
    const ran: string[] = [];
    const puttingOff = (what: string, rest: object): object => ({
      get a() {
        putOff(() => ran.push(what));
        return 1;
      },
      // What asks for work has functions in it.
      f: Math.abs,
      ...rest,
    });
    assert.throws(() => send(puttingOff('refused', { unique: Symbol('unique') })), /unique/);
    send({ f: Math.abs });
    assert.deepEqual(ran, []);
    send(puttingOff('sent', {}));
    assert.deepEqual(ran, ['sent']);
  });
}
