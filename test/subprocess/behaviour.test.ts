/** What programs and their starter owe each other. */
import { fileURLToPath } from 'node:url';
import { runEverywhere } from '../support/everywhere.ts';
import { rows } from './behaviour-rows.ts';

runEverywhere(fileURLToPath(new URL('./behaviour-rows.ts', import.meta.url)), rows);
