/** What lies in `/dev/shm`, for tests that must leave nothing there. */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { after } from 'node:test';

const prefix = `multiproc_test_${process.pid}_`;
let names = 0;

/** A name that no other test uses; removed when the file's tests are over, should the test have failed to. */
export function freshName(): string {
  if (names === 0) after(() => removeAll());
  return `${prefix}${++names}`;
}

function removeAll(): void {
  for (const file of readdirSync('/dev/shm')) if (file.startsWith(prefix)) rmSync(`/dev/shm/${file}`);
}

/** Whether there is memory of this name. */
export function exists(name: string): boolean {
  return existsSync(`/dev/shm/${name}`);
}

/** Children of a process that are trackers of shared memory. */
export function trackersOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((child) => {
      try {
        const stat = readFileSync(`/proc/${child}/stat`, 'latin1');
        const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        return (
          state !== 'Z' &&
          Number(parent) === pid &&
          readFileSync(`/proc/${child}/cmdline`, 'latin1').includes('resource_tracker')
        );
      } catch {
        return false;
      }
    });
}
