/** What may be given for a standard stream besides a file. The numbers are CPython's. */

/** A new pipe, whose other end is a stream of the {@link Popen} object. */
export const PIPE = -1;
/** For `stderr` only: where standard output goes. */
export const STDOUT = -2;
/** `/dev/null`: empty input, discarded output. */
export const DEVNULL = -3;
