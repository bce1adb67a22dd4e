/** The table of contents of `multiproc/connection`: Python's `multiprocessing.connection`. */
export { type BytesLike, Connection } from './channel/connection.ts';
export { type WaitObject, wait, waitSync } from './channel/wait.ts';
