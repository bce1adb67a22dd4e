/** Waiting for a child's end without blocking the thread. */
import { onceAborted } from '../base/abort.ts';
import { timerMs } from '../base/validate.ts';
import type { Child } from '../platform/launch.ts';

/**
 * Resolves with the return code, or with null when time is up. Keeps the event loop alive meanwhile, also for a daemon.
 *
 * @throws The signal's reason, when it is aborted first.
 */
export function waitForExit(child: Child, timeout?: number, signal?: AbortSignal): Promise<number | null> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const code = child.poll();
    if (code !== null || timeout === 0) {
      resolve(code);
      return;
    }
    // A pending interval is what keeps the loop alive: whether the child itself does is its owner's decision.
    const alive = setInterval(() => {}, 2 ** 30);
    const timer =
      timeout === undefined
        ? undefined
        : setTimeout(() => settle(() => resolve(child.poll())), timerMs(timeout));
    const unsubscribe = child.onExit((returncode) => settle(() => resolve(returncode)));
    const onAbort = (): void => settle(() => reject(signal!.reason));
    const deaf = signal && onceAborted(signal, onAbort);
    function settle(how: () => void): void {
      clearInterval(alive);
      clearTimeout(timer);
      unsubscribe();
      deaf?.();
      how();
    }
  });
}
