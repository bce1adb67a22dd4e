/** The process of a pool's worker: what it is started with. */
import { closeSync } from 'node:fs';
import { registerTravelClass } from '../base/travel.ts';
import { openSegment, Segment, type SegmentHandle } from '../memory/segment.ts';
import { openSocketPair } from '../platform/descriptors.ts';
import { FIRST_EXTRA_FD } from '../process/message.ts';
import { Process, startWith } from '../process/process.ts';
import { Claims } from './claims.ts';
import { PipeTransport } from './pipe-transport.ts';
import type { WorkerSettings } from './settings.ts';
import type { Transport } from './transport.ts';

/** Where a worker finds its end of the socket. */
const TRANSPORT_FD = FIRST_EXTRA_FD;

/** `SpawnPoolWorker-1`, as Python calls it. */
export class PoolWorkerProcess extends Process {
  readonly settings: WorkerSettings;
  claims: SegmentHandle | undefined;
  #segment: { close(): void } | undefined;

  constructor(settings: WorkerSettings) {
    super({ daemon: true });
    this.settings = settings;
  }

  /** Starts it, and gives the parent's ends of what they share. */
  startWorker(onExit: (exitcode: number) => void): {
    readonly transport: Transport;
    readonly claims: Claims;
  } {
    const segment = Segment.create(Claims.byteLength);
    this.claims = segment.handle();
    const [mine, theirs] = openSocketPair();
    try {
      const child = startWith(this, { extra: new Map([[TRANSPORT_FD, theirs]]), nestable: true });
      child.onExit(onExit);
      child.unref();
    } catch (error) {
      closeSync(mine);
      segment.close();
      throw error;
    } finally {
      closeSync(theirs);
    }
    this.#segment = segment;
    return { transport: new PipeTransport(mine), claims: new Claims(new Int32Array(segment.buffer)) };
  }

  /** Frees what the parent holds of it. */
  release(): void {
    this.#segment?.close();
    this.#segment = undefined;
  }

  override async run(): Promise<void> {
    const { work } = await import('./worker-main.ts');
    const claims = new Claims(new Int32Array(openSegment(this.claims!).buffer));
    await work(this.settings, new PipeTransport(TRANSPORT_FD), claims);
  }
}

Object.defineProperty(PoolWorkerProcess, 'name', { value: 'SpawnPoolWorker' });
registerTravelClass('SpawnPoolWorker', PoolWorkerProcess as never);
