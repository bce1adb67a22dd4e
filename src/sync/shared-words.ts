/** What every class of this folder but the locks begins with: a few words in an arena, new or of another process. */
import { inspect } from 'node:util';
import { allocate, type Block, type BlockHandle, openBlock } from '../memory/arena.ts';
import { type ParkingLot, parkingLot } from './parking.ts';

/** Base of Semaphore, Condition, Event and Barrier. */
export abstract class SharedWords {
  protected readonly block: Block;
  protected readonly i32: Int32Array;
  /** Index of the first word. */
  protected readonly at: number;
  #lot: ParkingLot | undefined;

  /** @param from Where existing words are; without it they are new and zero. */
  constructor(bytes: number, from: BlockHandle | undefined) {
    this.block = from === undefined ? allocate(bytes).ownedBy(this) : openBlock(from, bytes);
    this.i32 = this.block.arena.i32;
    this.at = this.block.offset >> 2;
  }

  protected get lot(): ParkingLot {
    this.#lot ??= parkingLot(this.block.arena);
    return this.#lot;
  }

  /** What waiters wait for. */
  protected get key(): number {
    return this.block.offset;
  }

  /** Where it is in this process, as Python's texts show it. */
  protected get addressText(): string {
    return `0x${this.block.address.toString(16)}`;
  }

  abstract [inspect.custom](): string;

  toString(): string {
    return this[inspect.custom]();
  }
}
