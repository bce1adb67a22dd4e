/**
 * Python's `multiprocessing.connection.wait`: for the first of several things to be ready.
 *
 * Connections and queues are waited for through parking (waiting.ts), everything else through its descriptor. A thread that
 * blocks waits for its own bell (sync/bell.ts) and all descriptors in one `poll`.
 *
 * https://docs.python.org/3/library/multiprocessing.html#multiprocessing.connection.wait
 */
import { Socket } from 'node:net';
import { onceAborted } from '../base/abort.ts';
import { DeadlockError, OSError, ValueError } from '../base/errors.ts';
import {
  checkSignal,
  checkTimeout,
  type SyncWaitOptions,
  show,
  typeError,
  type WaitOptions,
} from '../base/validate.ts';
import { pollFds } from '../platform/blocking-poll.ts';
import { duplicate, isOpen, POLLIN } from '../platform/descriptors.ts';
import { closeWatched, watchFd } from '../platform/watch.ts';
import { bellDescriptor, hearBell } from '../sync/bell.ts';
import { hearDeaths, type ParkingLot, suspendGrants } from '../sync/parking.ts';
import { deathDescriptor, longestRest } from '../sync/rest.ts';
import { EMPTY } from './ring.ts';
import { type Waitable, waitable } from './waitable.ts';
import { attemptNow, type Parked, park, type Want, wait as waitFor } from './waiting.ts';

/** What {@link wait} takes: connections, queues, `sentinel`s of processes or other descriptors, and sockets. */
export type WaitObject = Waitable | Socket | number;

/** How often a thread that blocks looks whether the other sides live, in milliseconds, until it rests (sync/rest.ts). */
const lookMilliseconds = 500;

/** What a timer of Node can be set to, in milliseconds. */
const longestTimer = 2 ** 31 - 1;

/** One of the objects, as this file sees it. */
interface Source {
  ready(sure: boolean): boolean;
  /** Settles when it may be ready, at the latest when `signal` is aborted; rejects for an error of the object. */
  happens(signal: AbortSignal): Promise<unknown>;
  /** For a thread that blocks: what to `poll` … */
  readonly fd?: number;
  /** … or what to get in line for. */
  readonly want?: Want<true>;
}

function parkedSource(want: Want<true>): Source {
  return {
    want,
    ready: (sure) => {
      if (sure) want.over(true);
      return attemptNow(want) !== EMPTY;
    },
    happens: (signal) => waitFor(want, { deadline: undefined, signal }),
  };
}

function descriptorSource(fd: number): Source {
  if (!Number.isInteger(fd) || fd < 0 || !isOpen(fd)) {
    throw new OSError(`Cannot wait for descriptor ${fd}: it is not open`, { code: 'EBADF', syscall: 'poll' });
  }
  return {
    fd,
    ready: () => pollFds([{ fd, events: POLLIN }], 0)[0] !== 0,
    happens: (signal) =>
      new Promise<void>((resolve) => {
        // A number of its own: several may wait for the same descriptor, which the event loop watches once only.
        const own = duplicate(fd);
        const watch = watchFd(own, 'readable', end);
        const deaf = onceAborted(signal, end);
        function end(): void {
          deaf();
          watch.stop();
          closeWatched(own);
          resolve();
        }
      }),
  };
}

const socketEvents = ['readable', 'end', 'close', 'error'] as const;

/** A socket reads ahead by itself: what counts is what its stream has. */
function socketSource(socket: Socket): Source {
  const { fd } = (socket as unknown as { _handle?: { readonly fd?: number } | null })._handle ?? {};
  return {
    ...(fd !== undefined && fd >= 0 ? { fd } : {}),
    ready: () =>
      socket.readableLength > 0 ||
      socket.readableEnded ||
      socket.destroyed ||
      (fd !== undefined && fd >= 0 && pollFds([{ fd, events: POLLIN }], 0)[0] !== 0),
    happens: (signal) =>
      new Promise<void>((resolve) => {
        for (const event of socketEvents) socket.on(event, end);
        const deaf = onceAborted(signal, end);
        function end(): void {
          deaf();
          for (const event of socketEvents) socket.off(event, end);
          resolve();
        }
      }),
  };
}

function sourceOf(object: WaitObject): Source {
  if (typeof object === 'number') return descriptorSource(object);
  if (object instanceof Socket) return socketSource(object);
  const describe = (object as Partial<Waitable> | null | undefined)?.[waitable];
  if (typeof describe !== 'function') {
    throw typeError(
      `Cannot wait for ${show(object)}: give connections, queues, sentinels of processes, or sockets`,
    );
  }
  return parkedSource(describe.call(object));
}

function sourcesOf(objects: Iterable<WaitObject>): Map<WaitObject, Source> {
  if (typeof (objects as Partial<Iterable<WaitObject>> | null)?.[Symbol.iterator] !== 'function') {
    throw typeError(`Cannot wait: the first argument must be a list, got ${show(objects)}`);
  }
  const sources = new Map<WaitObject, Source>();
  for (const object of objects) {
    if (sources.has(object)) throw new ValueError('Cannot wait: the same object was given twice');
    sources.set(object, sourceOf(object));
  }
  return sources;
}

