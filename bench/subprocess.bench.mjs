/** Programs: starting one in a small and in a large process, capturing, both ways, pipelines; against CPython and peers. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import v8 from 'node:v8';
import vm from 'node:vm';
import { DEVNULL, PIPE, Popen, run, runSync } from '../dist/subprocess.js';
import { table } from './measure.mjs';

const [execa, tinyexec, zx] = await Promise.all(
  ['execa', 'tinyexec', 'zx'].map((name) => import(name).catch(() => undefined)),
);
if (zx) zx.$.verbose = false;

v8.setFlagsFromString('--expose-gc');
const collectGarbage = vm.runInNewContext('gc');

const mid = (values) => values.sort((a, b) => a - b)[values.length >> 1];

/** A python3 that measures `statement` whenever it is asked to, so that it takes its turns; undefined without python3. */
function cpython(setup, statement) {
  const program = `
import subprocess, sys, time
${setup}
for _ in sys.stdin:
    t = time.perf_counter()
    ${statement}
    print((time.perf_counter() - t) * 1000, flush=True)
`;
  if (spawnSync('python3', ['--version']).error) return undefined;
  const child = spawn('python3', ['-c', program], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const way = async () => {
    child.stdin.write('\n');
    const { done, value } = await lines.next();
    if (done) throw new Error('python3 ended');
    return Number(value);
  };
  way.end = () => child.stdin.end();
  return way;
}

/**
 * Medians of all ways, taken by turns so that all see the same machine, a few times each in a turn; every other round the
 * other way round, and nobody pays for the garbage of who was there before. What a way returns as a number is its own
 * measurement.
 */
async function compare(ways, rounds, repeat = 1) {
  const present = Object.entries(ways).filter(([, way]) => way !== undefined);
  const times = new Map(present.map(([name]) => [name, []]));
  for (let i = rounds > 10 ? -2 : -1; i < rounds; i++) {
    for (const [name, way] of Math.abs(i) % 2 === 1 ? present : present.toReversed()) {
      collectGarbage();
      for (let k = 0; k < repeat; k++) {
        const begin = performance.now();
        const own = await way();
        if (i >= 0) times.get(name).push(typeof own === 'number' ? own : performance.now() - begin);
      }
    }
  }
  for (const [, way] of present) way.end?.();
  return [...times].map(([name, values]) => [name, mid(values)]);
}

const closed = (child) => once(child, 'close');
const starters = {
  'multiproc run': () => run('true'),
  'multiproc runSync': () => runSync('true'),
  'child_process.spawn': () => closed(spawn('true', { stdio: 'inherit' })),
  'child_process.spawnSync': () => spawnSync('true', { stdio: 'inherit' }),
  ...(execa && { execa: () => execa.execa('true', { stdio: 'inherit' }) }),
  ...(tinyexec && { tinyexec: () => tinyexec.x('true', [], { nodeOptions: { stdio: 'inherit' } }) }),
  ...(zx && { zx: () => zx.$`true`.quiet() }),
};
const cpythonStart = (megabytes) =>
  cpython(`block = bytearray(b'x' * (${megabytes} << 20))`, "subprocess.run(['true'])");

const title = (what) => `run \`true\`, ${what}`;
process.stdout.write(
  table(
    title('small process'),
    'ms',
    'less',
    await compare({ ...starters, 'CPython subprocess.run': cpythonStart(0) }, 25, 3),
  ),
);
const blocks = Array.from({ length: 50 }, () => Buffer.alloc(16 << 20, 1));
process.stdout.write(
  table(
    title('800 MB of live Buffers'),
    'ms',
    'less',
    await compare({ ...starters, 'CPython subprocess.run': cpythonStart(800) }, 12, 3),
  ),
);
if (blocks.length === 0) throw new Error('the blocks must live until here');
blocks.length = 0;

const SIZE = 300_000_000;
const producer = ['head', '-c', String(SIZE), '/dev/zero'];
const delays = new Map();

/** Notes the 99th percentile of the event loop's delay in each run of `way`. */
const watched = (name, way) => {
  const ofRuns = [];
  delays.set(name, ofRuns);
  return async () => {
    const delay = monitorEventLoopDelay({ resolution: 5 });
    delay.enable();
    await way();
    delay.disable();
    ofRuns.push(delay.percentile(99) / 1e6);
  };
};

async function collect(child) {
  const chunks = [];
  child.stdout.on('data', (chunk) => chunks.push(chunk));
  await closed(child);
  const all = Buffer.concat(chunks);
  if (all.length !== SIZE) throw new Error(`${all.length} bytes`);
}
const captured = async (promise) => {
  const { stdout } = await promise;
  if (stdout.length !== SIZE) throw new Error(`${stdout.length} bytes`);
};
process.stdout.write(
  table(
    'capture 300 MB',
    'ms',
    'less',
    await compare(
      {
        'multiproc run': watched('multiproc run', () => captured(run(producer, { stdout: PIPE }))),
        'multiproc runSync': () => captured(runSync(producer, { stdout: PIPE })),
        'child_process.spawn': watched('child_process.spawn', () =>
          collect(spawn(producer[0], producer.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] })),
        ),
        ...(execa && {
          execa: () =>
            captured(
              execa.execa(producer[0], producer.slice(1), { encoding: 'buffer', maxBuffer: 2 * SIZE }),
            ),
        }),
        'CPython subprocess.run': cpython(
          '',
          `assert len(subprocess.run(${JSON.stringify(producer)}, stdout=subprocess.PIPE).stdout) == ${SIZE}`,
        ),
      },
      9,
    ),
  ),
);
process.stdout.write(
  table(
    'delay of the event loop meanwhile, 99th percentile of the middle run',
    'ms',
    'less',
    [...delays].map(([name, ofRuns]) => [name, ofRuns.sort((a, b) => a - b)[ofRuns.length >> 1]]),
  ),
);

const input = Buffer.alloc(SIZE, 'some text ');
async function throughCat() {
  const child = spawn('cat', { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(input);
  await collect(child);
}
process.stdout.write(
  table(
    '300 MB through cat and back',
    'ms',
    'less',
    await compare(
      {
        'multiproc communicate': () => captured(run('cat', { input, stdout: PIPE })),
        'multiproc communicateSync': () => captured(runSync('cat', { input, stdout: PIPE })),
        'child_process.spawn': throughCat,
        'CPython communicate': cpython(
          `data = b'some text ' * ${SIZE / 10}`,
          `assert len(subprocess.run(['cat'], input=data, stdout=subprocess.PIPE).stdout) == ${SIZE}`,
        ),
      },
      5,
    ),
  ),
);

async function pipeline() {
  const yes = new Popen('yes', { stdout: PIPE, stderr: DEVNULL });
  const head = new Popen(['head', '-c', '1G'], { stdin: yes.stdout, stdout: PIPE });
  const wc = new Popen(['wc', '-c'], { stdin: head.stdout, stdout: PIPE });
  await wc.communicate();
  await Promise.all([yes.wait(), head.wait()]);
}
process.stdout.write(
  table('yes | head -c 1G | wc -c', 'ms', 'less', [
    ...(await compare(
      {
        'three Popens': pipeline,
        'a shell': () => spawnSync('sh', ['-c', 'yes | head -c 1G | wc -c']),
      },
      3,
    )),
  ]),
);
