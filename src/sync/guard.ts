import { registerHomeClass } from '../base/travel.ts';

/** What `guard()` gives: `using held = await lock.guard()` releases at the end of the block, once. */
export class Guard implements Disposable, AsyncDisposable {
  #release: (() => void) | undefined;

  constructor(release: () => void) {
    this.#release = release;
  }

  /** Releases now; the end of the block does nothing then. */
  release(): void {
    const release = this.#release;
    this.#release = undefined;
    release?.();
  }

  [Symbol.dispose](): void {
    this.release();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.release();
  }
}

registerHomeClass(Guard, 'send the lock itself');
