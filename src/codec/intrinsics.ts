/**
 * Functions that use words of the engine's own, such as `%HaveSameMap`: V8 compiles these while its flag `--allow-natives-syntax` is set,
 * which is done here for some microseconds.
 */

/** Other threads of the process may take the flag back in between. */
const mostTries = 10;

/**
 * As `new Function`. V8 may throw its code away when nobody has called it for some collections; then calling it is a SyntaxError.
 *
 * @returns undefined where the engine is another or refuses (Electron freezes its flags; `--disallow-code-generation-from-strings`).
 */
export function withIntrinsics<F>(...text: readonly string[]): F | undefined {
  if (process.versions.electron !== undefined) return undefined;
  try {
    const { setFlagsFromString } = process.getBuiltinModule('node:v8');
    for (let n = 0; n < mostTries; n++) {
      // The program itself may run with the flag: then it is not to be taken away.
      const already = attempt<F>(text);
      if (already !== undefined) return already;
      setFlagsFromString('--allow-natives-syntax');
      try {
        const compiled = attempt<F>(text);
        if (compiled !== undefined) return compiled;
      } finally {
        setFlagsFromString('--no-allow-natives-syntax');
      }
    }
  } catch {
    // Not V8, or not allowed here.
  }
  return undefined;
}

function attempt<F>(text: readonly string[]): F | undefined {
  try {
    return new Function(...text) as F;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
