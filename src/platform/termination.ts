/**
 * How a worker thread that is blocked in the kernel learns that it is to be terminated (`worker.terminate()`, `process.exit()` of the
 * main thread), which would otherwise wait for it.
 *
 * Node has the engine throw as soon as JavaScript runs again, and wakes the thread's event loop: `uv_async_send()` of a handle that is
 * the environment's own. The loop's epoll is ready then. It may be so already, for the loop does not turn while the thread blocks; but
 * each wake is an edge, also then, and so an epoll of ours holds the loop's, edge-triggered (epoll(7)).
 *
 * libuv wakes the loop once for each handle until it turns. If somebody else has used Node's handle since (a heap snapshot of this
 * thread, the end of a thread that this one has started), terminating makes no edge. So we look into the handle whether it is used.
 *
 * The loop and its handles are had through Node's and libuv's public functions, `uv_async_t` has its public layout. Which of the handles
 * it is, nobody says: the environment has it as a member behind a `uv_check_t`. Where none stands like that, nobody is told.
 *
 * http://docs.libuv.org/en/v1.x/async.html#c.uv_async_send
 */

import { POLLIN } from './descriptors.ts';
import { addToEpoll, createEpoll, EPOLLET, readyIn } from './epoll.ts';
import { check, declare, declareType } from './libc.ts';
import { ownNumbers } from './thread-end.ts';
import { closeQuietly } from './wake-pipe.ts';

const currentIsolate = declare<() => number>('int64_t _ZN2v87Isolate10GetCurrentEv()');
const eventLoopOf = declare<(isolate: number) => number>(
  'int64_t _ZN4node19GetCurrentEventLoopEPN2v87IsolateE(int64_t isolate)',
);
const uv_backend_fd = declare<(loop: number) => number>('int uv_backend_fd(int64_t loop)');
const uv_handle_get_type = declare<(handle: number) => number>('int uv_handle_get_type(int64_t handle)');
const uv_handle_size = declare<(type: number) => number>('size_t uv_handle_size(int type)');
const declareVisit = declareType('void VisitHandle(int64_t handle, int64_t argument)');
const uv_walk = declare<(loop: number, visit: (handle: number) => void, argument: number) => void>(
  'void uv_walk(int64_t loop, VisitHandle *visit, int64_t argument)',
);
const memcpy = declare<(target: Int32Array, source: number, bytes: number) => void>(
  'void memcpy(void *target, int64_t source, size_t bytes)',
);
/** Of `uv_handle_type`. */
const UV_ASYNC = 1;
const UV_CHECK = 2;
/** `uv_async_t` on 64 bits: its last member, an int, says whether it has woken the loop and the loop has not turned since. */
const asyncBytes = 128;
const pendingAt = 120;

interface Channel {
  readonly epoll: number;
  /** The address of Node's handle. */
  readonly handle: number;
}

/** Undefined until asked for; `null` when there is none in this Node. */
let channel: Channel | null | undefined;

/** Where Node's handle is: see the file's header. 0 when there is none. */
function findHandle(loop: number): number {
  const checkBytes = uv_handle_size(UV_CHECK);
  let behindCheck = 0;
  let found = 0;
  declareVisit();
  uv_walk(
    loop,
    (handle) => {
      const type = uv_handle_get_type(handle);
      if (found === 0 && type === UV_ASYNC && handle === behindCheck) found = handle;
      behindCheck = type === UV_CHECK ? handle + checkBytes : 0;
    },
    0,
  );
  return found;
}

function open(): Channel | null {
  if (uv_handle_size(UV_ASYNC) !== asyncBytes) return null;
  const loop = eventLoopOf(currentIsolate());
  const handle = loop === 0 ? 0 : findHandle(loop);
  if (handle === 0) return null;
  const [epoll] = ownNumbers(1, () => [createEpoll()]) as [number];
  try {
    check(addToEpoll(epoll, uv_backend_fd(loop), POLLIN | EPOLLET), 'epoll_ctl');
  } catch (error) {
    closeQuietly(epoll);
    throw error;
  }
  return { epoll, handle };
}

const word = new Int32Array(1);

/** Whether the handle has woken the loop, which has not turned since. */
function isPending(handle: number): boolean {
  memcpy(word, handle + pendingAt, 4);
  return word[0] !== 0;
}

/**
 * From now on, a worker thread that is to be terminated is told.
 *
 * @returns a descriptor that can be read then, and now and then for another reason; undefined where it cannot be told: it is to come
 * back to JavaScript now and then.
 */
export function expectTermination(): number | undefined {
  try {
    if (channel === undefined) channel = open();
  } catch (error) {
    // No descriptors left now; or a Node that does not have such functions.
    if ((error as { code?: unknown }).code === undefined) channel = null;
    return undefined;
  }
  if (channel === null) return undefined;
  // First: what wakes the loop from now on makes an edge. The handle was used before, or will make one.
  readyIn(channel.epoll);
  return isPending(channel.handle) ? undefined : channel.epoll;
}
