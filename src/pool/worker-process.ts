/** The process of a pool's worker: what it is started with. */
import { closeSync } from 'node:fs';
import { FileNotFoundError } from '../base/errors.ts';
import { registerTravelClass } from '../base/travel.ts';
import { openSocketPair } from '../platform/descriptors.ts';
import type { Child } from '../platform/launch.ts';
import { createOwned } from '../platform/thread-end.ts';
import { parentProcess } from '../process/current.ts';
import { FIRST_EXTRA_FD } from '../process/message.ts';
import { Process, startWith } from '../process/process.ts';
import { type Link, type LinkHandle, OwnLink, openLink } from './link.ts';
import type { WorkerSettings } from './settings.ts';

/** Where a worker finds its end of the doorbell. */
const BELL_FD = FIRST_EXTRA_FD;

/** `SpawnPoolWorker-1`, as Python calls it. */
export class PoolWorkerProcess extends Process {
  readonly settings: WorkerSettings;
  link: LinkHandle | undefined;
  #memory: OwnLink | undefined;

  constructor(settings: WorkerSettings) {
    super({ daemon: true });
    this.settings = settings;
  }

  /** Starts it, and gives the parent's side of what they share. */
  startWorker(): Link & { readonly child: Child } {
    const memory = new OwnLink();
    this.link = memory.handle();
    const [mine, theirs] = createOwned(2, openSocketPair) as [number, number];
    let child: Child;
    try {
      child = startWith(this, { extra: new Map([[BELL_FD, theirs]]), nestable: true });
      child.unref();
    } catch (error) {
      closeSync(mine);
      memory.close();
      throw error;
    } finally {
      closeSync(theirs);
    }
    this.#memory = memory;
    return { child, ...memory.open(mine) };
  }

  /** Frees what the parent holds of it. */
  release(): void {
    this.#memory?.close();
    this.#memory = undefined;
  }

  override async run(): Promise<void> {
    const { work } = await import('./worker-main.ts');
    await work(this.settings, await linkTo(this.link!));
  }
}

/** How long a parent that ends may take from the first of its descriptors to the last, in milliseconds. */
const endingMs = 2000;

/** What a parent shares is gone a moment before its lifeline tells of its end: that is nothing to complain of. */
async function linkTo(handle: LinkHandle): Promise<ReturnType<typeof openLink>> {
  try {
    return openLink(handle, BELL_FD);
  } catch (error) {
    if (!(error instanceof FileNotFoundError)) throw error;
    const parent = parentProcess();
    await parent?.join({ timeout: endingMs });
    if (parent?.isAlive() === false) process.exit(1);
    throw error;
  }
}

Object.defineProperty(PoolWorkerProcess, 'name', { value: 'SpawnPoolWorker' });
registerTravelClass('pool/SpawnPoolWorker', PoolWorkerProcess as never);
