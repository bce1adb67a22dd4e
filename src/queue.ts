/** The table of contents of `multiproc/queue`: the errors of queues. */
export { Empty, Full, ShutDown } from './channel/errors.ts';