function readyOf<T extends WaitObject>(sources: Map<WaitObject, Source>, sure: boolean): T[] {
  return [...sources].filter(([, source]) => source.ready(sure)).map(([object]) => object as T);
}

/**
 * Waits until at least one of `objects` is ready, and gives those that are, in the order in which they were given.
 *
 * Ready is: a connection with a message or whose other side is gone, a queue with a message or shut down, a process's `sentinel` after
 * its end, another descriptor or a socket with something to read or at its end. Nothing is taken: receive from what is
 * ready.
 *
 * @param options `{ timeout, signal }` in milliseconds, or just the timeout; when time is up the result is empty.
 * @throws {OSError} For an object that is closed. @throws {ValueError} For one given twice.
 * @example
 * for (const connection of await wait([a, b, worker.sentinel], { timeout: 1000 })) …
 */
export async function wait<T extends WaitObject>(
  objects: Iterable<T>,
  options?: WaitOptions | number | null,
): Promise<T[]> {
  const { timeout, signal } = typeof options === 'number' ? { timeout: options } : (options ?? {});
  const milliseconds = checkTimeout(timeout);
  const outer = checkSignal(signal);
  outer?.throwIfAborted();
  const sources = sourcesOf(objects);
  let ready = readyOf<T>(sources, false);
  if (ready.length > 0 || milliseconds === 0) return ready;
  const controller = new AbortController();
  const deaf = outer && onceAborted(outer, () => controller.abort(outer.reason));
  const timer =
    milliseconds === undefined
      ? undefined
      : setTimeout(() => controller.abort(), Math.min(milliseconds, longestTimer));
  try {
    while (ready.length === 0 && !controller.signal.aborted) {
      const round = new AbortController();
      const endRound = (): void => round.abort();
      controller.signal.addEventListener('abort', endRound, { once: true });
      const happening = [...sources.values()].map((source) =>
        source.happens(round.signal).catch((error: unknown) => {
          if (!round.signal.aborted) throw error;
        }),
      );
      try {
        if (happening.length === 0) await aborted(round.signal);
        else await Promise.race(happening);
      } finally {
        controller.signal.removeEventListener('abort', endRound);
        round.abort();
        await Promise.allSettled(happening);
      }
      outer?.throwIfAborted();
      ready = readyOf<T>(sources, true);
    }
    return ready;
  } finally {
    clearTimeout(timer);
    deaf?.();
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

/**
 * {@link wait}, blocking the calling thread.
 *
 * @throws {DeadlockError} For an empty list without a timeout: it would wait for ever.
 */
export function waitSync<T extends WaitObject>(
  objects: Iterable<T>,
  options?: SyncWaitOptions | number | null,
): T[] {
  const { timeout } = typeof options === 'number' ? { timeout: options } : (options ?? {});
  const milliseconds = checkTimeout(timeout);
  const sources = sourcesOf(objects);
  let ready = readyOf<T>(sources, false);
  if (ready.length > 0 || milliseconds === 0) return ready;
  if (sources.size === 0 && milliseconds === undefined) {
    throw new DeadlockError(
      'Cannot wait: nothing was given to wait for, and no timeout; it would take for ever',
    );
  }
  const deadline = performance.now() + (milliseconds ?? Number.POSITIVE_INFINITY);
  // Tasks of this thread cannot run meanwhile: others go first.
  const suspended = suspendGrants();
  const controller = new AbortController();
  const items: { fd: number; events: number }[] = [];
  const places = new Map<Want<true>, Parked>();
  const lots = new Set<ParkingLot>();
  for (const { fd, want } of sources.values()) {
    if (want !== undefined) {
      places.set(want, park(want, controller.signal));
      lots.add(want.ring.lot);
    }
    if (fd !== undefined) items.push({ fd, events: POLLIN });
  }
  const bell = bellDescriptor();
  if (bell !== undefined) items.push({ fd: bell, events: POLLIN });
  try {
    for (let sure = false; ; ) {
      // What it left the line for, another one may have taken.
      for (const [want, place] of places) {
        if (!place.isInLine) places.set(want, park(want, controller.signal));
      }
      const rests = sure && lots.size > 0 && [...lots].every((lot) => lot.tasksMayRest());
      ready = readyOf<T>(sources, sure);
      const left = deadline - performance.now();
      if (ready.length > 0 || left <= 0) return ready;
      const longest = rests ? longestRest : bell === undefined ? left : lookMilliseconds;
      const nap = Math.min(left, longest);
      const all = rests ? [...items, { fd: deathDescriptor(), events: POLLIN }] : items;
      const events = pollFds(all, nap === Number.POSITIVE_INFINITY ? undefined : nap);
      sure = events.every((event) => event === 0);
      if (rests && events.pop() !== 0) {
        hearDeaths();
        sure = true;
      }
      if (bell !== undefined && events.at(-1) !== 0) hearBell();
    }
  } finally {
    controller.abort();
    for (const lot of suspended) lot.resumeGrants();
  }
}
