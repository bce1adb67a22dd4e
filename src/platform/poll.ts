/**
 * Descriptors watched by the event loop: in the main thread by koffi (`uv_poll`), in worker threads as thread-poll.ts says.
 *
 * While a program ends, libuv still runs what is ready, though no JavaScript can be called any more: so everything that is watched is
 * let go of at the program's `exit`.
 *
 * koffi's call is no callback in the eyes of Node 22 and later: they would run no microtasks after it, and let no error through.
 * So an immediate follows each: it comes in the same turn of the event loop, and after it everything runs that is due.
 */
import { at, notAt } from '../base/node-process.ts';
import { isMainThread } from '../base/thread.ts';
import { throwUncaught } from '../base/uncaught.ts';
import { koffi } from './libc.ts';
import { offerWatcher } from './poll-offer.ts';
import { pollInThread } from './thread-poll.ts';

/** A watched descriptor; it keeps the event loop alive unless it is unref'd. */
export interface PollHandle {
  ref(): void;
  unref(): void;
  /** Stops watching; the descriptor stays open. May be called twice. */
  close(): void;
}

/** What to watch a descriptor for; the other side's being gone counts as both. */
export interface PollEvents {
  readonly readable?: boolean;
  readonly writable?: boolean;
}

const nothing = (): void => {};
const runsMicrotasks = Number.parseInt(process.versions.node, 10) < 22;

const handles = new Set<PollHandle>();
let isOffered = false;

/** Calls back for as long as the descriptor is ready. */
export function poll(fd: number, events: PollEvents, onReady: () => void): PollHandle {
  return isMainThread() ? pollInMain(fd, events, onReady) : pollInThread(fd, events, onReady);
}

function pollInMain(fd: number, events: PollEvents, onReady: () => void): PollHandle {
  let closed = false;
  const inner = koffi().node.poll(fd, events, () => {
    if (closed) return;
    try {
      onReady();
    } catch (error) {
      throwUncaught(error);
    }
    if (!runsMicrotasks) setImmediate(nothing);
  });
  const handle: PollHandle = {
    ref: () => inner.ref(),
    unref: () => inner.unref(),
    close: () => {
      if (closed) return;
      closed = true;
      handles.delete(handle);
      if (handles.size === 0) notAt('exit: watches', closeAll);
      inner.close();
    },
  };
  handles.add(handle);
  at('exit: watches', closeAll);
  if (!isOffered) {
    isOffered = true;
    offerWatcher((descriptor, onReadable) => pollInMain(descriptor, { readable: true }, onReadable).close);
  }
  return handle;
}

function closeAll(): void {
  for (const each of handles) each.close();
}
