/**
 * Takes what a pool's workers send: from the event loop, or by a thread that blocks.
 *
 * From the event loop: when a bell rings, everything is taken, a few milliseconds at a time, and then it is looked on for a
 * moment, since the next answer of a short task comes sooner than a wake through the kernel. The answer to a lone task comes even
 * sooner than a turn of the event loop. Looking on pays only while tasks are short; whether they are is learnt.
 */

import { availableParallelism } from 'node:os';
import { pollFds } from '../platform/blocking-poll.ts';
import { POLLIN } from '../platform/descriptors.ts';
import type { Child } from '../platform/launch.ts';
import { closePidfd, tryPidfd } from '../platform/pidfd.ts';
import { yieldCore } from '../platform/yield.ts';
import type { Transport } from './transport.ts';

/** A worker, as far as messages go. */
export interface Inlet {
  readonly transport: Transport;
  readonly child: Child;
  /** Takes a message. */
  receive(message: Buffer): void;
  /** What is still being decoded is decoded now, since the event loop will not turn. */
  settleNow(): void;
  /** The process has ended; all its messages were taken. */
  exited(exitcode: number): void;
}

/** How long one turn of the event loop is used for messages, in milliseconds. */
const turnMs = 4;
/** Messages of one worker before the next one has its turn. */
const atOnce = 64;

const several = availableParallelism() > 1;
/** As `queueMicrotask`, which in Node costs several microseconds. */
const microtask = Promise.resolve();
/** How long it looks on after the last message, in milliseconds. */
const lookMs = 0.15;
/** How long it looks on for the answer to a lone task without letting the event loop turn, which turns at least so often. */
const stareMs = 0.02;
const mostWithoutTurnMs = 5;
/** How often a thread that blocks looks for workers that have ended while others go on answering, in milliseconds. */
const exitsMs = 1;
/** How long a thread that blocks looks on before it sleeps: about what a wake through the kernel takes, in milliseconds. */
const spinMs = 0.05;
/** How often it looks on in vain until it stops. */
const mostPatience = 10;

/** See the file's header. */
export class Pump {
  readonly #inlets = new Set<Inlet>();
  readonly #afterBatch: () => void;
  #patience = several ? mostPatience : 0;
  #looking = false;
  #staring = false;
  #lastNews = 0;
  #lastTurn = 0;
  #lastExits = 0;

  /** @param afterBatch Called when some messages were taken, before more are waited for. */
  constructor(afterBatch: () => void) {
    this.#afterBatch = afterBatch;
  }

