/** Ctrl-C, and a program's end, on a real terminal: everything ends once, without noise, and nothing lives on. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { root, temporaryDirectory } from '../support/run.ts';
import { ctrlC, ctrlD, noTerminal, type OnTerminal, onTerminal } from '../support/terminal.ts';

const built = path.join(root, 'dist', 'index.js');

describe('on a terminal', { skip: noTerminal, concurrency: 2 }, () => {
  /** Each program says READY when it is time to press Ctrl-C. */
  const pressed = async (
    t: Parameters<typeof temporaryDirectory>[0],
    text: string,
    steps: readonly (readonly [string, string])[] = [['READY', ctrlC]],
  ): Promise<OnTerminal> => {
    const file = path.join(temporaryDirectory(t), 'main.mjs');
    writeFileSync(file, `import * as mp from ${JSON.stringify(built)};\n${text}`);
    return onTerminal([file], steps);
  };
  /** As a program without any children ends: by the signal, and the screen shows nothing but the echo of the key. */
  const endsAsAnOrdinaryProgram = (end: OnTerminal): void => {
    assert.deepEqual([end.code, end.signal, end.left, end.unused], [null, 'SIGINT', 0, 0], end.screen);
    assert.equal(end.screen.replace(/READY\n/, '').replace('^C', ''), '');
  };

  const busy = '() => { console.log("READY"); for (;;); }';
  for (const [what, text] of [
    ['an ordinary program', 'console.log("READY"); setInterval(() => {}, 1000);'],
    [
      'a parent that joins a busy child',
      `const p = new mp.Process({ target: ${busy} }); p.start(); await p.join();`,
    ],
    [
      'a parent that joins a busy child, blocked',
      `const p = new mp.Process({ target: ${busy} }); p.start(); p.joinSync();`,
    ],
    [
      'a parent with a busy daemon',
      `new mp.Process({ target: ${busy}, daemon: true }).start(); setInterval(() => {}, 1000);`,
    ],
    ['a parent that ends while a busy child goes on', `new mp.Process({ target: ${busy} }).start();`],
    [
      'a child with a child of its own',
      `const p = new mp.Process({ target: async () => { const q = new mp.Process({ target: ${busy} }); q.start(); await q.join(); } });
       p.start(); await p.join();`,
    ],
    [
      'a pool in the middle of a map, busy',
      `const pool = new mp.Pool(2);
       await pool.map((i) => { if (i === 0) console.log("READY"); for (;;); }, [0, 1, 2, 3], 1);`,
    ],
    [
      'a pool in the middle of a blocking map',
      `const pool = new mp.Pool(2);
       pool.mapSync((i) => { if (i === 0) console.log("READY"); for (;;); }, [0, 1, 2, 3], 1);`,
    ],
    [
      'a pool in the middle of a map that awaits',
      `const pool = new mp.Pool(2);
       await pool.map((i) => { if (i === 0) console.log("READY"); return new Promise((done) => setTimeout(done, 100000)); }, [0, 1, 2, 3], 1);`,
    ],
    [
      'a parent that waits for a queue',
      `const q = new mp.Queue(); const p = new mp.Process({ target: async (q) => { console.log("READY"); await q.get(); }, args: [q] });
       p.start(); await p.join();`,
    ],
    [
      'a parent that waits for a queue, blocked',
      `const q = new mp.Queue(); const p = new mp.Process({ target: (q) => { console.log("READY"); q.getSync(); }, args: [q] });
       p.start(); p.joinSync();`,
    ],
  ] as const) {
    test(`Ctrl-C ends ${what} at once, without noise`, async (t) => {
      endsAsAnOrdinaryProgram(await pressed(t, text));
    });
  }

  test('a parent that handles Ctrl-C decides: its pool works on, its child has ended', async (t) => {
    const end = await pressed(
      t,
      `
      process.once('SIGINT', () => console.log('handled'));
      const pool = new mp.Pool(2);
      const p = new mp.Process({ target: () => { for (;;); } });
      p.start();
      const result = await pool.map(async (i) => {
        if (i === 0) console.log('READY');
        await new Promise((done) => setTimeout(done, 500));
        return i * i;
      }, [0, 1, 2, 3], 1);
      console.log(result.join());
      pool.close();
      await pool.join();
      await p.join();
      console.log(String(p.exitcode));
    `,
    );
    assert.deepEqual([end.code, end.signal, end.left], [0, null, 0], end.screen);
    assert.equal(end.screen.replace('^C', ''), 'READY\nhandled\n0,1,4,9\n-2\n');
  });

  test('a program ends at once although its pool is idle, and leaves nothing', async (t) => {
    const end = await pressed(
      t,
      'const pool = new mp.Pool(2); console.log((await pool.map((x) => x + 1, [1, 2])).join());',
      [],
    );
    assert.deepEqual([end.code, end.screen, end.left], [0, '2,3\n', 0]);
  });

  test('a pool that was never used does not keep a program alive', async (t) => {
    const end = await pressed(t, 'new mp.Pool(2);', []);
    assert.deepEqual([end.code, end.screen, end.left], [0, '', 0]);
  });

  for (const [how, statement, code] of [
    ['process.exit()', 'process.exit(3)', 3],
    ['an uncaught error', 'setTimeout(() => { throw new Error("on purpose"); })', 1],
    ['a rejected promise', 'void Promise.reject(new Error("on purpose"))', 1],
  ] as const) {
    test(`${how} while a pool works and a daemon is busy leaves nothing behind`, async (t) => {
      const end = await pressed(
        t,
        `
        const pool = new mp.Pool(2);
        new mp.Process({ target: () => { for (;;); }, daemon: true }).start();
        void pool.map(() => { for (;;); }, [0, 1, 2, 3], 1).catch(() => {});
        await new Promise((done) => setTimeout(done, 300));
        ${statement};
      `,
        [],
      );
      assert.deepEqual([end.code, end.left], [code, 0], end.screen);
      assert.equal(end.screen.includes('on purpose'), code === 1);
    });
  }

  test('the demo stops by Ctrl-C in the middle, without a word', async (t) => {
    const folder = temporaryDirectory(t);
    for (let i = 0; i < 40; i++) {
      mkdirSync(path.join(folder, `${i}`));
      for (let j = 0; j < 50; j++) {
        writeFileSync(path.join(folder, `${i}`, `${j}.txt`), 'some words to count '.repeat(4000));
      }
    }
    const end = await onTerminal(
      [path.join(root, 'examples', 'word-count.mjs'), folder],
      [[String.raw`1 worker .*\d{2,}/2000`, ctrlC]],
    );
    assert.deepEqual([end.code, end.signal, end.left, end.unused], [null, 'SIGINT', 0, 0], end.screen);
    assert.doesNotMatch(end.screen, /Error|2 workers/);
  });

  /** The REPL's prompt, and nothing behind it, after what was printed. */
  const prompt = (after: string): string => `${after}[^>]*\\n> \\Z`;

  test('the REPL runs what was typed, and its end leaves nothing behind', async () => {
    const end = await onTerminal(
      ['-i'],
      [
        ['> \\Z', `const mp = require(${JSON.stringify(built)})\r`],
        [prompt('undefined'), 'const offset = 40; const add = (x) => x + offset\r'],
        [prompt('undefined'), 'const pool = new mp.Pool(2)\r'],
        [prompt('undefined'), 'await pool.map(add, [1, 2])\r'],
        [prompt('\\[ 41, 42 \\]'), "const p = new mp.Process({ target: () => console.log('from child') })\r"],
        [prompt('undefined'), 'p\r'],
        [
          `<Process name='Process-\\d+' parent=\\d+ initial>\\n> \\Z`,
          'p.start(); p.joinSync(); p.exitcode\r',
        ],
        [prompt('from child\\n0'), ctrlD],
      ],
    );
    assert.deepEqual([end.code, end.signal, end.left, end.unused], [0, null, 0, 0], end.screen);
  });

  test('Ctrl-C in the REPL ends what blocks it, and the REPL goes on', async () => {
    const end = await onTerminal(
      ['-i'],
      [
        ['> \\Z', `const mp = require(${JSON.stringify(built)})\r`],
        [
          prompt('undefined'),
          "const p = new mp.Process({ target: () => { console.log('READ' + 'Y'); for (;;); } })\r",
        ],
        // A key that comes before start() is over would end that.
        [prompt('undefined'), "p.start(); console.log('STAR' + 'TED'); p.joinSync()\r"],
        ['(?s)(READY.*STARTED|STARTED.*READY)\\n', ctrlC],
        // The key reaches both: the child may end a moment later.
        ['\\n> \\Z', "p.joinSync(); 'code ' + p.exitcode\r"],
        [prompt("'code -2'"), ctrlD],
      ],
    );
    assert.deepEqual([end.code, end.left, end.unused], [0, 0, 0], end.screen);
  });
});
