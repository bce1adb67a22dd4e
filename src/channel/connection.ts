/**
 * Python's `multiprocessing.connection.Connection`: one end of a pipe, for whole messages.
 *
 * Over rings in shared memory instead of a socket: a message that was sent is kept by the pipe, not by its sender, and a
 * message of any size is one copy in and one out. `layout.ts` has the shared words.
 *
 * Several threads may share an end, and each message then goes to one of them.
 *
 * https://docs.python.org/3/library/multiprocessing.html#multiprocessing.connection.Connection
 */
import { inspect } from 'node:util';
import {
  BrokenPipeError,
  BufferTooShort,
  EOFError,
  NotSupportedError,
  OSError,
  TimeoutError,
  ValueError,
} from '../base/errors.ts';
import { deserialize, registerTravelClass, serialize } from '../base/travel.ts';
import { type SyncWaitOptions, show, typeError, type WaitOptions } from '../base/validate.ts';
import { allocate, type Block } from '../memory/arena.ts';
import { limitsOf, once, timeoutLimits } from './arguments.ts';
import { handleClosed } from './errors.ts';
import { createExtents } from './extents.ts';
import { Holders } from './holders.ts';
import { pipeBytes, place, word } from './layout.ts';
import { EMPTY, type Place, Ring } from './ring.ts';
import { type ChannelHandle, openRings, Seat, Watch } from './seat.ts';
import {
  asBytes,
  borrow,
  finish,
  finishAsync,
  keep,
  type Outgoing,
  prepare,
  prepareBytes,
  send,
  sendKept,
  takeBytes,
  takeBytesInto,
  takeValue,
} from './values.ts';
import { waitable } from './waitable.ts';
import { attemptNow, type Limits, type Want, wait, waitSync } from './waiting.ts';

/** What `sendBytes` takes. */
export type BytesLike = ArrayBufferView | ArrayBuffer | SharedArrayBuffer;

/** How a connection travels. */
export interface ConnectionData extends ChannelHandle {
  readonly end: 0 | 1;
}

/** A new pipe, or an existing one's end that a handle names: what the constructor takes past its public argument. */
interface Parts {
  readonly block: Block;
  /** From end 0 to end 1, and back. */
  readonly rings: readonly (Ring | undefined)[];
  readonly end: 0 | 1;
  readonly data: ConnectionData | undefined;
}

let arriving: Parts | undefined;
const done: Promise<void> = Promise.resolve();

/**
 * One end of a {@link Pipe}.
 *
 * @example
 * const [left, right] = Pipe();
 * await left.send({ a: 1 });
 * console.log(await right.recv());
 */
export class Connection implements Disposable {
  readonly #block: Block;
  readonly #rings: readonly (Ring | undefined)[];
  readonly #end: 0 | 1;
  readonly #in: Ring | undefined;
  readonly #out: Ring | undefined;
  readonly #seat: Seat;
  /** The other end's holders. */
  readonly #others: Watch;
  /** A message was refused as too long: nothing is read any more, as in Python. */
  #spoiled = false;
  #sends = 0;

  /** Not for callers: {@link Pipe} makes connections. @throws {ValueError} For any handle: there is none to open. */
  constructor(handle?: number) {
    const parts = arriving;
    arriving = undefined;
    if (parts === undefined) {
      throw new ValueError(
        `invalid handle: cannot make a connection from ${show(handle)}; use Pipe(), or Client() for an address`,
      );
    }
    const { block, rings, end, data } = parts;
    this.#block = block;
    this.#rings = rings;
    this.#end = end;
    this.#out = rings[end];
    this.#in = rings[1 - end];
    const tables = [
      new Holders(block.arena, block.offset + place.holders, block.offset + place.holders1),
      new Holders(block.arena, block.offset + place.holders1, block.offset + pipeBytes),
    ] as const;
    const present = rings.filter((ring) => ring !== undefined);
    this.#seat = new Seat(tables[end], present, this, data?.ticket);
    this.#others = new Watch(tables[end === 0 ? 1 : 0]);
  }

  /** Whether {@link close} was called. */
  get closed(): boolean {
    return this.#seat.left;
  }

  /** Whether this end receives. */
  get readable(): boolean {
    return this.#in !== undefined && !this.#spoiled;
  }

  /** Whether this end sends. */
  get writable(): boolean {
    return this.#out !== undefined;
  }

