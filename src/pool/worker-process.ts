/** The process of a pool's worker: what it is started with. */
import { registerTravelClass } from '../base/travel.ts';
import { closeFd, openSocketPair } from '../platform/descriptors.ts';
import type { Child } from '../platform/launch.ts';
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
    const [mine, theirs] = openSocketPair();
    let child: Child;
    try {
      child = startWith(this, { extra: new Map([[BELL_FD, theirs]]), nestable: true });
      child.unref();
    } catch (error) {
      closeFd(mine);
      memory.close();
      throw error;
    } finally {
      closeFd(theirs);
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
    await work(this.settings, openLink(this.link!, BELL_FD));
  }
}

Object.defineProperty(PoolWorkerProcess, 'name', { value: 'SpawnPoolWorker' });
registerTravelClass('pool/SpawnPoolWorker', PoolWorkerProcess as never);
