/** What a pool's workers are started with; the agreement between `worker-process.ts` and `worker-main.ts`. */
import type { AnyFunction, Reference } from '../process/call.ts';

/** What every worker of a pool is told. */
export interface WorkerSettings {
  readonly initializer: AnyFunction | Reference | undefined;
  readonly initargs: readonly unknown[];
  /** Bytes of resident memory after which it asks to be replaced. */
  readonly maxMemory: number | undefined;
  /** Its share of the program's cores. */
  readonly cores: number;
}
