/** What a thread and its helper for descriptors agree on, and what the helper and those who fetch from it say. */
import type { MessagePort } from 'node:worker_threads';
import { keyBytes } from './transit-table.ts';

/** How the helper is started. */
export interface HelperData {
  /** Memory of the table. */
  readonly table: SharedArrayBuffer;
  /** The listening socket. */
  readonly listening: number;
  /** Carries a {@link HelperRequest}; an empty `FileHandle` or an error's text comes back for OPEN, nothing for SWEEP. */
  readonly port: MessagePort;
  /** Counts the answers on the port; the thread may sleep on it. */
  readonly bell: Int32Array;
}

/** Asks for an empty `FileHandle`. */
export const OPEN = 0;
/** Asks to look through the table now and then, until it is empty. */
export const SWEEP = 1;
export type HelperRequest = typeof OPEN | typeof SWEEP;

/** A request is a slot (u32, little endian) and its key. */
export const requestBytes: number = 4 + keyBytes;

/** The first byte of an answer: the descriptor comes with it. */
export const HERE = 0;
/** The first byte of an answer: nobody has such a descriptor (any more). */
export const GONE = 1;
