/** What a program is named by and given. */

/** One argument: text, raw bytes, or a path as a `file:` URL. */
export type Arg = string | Uint8Array | URL;
/** A program's name or path alone, or a list with its arguments. */
export type Args = Arg | readonly Arg[];
