/**
 * Who takes part in a row: processes, worker threads, or tasks of this program, with blocking calls in one of their forms.
 *
 * A job travels as source to processes and threads, so it sees only its parameters; see `test/fixtures/peer.ts`.
 */
import { setTimeout as delay } from 'node:timers/promises';
import * as mp from '../../src/index.ts';
import { type Form, type Kit, kits } from '../fixtures/kits.mjs';
import { type Library, Peer } from '../fixtures/peer.ts';

export type Job<A, R> = (mp: Library, args: A, state: Record<string, unknown>, kit: Kit) => R | Promise<R>;

/** Members that are started once for all rows of a file. */
export class Crew {
  readonly kind: 'processes' | 'threads' | 'tasks';
  readonly form: Form;
  readonly #members: Peer[] = [];

  constructor(kind: Crew['kind'], form: Form) {
    this.kind = kind;
    this.form = form;
  }

  get name(): string {
    return this.kind === 'tasks' ? 'tasks' : `${this.kind}, ${this.form}`;
  }

  /** What the caller itself calls. A task would never come to its turn while its thread is blocked. */
  get kit(): Kit {
    return kits[this.form];
  }

  /** Runs `job` in member `index`, with the member's state; each member does one job at a time in the blocking form. */
  async run<A, R>(index: number, job: Job<A, R>, args: A): Promise<R> {
    if (this.kind === 'tasks') return job(mp, args, {}, this.kit);
    this.#members[index] ??= await (this.kind === 'threads' ? Peer.startThread() : Peer.start());
    return this.#members[index].run(job, args, this.form);
  }

  /** Runs `job` in `count` members at the same time, each with its number as `index`. */
  runAll<A extends object, R>(count: number, job: Job<A & { index: number }, R>, args: A): Promise<R[]> {
    return Promise.all(Array.from({ length: count }, (_, index) => this.run(index, job, { ...args, index })));
  }

  async end(): Promise<void> {
    for (const member of this.#members) await member?.kill();
  }
}

/** Every sort of crew. */
export function allCrews(): Crew[] {
  return [
    new Crew('processes', 'waiting'),
    new Crew('processes', 'blocking'),
    new Crew('threads', 'waiting'),
    new Crew('threads', 'blocking'),
    new Crew('tasks', 'waiting'),
  ];
}

/** Waits until `condition` holds, leaving the event loop to others. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`gave up waiting until ${what}`);
    await delay(2);
  }
}

/** Long enough for something wrong to happen. */
export const aWhile = (): Promise<void> => delay(40);
