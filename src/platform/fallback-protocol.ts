/**
 * What a thread and its helper thread say to each other about programs that `node:child_process` runs.
 *
 * Every message names its program. To the helper: `start`, `read` (so many more bytes are wanted), `write`, `close`,
 * `kill`. From it: `started` or `failed`, `data` and `end`, `wrote`, `killed`, `exit`, and `gone` when nothing more will be said.
 */
import type { MessagePort } from 'node:worker_threads';

/** Standard output or error. */
export type OutputIndex = 1 | 2;

/** A standard stream of the child, as the helper sees it. */
export type StreamSource =
  | { readonly kind: 'ignore' | 'pipe' | 'stdout' }
  | { readonly kind: 'fd'; readonly fd: number }
  | { readonly kind: 'program'; readonly id: number; readonly stream: OutputIndex };

/** A program to start, in Node's terms. */
export interface StartMessage {
  readonly op: 'start';
  readonly id: number;
  readonly file: string;
  readonly args: readonly string[];
  readonly verbatim: boolean;
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string | undefined;
  readonly stdio: readonly StreamSource[];
  readonly detached: boolean;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  readonly pipes: 'fifo' | 'socket';
  /** Unused names, one for each pipe. */
  readonly addresses: readonly string[];
}

/** To the helper. */
export type ToHelper =
  | StartMessage
  | { readonly op: 'read'; readonly id: number; readonly stream: OutputIndex; readonly bytes: number }
  | { readonly op: 'write'; readonly id: number; readonly bytes: Uint8Array }
  | { readonly op: 'close'; readonly id: number; readonly stream: 0 | OutputIndex }
  | { readonly op: 'kill'; readonly id: number; readonly signal: number };

/** What the kernel refused, with Node's (negative) errno. */
export interface Refusal {
  readonly code: string;
  readonly errno: number;
  readonly message: string;
}

/** From the helper. */
export type FromHelper =
  | {
      readonly op: 'started';
      readonly id: number;
      readonly pid: number;
      /** Our ends, by the child's number; -1 where there is no descriptor. */
      readonly fds: readonly number[];
    }
  | { readonly op: 'failed'; readonly id: number; readonly error: Refusal }
  | { readonly op: 'data'; readonly id: number; readonly stream: OutputIndex; readonly bytes: Uint8Array }
  | { readonly op: 'end'; readonly id: number; readonly stream: OutputIndex }
  /** `bytes` is 0 when a write has been tried and there is no room for it yet. */
  | { readonly op: 'wrote'; readonly id: number; readonly bytes: number; readonly error: Refusal | undefined }
  | {
      readonly op: 'killed';
      readonly id: number;
      readonly sent: boolean;
      readonly error: Refusal | undefined;
    }
  | { readonly op: 'exit'; readonly id: number; readonly returncode: number }
  | { readonly op: 'gone'; readonly id: number };

/** What the helper is started with. */
export interface HelperData {
  readonly port: MessagePort;
  /** Counts messages from the helper, so that a blocked thread can sleep until there is one. */
  readonly bell: Int32Array;
}
