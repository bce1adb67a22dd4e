/** The rows of CPython's test_subprocess. */
import { fileURLToPath } from 'node:url';
import { runEverywhere } from '../support/everywhere.ts';
import { rows } from './subprocess-rows.ts';

runEverywhere(fileURLToPath(new URL('./subprocess-rows.ts', import.meta.url)), rows);
