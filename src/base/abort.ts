/**
 * Listening to abort signals: one listener of each signal, however many calls wait for it. Each with its own would make Node
 * warn of a leak from the eleventh on, though one signal for many calls is what signals are for.
 */

interface Shared {
  readonly acts: Set<() => void>;
  readonly listener: () => void;
}

const shared = new WeakMap<AbortSignal, Shared>();

/**
 * Calls `act` once, when the signal is aborted; not when it is already.
 *
 * @returns what stops that.
 */
export function onceAborted(signal: AbortSignal, act: () => void): () => void {
  // Each call is one of its own, also with a function that others gave.
  const own = (): void => act();
  let known = shared.get(signal);
  if (known === undefined) {
    const acts = new Set<() => void>();
    const listener = (): void => {
      shared.delete(signal);
      for (const each of acts) each();
    };
    known = { acts, listener };
    shared.set(signal, known);
    signal.addEventListener('abort', listener, { once: true });
  }
  const { acts, listener } = known;
  acts.add(own);
  return () => {
    if (!acts.delete(own) || acts.size > 0 || shared.get(signal)?.acts !== acts) return;
    shared.delete(signal);
    signal.removeEventListener('abort', listener);
  };
}