  /**
   * Sends a value: anything that may travel. A message of up to about a MiB is there when this returns, without waiting for
   * anything; only behind a large backlog does the Promise stay pending until the other side has read.
   *
   * A message that was sent outlives its sender. If the other side ends without having read it, it is lost.
   *
   * @throws {SerializationError} When it cannot travel; nothing was sent.
   * @throws {BrokenPipeError} When nobody has the other end any more.
   * @throws {OSError} After `close()`, or when this end only receives.
   */
  send(value: unknown, options?: WaitOptions): Promise<void> {
    try {
      const limits = limitsOf(options);
      const out = this.#writing();
      prepare(value);
      return send(out) ? done : this.#sendSlow(out, keep(), limits);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** As {@link send}, blocking this thread while there is no room. @throws {TimeoutError} */
  sendSync(value: unknown, options?: SyncWaitOptions): void {
    const limits = limitsOf(options);
    const out = this.#writing();
    prepare(value);
    if (!send(out)) this.#sendSlowSync(out, borrow(), limits);
  }

  /**
   * Sends bytes as one message, for `recvBytes`; `offset` and `size` in bytes.
   *
   * @throws {ValueError} When they lie outside of `data`; nothing was sent.
   */
  sendBytes(data: BytesLike, offset?: number, size?: number, options?: WaitOptions): Promise<void> {
    try {
      const limits = limitsOf(options);
      const out = this.#writing();
      prepareBytes(part(data, offset, size));
      return send(out) ? done : this.#sendSlow(out, keep(), limits);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** As {@link sendBytes}, blocking this thread while there is no room. */
  sendBytesSync(data: BytesLike, offset?: number, size?: number, options?: SyncWaitOptions): void {
    const limits = limitsOf(options);
    const out = this.#writing();
    prepareBytes(part(data, offset, size));
    if (!send(out)) this.#sendSlowSync(out, borrow(), limits);
  }

  /**
   * Waits for a message and gives its value.
   *
   * @throws {EOFError} When nobody has the other end any more and everything was read.
   * @throws {TimeoutError} When time is up; nothing was taken.
   * @throws {SerializationError} When this message cannot be rebuilt here; the next one can be received.
   */
  recv(options?: WaitOptions): Promise<unknown> {
    try {
      const limits = limitsOf(options);
      const got = this.#reading().read(takeValue);
      if (got !== EMPTY) return Promise.resolve(finishAsync(got));
      return this.#receive(takeValue, limits).then(finishAsync);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** As {@link recv}, blocking this thread. */
  recvSync(options?: SyncWaitOptions): unknown {
    const limits = limitsOf(options);
    const got = this.#reading().read(takeValue);
    return finish(got !== EMPTY ? got : this.#receiveSync(takeValue, limits));
  }

  /**
   * Waits for a message and gives its bytes: a Buffer of your own.
   *
   * @param maxLength Of a longer message it throws, and this end receives no more.
   * @throws {EOFError} When nobody has the other end any more and everything was read.
   * @throws {OSError} For a message longer than `maxLength`.
   */
  async recvBytes(maxLength?: number, options?: WaitOptions): Promise<Buffer> {
    checkMaxLength(maxLength);
    const limits = limitsOf(options);
    const got = this.#reading().read(takeBytes);
    return this.#limited(got !== EMPTY ? got : await this.#receive(takeBytes, limits), maxLength);
  }

  /** As {@link recvBytes}, blocking this thread. */
  recvBytesSync(maxLength?: number, options?: SyncWaitOptions): Buffer {
    checkMaxLength(maxLength);
    const limits = limitsOf(options);
    const got = this.#reading().read(takeBytes);
    return this.#limited(got !== EMPTY ? got : this.#receiveSync(takeBytes, limits), maxLength);
  }

  /**
   * Waits for a message and writes its bytes into `target` from byte `offset` on.
   *
   * @returns how many bytes it has.
   * @throws {BufferTooShort} When they do not fit; the error has them.
   */
  async recvBytesInto(target: BytesLike, offset = 0, options?: WaitOptions): Promise<number> {
    const limits = limitsOf(options);
    const room = part(target, offset, undefined);
    const take = takeBytesInto(room);
    const got = this.#reading().read(take);
    return into(room, got !== EMPTY ? got : await this.#receive(take, limits));
  }

  /** As {@link recvBytesInto}, blocking this thread. */
  recvBytesIntoSync(target: BytesLike, offset = 0, options?: SyncWaitOptions): number {
    const limits = limitsOf(options);
    const room = part(target, offset, undefined);
    const take = takeBytesInto(room);
    const got = this.#reading().read(take);
    return into(room, got !== EMPTY ? got : this.#receiveSync(take, limits));
  }

  /**
   * Whether a message, or the end, is there to be received; takes nothing.
   *
   * @param timeout Milliseconds to wait for one; `null` waits for ever. @default 0
   */
  async poll(timeout?: number | null | WaitOptions): Promise<boolean> {
    const limits = timeoutLimits(timeout, once);
    const want = this.#readyWant(this.#reading());
    if (attemptNow(want) !== EMPTY) return true;
    return (await wait(want, limits)) !== EMPTY;
  }

  /** As {@link poll}, blocking this thread. */
  pollSync(timeout?: number | null | SyncWaitOptions): boolean {
    const limits = timeoutLimits(timeout, once);
    return waitSync(this.#readyWant(this.#reading()), limits.deadline) !== EMPTY;
  }

  /**
   * Python's `fileno()`. There is no descriptor that says when a message is there, so this says what to do instead.
   *
   * @throws {NotSupportedError} Always; {@link OSError} after `close()`.
   */
  fileno(): number {
    this.#checkOpen();
    throw new NotSupportedError(
      'Cannot give a descriptor: this connection is in shared memory and has none; wait for it with wait([connection])',
    );
  }

  /** Gives up this end. When nobody else has it, the other side gets `EOFError`. May be called twice. */
  close(): void {
    this.#seat.leave();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** `<multiprocessing.connection.Connection object at 0x7f20>`, as Python prints it. */
  [inspect.custom](): string {
    return `<multiprocessing.connection.Connection object at 0x${(this.#block.address + this.#end).toString(16)}>`;
  }

  toString(): string {
    return this[inspect.custom]();
  }

  #checkOpen(): void {
    if (this.#seat.left) throw handleClosed();
  }

  #reading(): Ring {
    this.#checkOpen();
    if (this.#in === undefined) throw new OSError('connection is write-only', { code: 'EBADF' });
    if (this.#spoiled) throw new OSError('connection is write-only', { code: 'EBADF' });
    return this.#in;
  }

  /** Looks casually whether somebody is there: often enough to notice one that was killed. */
  #writing(): Ring {
    this.#checkOpen();
    const out = this.#out;
    if (out === undefined) throw new OSError('connection is read-only', { code: 'EBADF' });
    const sampled = (this.#sends++ & 15) === 0 && out.size > 0;
    if (sampled ? this.#others.isEmpty(false) : !this.#others.holders.any()) throw brokenPipe();
    return out;
  }

  #want<T>(ring: Ring, take: (place: Place) => T): Want<T> {
    return {
      ring,
      key: ring.messageKey,
      flag: word.readers,
      attempt: () => (this.#seat.left ? EMPTY : ring.read(take)),
      ready: () => ring.size > 0,
      over: (sure) => this.#overForReading(sure),
      fromElsewhere: () => this.#others.holders.anyElsewhere(),
      underWay: () => this.#others.holders.anyInTransit(),
    };
  }

  #overForReading(sure: boolean): Error | undefined {
    if (this.#seat.left) return handleClosed();
    return this.#others.isEmpty(sure)
      ? new EOFError('Cannot receive: the other end of the connection is closed; nothing more will come')
      : undefined;
  }

  /** Waiting for there to be something, without taking it. */
  #readyWant(ring: Ring): Want<true> {
    return {
      ...this.#want(ring, () => true),
      attempt: () => {
        if (this.#seat.left) throw handleClosed();
        if (ring.size === 0) return this.#overForReading(false) === undefined ? EMPTY : true;
        // It may have been woken in the place of somebody who wants to take it.
        ring.lot.wake(ring.messageKey);
        return true;
      },
      over: (sure) => {
        if (sure) this.#others.isEmpty(true);
        return undefined;
      },
    };
  }

  async #receive<T>(take: (place: Place) => T, limits: Limits): Promise<T> {
    const want = this.#want(this.#reading(), take);
    let got = attemptNow(want);
    if (got === EMPTY) got = await wait(want, limits);
    if (got === EMPTY) throw notReceived();
    return got;
  }

  #receiveSync<T>(take: (place: Place) => T, limits: Limits): T {
    const got = waitSync(this.#want(this.#reading(), take), limits.deadline);
    if (got === EMPTY) throw notReceived();
    return got;
  }

  #roomWant(ring: Ring, outgoing: Outgoing): Want<true> {
    let taken = ring.taken;
    return {
      ring,
      key: ring.roomKey,
      flag: word.writers,
      attempt: () => {
        if (this.#seat.left) throw handleClosed();
        taken = ring.taken;
        return sendKept(ring, outgoing) ? true : EMPTY;
      },
      ready: () => ring.taken !== taken,
      over: (sure) => (this.#others.isEmpty(sure) ? brokenPipe() : undefined),
      fromElsewhere: () => this.#others.holders.anyElsewhere(),
      underWay: () => this.#others.holders.anyInTransit(),
    };
  }

  async #sendSlow(ring: Ring, outgoing: Outgoing, limits: Limits): Promise<void> {
    const got = await wait(this.#roomWant(ring, outgoing), limits);
    if (got === EMPTY) throw notSent();
  }

  #sendSlowSync(ring: Ring, outgoing: Outgoing, limits: Limits): void {
    if (waitSync(this.#roomWant(ring, outgoing), limits.deadline) === EMPTY) throw notSent();
  }

  #limited(bytes: Buffer, maxLength: number | undefined): Buffer {
    if (maxLength === undefined || bytes.length <= maxLength) return bytes;
    if (this.writable) this.#spoiled = true;
    else this.close();
    throw new OSError('bad message length', { code: 'EMSGSIZE' });
  }

  /** For `wait()`. */
  [waitable](): Want<true> {
    return this.#readyWant(this.#reading());
  }

  static [serialize](connection: Connection): ConnectionData {
    connection.#checkOpen();
    return {
      end: connection.#end,
      block: connection.#block.handle(),
      rings: connection.#rings.map((ring) => ring?.extents.segment.handle() ?? null),
      ticket: connection.#seat.depart(),
    };
  }

  static [deserialize](data: ConnectionData): Connection {
    arriving = { ...openRings(data, true, pipeBytes), end: data.end, data };
    return new Connection();
  }

  /** Makes both ends of a new pipe; {@link Pipe} is its public face. */
  static pair(duplex: boolean): [Connection, Connection] {
    const block = allocate(pipeBytes);
    const at = block.offset >> 2;
    // One way goes from end 1 to end 0: the first connection receives.
    const rings = [
      duplex ? new Ring(block.arena, at + (place.ring0 >> 2), createExtents(), true) : undefined,
      new Ring(block.arena, at + (place.ring1 >> 2), createExtents(), true),
    ];
    const end = (n: 0 | 1): Connection => {
      arriving = { block, rings, end: n, data: undefined };
      return new Connection();
    };
    const pair: [Connection, Connection] = [end(0), end(1)];
    block.ownedBy(rings[1]!);
    return pair;
  }
}

registerTravelClass('channel/Connection', Connection);

/**
 * Python's `Pipe`: two connections, each the other's other end.
 *
 * @param duplex `false`: the first only receives, the second only sends.
 * @throws {NotSupportedError} Without shared memory on this platform.
 * @example const [reader, writer] = Pipe(false);
 */
export function Pipe(
  duplex: boolean | { readonly duplex?: boolean | undefined } = true,
): [Connection, Connection] {
  return Connection.pair(typeof duplex === 'object' ? (duplex.duplex ?? true) : Boolean(duplex));
}

function brokenPipe(): BrokenPipeError {
  return new BrokenPipeError(
    'Cannot send: nobody has the other end of the connection any more (Broken pipe)',
    {
      code: 'EPIPE',
    },
  );
}

function notReceived(): TimeoutError {
  return new TimeoutError('Cannot receive: no message came in time; wait longer or use poll()');
}

function notSent(): TimeoutError {
  return new TimeoutError('Cannot send: the other side has not made room in time; nothing was sent');
}

function checkMaxLength(maxLength: number | undefined): void {
  checkCount('maxLength', maxLength);
  if (maxLength !== undefined && maxLength < 0) throw new ValueError('negative maxlength');
}

/** @throws {TypeError} */
function checkCount(name: string, count: number | undefined): void {
  if (count === undefined || Number.isSafeInteger(count)) return;
  throw typeError(`Cannot use ${show(count)} as ${name}: it must be an integer, in bytes`);
}

/** Bytes `offset` to `offset + size` of `data`, with Python's messages. */
function part(data: BytesLike, offset: number | undefined, size: number | undefined): Uint8Array {
  if (!ArrayBuffer.isView(data) && !(data instanceof ArrayBuffer) && !(data instanceof SharedArrayBuffer)) {
    throw typeError(`Cannot use as bytes: ${show(data)}; give a Buffer, a typed array or an ArrayBuffer`);
  }
  checkCount('offset', offset);
  checkCount('size', size);
  const bytes = asBytes(data);
  const from = offset ?? 0;
  if (from < 0) throw new ValueError('offset is negative');
  if (from > bytes.length) throw new ValueError('buffer length < offset');
  if (size === undefined) return from === 0 ? bytes : bytes.subarray(from);
  if (size < 0) throw new ValueError('size is negative');
  if (from + size > bytes.length) throw new ValueError('buffer length < offset + size');
  return bytes.subarray(from, from + size);
}

/** @param bytes How many were written, or those that did not get there. */
function into(room: Uint8Array, bytes: number | Buffer): number {
  if (typeof bytes === 'number') return bytes;
  if (bytes.length > room.length) throw new BufferTooShort(bytes);
  room.set(bytes);
  return bytes.length;
}
