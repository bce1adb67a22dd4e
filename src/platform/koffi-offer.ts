/** koffi's machine code, as a child is told of it. A file of its own, without imports: every child waits for what is imported. */

let offered: string | undefined;

/** The path of the file that the parent loaded. */
export function offerKoffi(file: string): void {
  offered = file;
}

/** What was offered, if anything. */
export function offeredKoffi(): string | undefined {
  return offered;
}
