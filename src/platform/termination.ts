/**
 * How a worker thread that is blocked in the kernel learns that it is to be terminated (`worker.terminate()`, `process.exit()` of the
 * main thread), which would otherwise wait for it.
 *
 * Node has the engine throw as soon as JavaScript runs again, and then wakes the thread's event loop, by `uv_async_send()` of a handle of
 * the environment's. The loop's epoll is ready then. It may be so already, for the loop does not turn while the thread blocks; but each
 * wake is an edge, also then, and so an epoll of ours holds the loop's, edge-triggered (epoll(7)).
 *
 * libuv wakes the loop once for each handle until it turns, and this handle is used for other things, too: by the inspector, for buffers
 * that were collected, when a thread that this one has started ends. So a handle that is used is made unused while the thread blocks,
 * and used again after that: the loop will turn for whatever it was.
 *
 * The loop and its handles are had through Node's and libuv's public functions, `uv_async_t` has its public layout. Which of the handles
 * it is, nobody says: the environment has it as a member behind a `uv_check_t`. Where none stands like that, nobody is told.
 *
 * http://docs.libuv.org/en/v1.x/async.html#c.uv_async_send
 */
import { closeSync } from 'node:fs';
import { POLLIN } from './descriptors.ts';
import { addToEpoll, createOwnEpoll, EPOLLET, readyIn } from './epoll.ts';
import { check, declare } from './libc.ts';

const currentIsolate = declare<() => number>('int64_t _ZN2v87Isolate10GetCurrentEv()');
const eventLoopOf = declare<(isolate: number) => number>(
  'int64_t _ZN4node19GetCurrentEventLoopEPN2v87IsolateE(int64_t isolate)',
);
const uv_backend_fd = declare<(loop: number) => number>('int uv_backend_fd(int64_t loop)');
const uv_handle_get_type = declare<(handle: number) => number>('int uv_handle_get_type(int64_t handle)');
const uv_handle_size = declare<(type: number) => number>('size_t uv_handle_size(int type)');
const uv_walk = declare<(loop: number, visit: (handle: number) => void, argument: number) => void>(
  'void uv_walk(int64_t loop, VisitHandle *visit, int64_t argument)',
  'void VisitHandle(int64_t handle, int64_t argument)',
);
const uv_async_send = declare<(handle: number) => number>('int uv_async_send(int64_t handle)');
const readMemory = declare<(target: Int32Array, source: number, bytes: number) => void>(
  'void memcpy(void *target, int64_t source, size_t bytes)',
);
const writeMemory = declare<(target: number, source: Int32Array, bytes: number) => void>(
  'void memcpy(int64_t target, const void *source, size_t bytes)',
);
/** Of `uv_handle_type`. */
const UV_ASYNC = 1;
const UV_CHECK = 2;
/** `uv_async_t` on 64 bits: its last member, an int, says whether it has woken the loop and the loop has not turned since. */
const asyncBytes = 128;
const pendingAt = 120;

/** The address of Node's handle, and the epoll that tells of its use. */
interface Line {
  readonly handle: number;
  readonly epoll: number;
}

/** Undefined until asked for; `null` when there is none in this Node. */
let line: Line | null | undefined;
/** Whether the handle was made unused. */
let isTaken = false;

/** Where Node's handle is: see the file's header. 0 when there is none. */
function findHandle(loop: number): number {
  const checkBytes = uv_handle_size(UV_CHECK);
  let behindCheck = 0;
  let found = 0;
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

function open(): Line | null {
  if (uv_handle_size(UV_ASYNC) !== asyncBytes) return null;
  const loop = eventLoopOf(currentIsolate());
  const handle = loop === 0 ? 0 : findHandle(loop);
  if (handle === 0) return null;
  const epoll = createOwnEpoll();
  try {
    check(addToEpoll(epoll, uv_backend_fd(loop), POLLIN | EPOLLET), 'epoll_ctl');
  } catch (error) {
    closeSync(epoll);
    throw error;
  }
  return { handle, epoll };
}

/** What there may be later. */
const shortages = new Set<unknown>(['EMFILE', 'ENFILE', 'ENOMEM', 'ENOSPC']);

function tryOpen(): Line | null | undefined {
  try {
    return open();
  } catch (error) {
    return shortages.has((error as { code?: unknown }).code) ? undefined : null;
  }
}

const word = new Int32Array(1);

/** Makes the handle unused. @returns whether it was used. */
function takeUse({ handle }: Line): boolean {
  readMemory(word, handle + pendingAt, 4);
  if (word[0] === 0) return false;
  word[0] = 0;
  writeMemory(handle + pendingAt, word, 4);
  isTaken = true;
  return true;
}

/**
 * From now on, until {@link stopExpecting}, a worker thread that is to be terminated is told.
 *
 * @returns `fd` can be read then, and now and then for another reason. Not `sure`: for what else Node may want of the thread, it is to come
 *   back to JavaScript soon once more. Undefined: it cannot be told, and is to come back now and then.
 */
export function expectTermination(): { readonly fd: number; readonly sure: boolean } | undefined {
  if (line === undefined) line = tryOpen();
  if (!line) return undefined;
  // In this order: who wakes the loop after the first line makes an edge, if he finds the handle unused. Who has found it used had set the
  // engine to throw before, if he terminates the thread; other requests are made of the engine a moment later.
  readyIn(line.epoll);
  return { fd: line.epoll, sure: !takeUse(line) };
}

/** The thread does not block any more: its loop gets what it was woken for. */
export function stopExpecting(): void {
  if (!isTaken) return;
  isTaken = false;
  uv_async_send(line!.handle);
}
