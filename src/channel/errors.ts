/** Python's errors of the module `queue`, and the words for a channel that was closed. */
import { type ErrorDetails, MultiprocError, OSError, ValueError } from '../base/errors.ts';

/** Python's `queue.Empty`: nothing came in time; nothing was taken. */
export class Empty extends MultiprocError {
  constructor(message = 'Cannot get from the queue: it is empty; wait longer', options: ErrorDetails = {}) {
    super(options.code ?? 'ERR_MULTIPROC_QUEUE_EMPTY', message, options);
  }
}

/** Python's `queue.Full`: there was no room in time; nothing was put. */
export class Full extends MultiprocError {
  constructor(message = 'Cannot put into the queue: it is full; wait longer', options: ErrorDetails = {}) {
    super(options.code ?? 'ERR_MULTIPROC_QUEUE_FULL', message, options);
  }
}

/** Python's `queue.ShutDown`: `shutdown()` was called, so nothing can be put, and nothing is left to be taken. */
export class ShutDown extends MultiprocError {
  constructor(message = 'Cannot use the queue: it was shut down', options: ErrorDetails = {}) {
    super(options.code ?? 'ERR_MULTIPROC_QUEUE_SHUT_DOWN', message, options);
  }
}

for (const c of [Empty, Full, ShutDown]) {
  Object.defineProperty(c.prototype, 'name', { value: c.name, configurable: true, writable: true });
}

/** What a connection gives after `close()`, in Python's words. */
export function handleClosed(): OSError {
  return new OSError('handle is closed', { code: 'EBADF' });
}

/** What a queue gives after `close()`, in Python's words. */
export function queueClosed(): ValueError {
  return new ValueError('Queue is closed', { code: 'ERR_MULTIPROC_QUEUE_CLOSED' });
}
