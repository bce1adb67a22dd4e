/** Names of users and groups to numbers. */
import { readFileSync } from 'node:fs';
import { checkCString, cstring } from './cstrings.ts';
import { declare, koffi, supported } from './libc.ts';

const getpwnam = declare<(name: Uint8Array) => unknown>('void *getpwnam(void *name)');
const getgrnam = declare<(name: Uint8Array) => unknown>('void *getgrnam(void *name)');

/** The id stands behind two pointers in both structures, in glibc and musl alike. */
const ID_OFFSET = 16;

function id(entry: unknown): number | undefined {
  return entry === null ? undefined : (koffi().decode(entry, ID_OFFSET, 'uint32_t') as number);
}

/** Without libc: from a file of `name:password:id:…`, which holds the system's own accounts. */
function listed(file: string, name: string): number | undefined {
  let lines: string[];
  try {
    lines = readFileSync(file, 'utf8').split('\n');
  } catch {
    return undefined; // no such file on this system
  }
  const fields = lines.map((line) => line.split(':')).find(([first]) => first === name);
  return fields === undefined ? undefined : Number(fields[2]);
}

/** The id of a user as the system's name service knows it, or undefined. */
export function userId(name: string): number | undefined {
  checkCString(name, 'user');
  return supported ? id(getpwnam(cstring(name))) : listed('/etc/passwd', name);
}

/** The id of a group, or undefined. */
export function groupId(name: string): number | undefined {
  checkCString(name, 'group');
  return supported ? id(getgrnam(cstring(name))) : listed('/etc/group', name);
}
