import { run } from '../src/subprocess.ts';

console.log(await run(['sh', '-c', 'echo hi; echo err >&2'], { captureOutput: true }));
