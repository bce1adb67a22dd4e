import {
  checkOutput,
  DEVNULL,
  getoutputSync,
  getstatusoutput,
  PIPE,
  Popen,
  run,
  runSync,
  STDOUT,
  type TimeoutExpired,
} from '../src/subprocess.ts';

console.log(await run(['sh', '-c', 'echo hi; echo err >&2'], { captureOutput: true }));
console.log(runSync(['sh', '-c', 'echo hi; echo err >&2; exit 3'], { captureOutput: true, text: true }));
console.log(await getstatusoutput('echo a; exit 2'), JSON.stringify(getoutputSync('echo b >&2')));
const big = Buffer.alloc(50e6, 'x');
let t = performance.now();
let r = await run(['cat'], { input: big, captureOutput: true });
console.log(r.stdout!.equals(big), performance.now() - t);
t = performance.now();
r = runSync(['cat'], { input: big, captureOutput: true });
console.log(r.stdout!.equals(big), performance.now() - t);
t = performance.now();
try {
  await run(['sh', '-c', 'echo hi; sleep 12 & sleep 12'], { captureOutput: true, timeout: 500 });
} catch (e) {
  console.log((e as Error).message, (e as TimeoutExpired).output, performance.now() - t);
}
t = performance.now();
try {
  runSync(['sh', '-c', 'echo hi; sleep 12 & sleep 12'], { captureOutput: true, timeout: 500, tree: true });
} catch (e) {
  console.log((e as Error).message, (e as TimeoutExpired).output, performance.now() - t);
}
const p1 = new Popen(['yes'], { stdout: PIPE });
const p2 = new Popen(['head', '-c', '3G'], { stdin: p1.stdout, stdout: PIPE });
const p3 = new Popen(['wc', '-c'], { stdin: p2.stdout, stdout: PIPE, text: true });
t = performance.now();
console.log(await p3.communicate(), await p1.wait(), performance.now() - t);
const q = new Popen(['cat'], { stdin: PIPE, stdout: PIPE, text: true });
q.stdin.write('one\n');
console.log(JSON.stringify(await q.stdout.readline()));
q.stdin.write('two\nthree');
q.stdin.end();
for await (const l of q.stdout) console.log(JSON.stringify(l));
console.log(await q.wait(), q);
try {
  new Popen('nonexist', { stdout: PIPE, stdin: PIPE, stderr: PIPE });
} catch (e) {
  console.log((e as Error).message);
}
const z = new Popen(['true'], { stdin: PIPE, stdout: PIPE, stderr: PIPE });
console.log(await z.communicate('x'.repeat(1 << 20)));
const ac = new AbortController();
setTimeout(() => ac.abort(), 100);
try {
  await run(['sleep', '9'], { signal: ac.signal });
} catch (e) {
  console.log((e as Error).name);
}
console.log(process.listenerCount('SIGCHLD'), (await import('node:fs')).readdirSync('/proc/self/fd').length);
