/** What the compiler knows of a program's output from the options alone. */
import type { PIPE } from './constants.ts';
import type { PopenOptions } from './options.ts';

/** Text if the options turn text mode on, bytes if not; either if the compiler does not know the options. */
export type OutputOf<O> = O extends
  | { readonly text: true }
  | { readonly universalNewlines: true }
  | { readonly encoding: string }
  | { readonly errors: string }
  ? string
  : PopenOptions extends O
    ? Buffer | string
    : Buffer;

/** `S` where the option `K` is `PIPE`, null where it is not given, else perhaps. */
export type StreamOf<O, K extends string, S> = K extends keyof O
  ? O[K] extends typeof PIPE
    ? S
    : O[K] extends null | undefined
      ? null
      : S | null
  : null;

/** What `communicate` gives: standard output and error. */
export type CommunicatedOf<O> = [StreamOf<O, 'stdout', OutputOf<O>>, StreamOf<O, 'stderr', OutputOf<O>>];

/** As {@link StreamOf}, for the options of `run`. */
export type CapturedOf<O, K extends string> = 'captureOutput' extends keyof O
  ? O['captureOutput'] extends true
    ? OutputOf<O>
    : O['captureOutput'] extends false | undefined
      ? StreamOf<O, K, OutputOf<O>>
      : OutputOf<O> | null
  : StreamOf<O, K, OutputOf<O>>;
