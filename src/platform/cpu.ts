/**
 * How many cores this process may really use: affinity and the cgroup's quota, whichever is less.
 *
 * `os.availableParallelism()` knows the affinity everywhere and the cgroup only in newer Nodes, hence the reading here.
 */
import { readFileSync } from 'node:fs';
import os from 'node:os';

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return undefined;
  }
}

/** cgroup v2: `cpu.max` of the own group and of those above it; the least counts. */
function quotaV2(group: string): number | undefined {
  let least: number | undefined;
  for (let dir = group; ; dir = dir.slice(0, dir.lastIndexOf('/'))) {
    const [quota, period] = read(`/sys/fs/cgroup${dir}/cpu.max`)?.split(' ') ?? [];
    if (quota !== undefined && quota !== 'max' && period !== undefined) {
      least = Math.min(least ?? Number.POSITIVE_INFINITY, Number(quota) / Number(period));
    }
    if (dir === '' || dir === '/') return least;
  }
}

/** cgroup v1: `cpu.cfs_quota_us`, -1 for none. */
function quotaV1(group: string): number | undefined {
  for (const dir of [`/sys/fs/cgroup/cpu${group}`, '/sys/fs/cgroup/cpu']) {
    const quota = Number(read(`${dir}/cpu.cfs_quota_us`) ?? Number.NaN);
    const period = Number(read(`${dir}/cpu.cfs_period_us`) ?? Number.NaN);
    if (quota > 0 && period > 0) return quota / period;
  }
  return undefined;
}

/** Cores' worth of time that the cgroup allows, or undefined where there is no limit. */
export function cgroupCores(): number | undefined {
  for (const line of read('/proc/self/cgroup')?.split('\n') ?? []) {
    const [, controllers, group] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers === undefined || group === undefined) continue;
    const quota =
      controllers === ''
        ? quotaV2(group === '/' ? '' : group)
        : controllers.split(',').includes('cpu')
          ? quotaV1(group)
          : undefined;
    if (quota !== undefined) return quota;
  }
  return undefined;
}

/** Usable cores, at least 1. */
export function usableCores(): number {
  const quota = cgroupCores();
  const cores = os.availableParallelism();
  return quota === undefined ? cores : Math.max(1, Math.min(cores, Math.ceil(quota)));
}
