/** Names of users and groups to numbers, as the system's name service knows them. */

import { checkCString, cstring } from './cstrings.ts';
import { declare, koffi } from './libc.ts';

const getpwnam = declare<(name: Uint8Array) => unknown>('void *getpwnam(void *name)');
const getgrnam = declare<(name: Uint8Array) => unknown>('void *getgrnam(void *name)');

/** The id stands behind two pointers in both structures, in glibc and musl alike. */
const ID_OFFSET = 16;

function id(entry: unknown): number | undefined {
  return entry === null ? undefined : (koffi().decode(entry, ID_OFFSET, 'uint32_t') as number);
}

/** The id of a user, or undefined. */
export function userId(name: string): number | undefined {
  return id(getpwnam(cstring(checkCString(name, 'user'))));
}

/** The id of a group, or undefined. */
export function groupId(name: string): number | undefined {
  return id(getgrnam(cstring(checkCString(name, 'group'))));
}
