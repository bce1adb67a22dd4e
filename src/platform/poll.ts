/**
 * Descriptors watched by the event loop (`uv_poll`).
 *
 * While a program ends, libuv still runs what is ready, though no JavaScript can be called any more: so everything that is watched is
 * let go of at the program's (or the worker thread's) `exit`.
 *
 * What is called back runs in the phase of immediates that follows, not in koffi's own call: that one is no callback in the eyes
 * of newer Nodes, after which they would run no microtasks, and it cannot let an error through.
 */
import { koffi } from './libc.ts';

/** A watched descriptor; it keeps the event loop alive unless it is unref'd. */
export interface PollHandle {
  ref(): void;
  unref(): void;
  /** Stops watching; the descriptor stays open. May be called twice. */
  close(): void;
}

const handles = new Set<PollHandle>();
let waiting = false;

/** Calls back for as long as the descriptor is ready. */
export function poll(
  fd: number,
  events: { readonly readable?: boolean; readonly writable?: boolean },
  onReady: () => void,
): PollHandle {
  let due = false;
  const call = (): void => {
    due = false;
    if (handles.has(handle)) onReady();
  };
  const inner = koffi().node.poll(fd, events, () => {
    if (due) return;
    due = true;
    setImmediate(call);
  });
  const handle: PollHandle = {
    ref: () => inner.ref(),
    unref: () => inner.unref(),
    close: () => {
      if (handles.delete(handle)) inner.close();
    },
  };
  handles.add(handle);
  if (!waiting) {
    waiting = true;
    process.on('exit', () => {
      for (const each of handles) each.close();
    });
  }
  return handle;
}