  add(inlet: Inlet): void {
    this.#inlets.add(inlet);
    const { transport, child } = inlet;
    transport.unref();
    transport.onBell = () => {
      if (!this.#looking) this.#look();
    };
    // An end that a blocked thread has seen is told again here: too late.
    child.onExit((exitcode) => this.#end(inlet, exitcode));
    transport.sleep();
  }

  /** Something was sent that will soon be answered. */
  expect(): void {
    if (this.#looking || this.#patience === 0) return;
    this.#looking = true;
    for (const { transport } of this.#inlets) transport.wake();
    this.#lastNews = performance.now();
    setImmediate(this.#look);
  }

  /** As {@link expect}, when nothing else is on its way to that worker: its answer may come before a turn of the event loop. */
  expectSoon(): void {
    this.expect();
    if (this.#staring || !this.#looking) return;
    this.#staring = true;
    microtask.then(this.#stare);
  }

  /**
   * Blocks this thread and goes on with the pool's work until `done`, or until the deadline (clock of `performance.now()`).
   *
   * @param chores What else there is to do, again and again; gives the time of the next chore.
   * @returns whether it is done.
   */
  runSync(done: () => boolean, deadline: number, chores: () => number): boolean {
    const pidfds = new Map<Inlet, number>();
    try {
      for (;;) {
        for (const inlet of this.#inlets) inlet.settleNow();
        const next = chores();
        this.#takeAll(Number.POSITIVE_INFINITY);
        if (done()) return true;
        const now = performance.now();
        if (now < deadline && now - this.#lastExits < exitsMs && this.#spin()) continue;
        this.#lastExits = now;
        for (const inlet of [...this.#inlets]) {
          const exitcode = inlet.child.poll();
          if (exitcode !== null) this.#end(inlet, exitcode);
        }
        if (done()) return true;
        if (now >= deadline) return false;
        if (this.#spin()) continue;
        this.#block(pidfds, Math.min(deadline, next) - performance.now());
      }
    } finally {
      for (const fd of pidfds.values()) if (fd !== -1) closePidfd(fd);
      for (const { transport } of this.#inlets) if (!this.#looking) this.#rest(transport);
    }
  }

  #spin(): boolean {
    return several && this.#readyBefore(performance.now() + spinMs);
  }

  #readyBefore(end: number): boolean {
    do {
      for (let n = 0; n < 8; n++) for (const { transport } of this.#inlets) if (transport.ready) return true;
      yieldCore();
    } while (performance.now() < end);
    return false;
  }

  #block(pidfds: Map<Inlet, number>, ms: number): void {
    const items: { fd: number; events: number }[] = [];
    let longest = ms;
    for (const inlet of this.#inlets) {
      if (!inlet.transport.sleep()) return;
      items.push({ fd: inlet.transport.bell, events: POLLIN });
      let pidfd = pidfds.get(inlet);
      if (pidfd === undefined) {
        pidfd = tryPidfd(inlet.child.pid);
        pidfds.set(inlet, pidfd);
      }
      if (pidfd === -1) longest = Math.min(longest, longestNap);
      else items.push({ fd: pidfd, events: POLLIN });
    }
    pollFds(items, longest);
    for (const { transport } of this.#inlets) {
      transport.wake();
      transport.quiet();
    }
  }

  /** The answer to a lone task, if it comes at once: what is not there yet is left to {@link #look}. */
  readonly #stare = (): void => {
    this.#staring = false;
    const start = performance.now();
    if (start - this.#lastTurn > mostWithoutTurnMs || !this.#readyBefore(start + stareMs)) return;
    this.#takeAll(start + turnMs);
    this.#lastNews = performance.now();
    this.#patience = mostPatience;
  };

  readonly #look = (): void => {
    this.#looking = true;
    const start = performance.now();
    this.#lastTurn = start;
    if (this.#takeAll(start + turnMs)) {
      this.#lastNews = performance.now();
      this.#patience = several ? mostPatience : 0;
    } else if (start - this.#lastNews > lookMs || this.#patience === 0) {
      this.#patience = Math.max(0, this.#patience - 1);
      this.#looking = false;
      for (const { transport } of this.#inlets) this.#rest(transport);
      return;
    } else yieldCore();
    setImmediate(this.#look);
  };

  /** Lets a worker ring again, or goes on when it has sent something meanwhile. */
  #rest(transport: Transport): void {
    if (transport.sleep() || this.#looking) return;
    this.#looking = true;
    setImmediate(this.#look);
  }

  /** Takes all there is until `deadline`. @returns whether there was anything. */
  #takeAll(deadline: number): boolean {
    let any = false;
    for (;;) {
      let more = false;
      for (const inlet of this.#inlets) {
        for (let n = 0; n < atOnce; n++) {
          const message = inlet.transport.take();
          if (message === undefined) break;
          more = true;
          inlet.receive(message);
        }
      }
      if (!more) return any;
      any = true;
      this.#afterBatch();
      if (performance.now() >= deadline) return true;
    }
  }

  #end(inlet: Inlet, exitcode: number): void {
    if (!this.#inlets.delete(inlet)) return;
    // What it sent before its end is there.
    for (let message = inlet.transport.take(); message !== undefined; message = inlet.transport.take()) {
      inlet.receive(message);
    }
    inlet.exited(exitcode);
  }
}

/** Where pidfds cannot be had: how long a worker's end may go unnoticed by a thread that blocks, in milliseconds. */
const longestNap = 1000;
