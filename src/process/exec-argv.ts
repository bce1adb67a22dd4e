/**
 * Which of Node's own options a child inherits.
 *
 * All of `process.execArgv`, so that what loads the parent's TypeScript loads the child's, but for those that say what to
 * run (`-e`, `--test`, …): a child runs the bootstrap. A debugger's port is taken, so that each child gets a free one; and it does not
 * wait for a debugger: whoever stops at the program's start would have to attach to each child before it begins.
 */

/** Options that say what to run, with a value of their own. */
const withValue = new Set([
  '-e',
  '--eval',
  '-p',
  '--print',
  '-pe',
  '--run',
  '--test-name-pattern',
  '--test-skip-pattern',
  '--test-reporter',
  '--test-reporter-destination',
  '--test-concurrency',
  '--test-timeout',
  '--test-shard',
  '--input-type',
  '--test-isolation',
  '--build-sea',
  '--build-snapshot-config',
  '--watch-path',
]);
/** Options that say what to run, alone. */
const alone = new Set([
  '-i',
  '--interactive',
  '-c',
  '--check',
  '--test',
  '--test-only',
  '--test-force-exit',
  '--watch',
  '--watch-preserve-output',
  '--build-snapshot',
  '--prof-process',
  '--cpu-prof-stdout',
]);

const inspect = /^--inspect(?:-brk|-wait)?(?:=(.*))?$/;
const inspectPort = /^--inspect-port(?:=|$)|^--debug-port(?:=|$)/;

/** `127.0.0.1:9229` → `127.0.0.1:0`: the same address, a free port. */
function freePort(address: string | undefined): string {
  if (address === undefined || /^\d*$/.test(address)) return '0';
  const host = address.replace(/:\d+$/, '');
  return `${host}:0`;
}

/** An option that opens a debugger's port, as a child should get it; any other as it is. */
function debuggable(arg: string): string {
  const debug = inspect.exec(arg);
  return debug === null ? arg : `--inspect=${freePort(debug[1])}`;
}

/** `process.execArgv` as a child should get it. */
export function inheritedExecArgv(execArgv: readonly string[] = process.execArgv): string[] {
  const kept: string[] = [];
  for (let i = 0; i < execArgv.length; i++) {
    const arg = execArgv[i]!;
    const [name] = arg.split('=', 1) as [string];
    if (alone.has(name)) continue;
    if (withValue.has(name)) {
      // `-p` and `-pe` print what `-e`, or the next word, says; a joined value needs no skipping.
      if (!arg.includes('=') && !(execArgv[i + 1] ?? '-').startsWith('-')) i++;
      continue;
    }
    if (inspectPort.test(arg)) {
      if (!arg.includes('=')) i++;
      continue;
    }
    kept.push(debuggable(arg));
  }
  return kept;
}

/** The environment as a child should get it: the parent's, but for what speaks of this very process. */
export function inheritedEnv(env: NodeJS.ProcessEnv = process.env): Record<string, string | undefined> {
  // Set by `node --test` for a test file: what a child prints is not that file's report.
  const { NODE_TEST_CONTEXT: _, ...rest } = env;
  const options = rest.NODE_OPTIONS;
  if (options !== undefined && /--inspect/.test(options)) {
    rest.NODE_OPTIONS = options.split(' ').map(debuggable).join(' ');
  }
  return rest;
}
