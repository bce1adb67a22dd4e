import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { signalTree } from '../../src/platform/tree.ts';
import { PIPE, Popen } from '../../src/subprocess.ts';

/** Whether it runs, stopped or not. */
function runs(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return !['Z', 'X'].includes(stat[stat.lastIndexOf(')') + 2]!);
  } catch {
    return false;
  }
}

async function untilGone(pids: readonly number[]): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (pids.some(runs)) {
    assert.ok(performance.now() < deadline, `${pids.filter(runs)} still run`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Starts a script that prints the pids of what it starts, a line each. */
async function family(script: string, lines: number, options: object = {}) {
  const p = new Popen(['sh', '-c', script], { stdout: PIPE, text: true, ...options });
  const pids: number[] = [];
  while (pids.length < lines) pids.push(Number(await p.stdout.readline()));
  return { p, pids };
}

test('children, their children, and those in groups and sessions of their own get the signal', async () => {
  const script =
    "sleep 61 & echo $!; setsid sh -c 'echo $$; sleep 62 & echo $!; wait' & set -m; sleep 63 & echo $!; wait";
  const { p, pids } = await family(script, 4);
  assert.ok(pids.every(runs));
  assert.ok(signalTree(p.pid, 'SIGKILL', true) >= 5);
  assert.equal(await p.wait(), -9);
  await untilGone(pids);
  p.stdout.destroy();
});

test('what is left of a group whose leader has ended still gets it', async () => {
  const { p, pids } = await family('sleep 64 & echo $!', 1, { processGroup: 0 });
  assert.equal(await p.wait(), 0);
  assert.ok(pids.every(runs));
  assert.equal(signalTree(p.pid, 'SIGTERM', false), 1);
  await untilGone(pids);
  p.stdout.destroy();
});

test('a program that ended and led no group has nobody left', async () => {
  const p = new Popen('true');
  assert.equal(await p.wait(), 0);
  assert.equal(signalTree(p.pid, 'SIGTERM', false), 0);
});

test('a signal that ends nobody leaves everybody running, not stopped', async () => {
  const { p, pids } = await family('sleep 65 & echo $!; wait', 1);
  assert.equal(signalTree(p.pid, 'SIGURG', true), 2);
  const state = (pid: number): string => readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]![0]!;
  assert.ok([p.pid, ...pids].every((pid) => state(pid) !== 'T'));
  p.kill({ tree: true });
  assert.equal(await p.wait(), -9);
  await untilGone(pids);
  p.stdout.destroy();
});
