/** `multiproc/shared-memory`: Python's `multiprocessing.shared_memory`. */
export { type Shareable, ShareableList, type ShareableListOptions } from './memory/shareable-list.ts';
export { SharedMemory, type SharedMemoryOptions } from './memory/shared-memory.ts';
