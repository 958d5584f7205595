/** A picture that did not come: whether it ever will, and when it is asked for again. */

/** Waits between two attempts, ms; the last one for all that follow. */
const AGAIN_MS = [5_000, 10_000, 20_000, 40_000, 60_000];

/** `gone`: no longer stored. `away`: nobody said so, it may come yet. */
export type Why = 'gone' | 'away';

export class Retry {
  #failed = $state.raw<{ src: string; why: Why } | null>(null);
  #tries = 0;
  /** What the attempts were of. */
  #src = '';
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Why this address did not come; `null`: it did, or may be asked for. */
  why(src: string): Why | null {
    return this.#failed?.src === src ? this.#failed.why : null;
  }

  /** An image element does not say why it failed: the server is asked. */
  async onFailed(src: string): Promise<void> {
    if (src !== this.#src) [this.#src, this.#tries] = [src, 0];
    const answer = await fetch(src, { method: 'HEAD' }).catch(() => null);
    if (src !== this.#src) return;
    const isGone = answer?.status === 404 || answer?.status === 410;
    this.#failed = { src, why: isGone ? 'gone' : 'away' };
    clearTimeout(this.#timer);
    if (isGone) return;
    this.#timer = setTimeout(() => this.again(), AGAIN_MS[Math.min(this.#tries, AGAIN_MS.length - 1)]);
    this.#tries++;
  }

  /** Asks at once for what is away. */
  again(): void {
    if (this.#failed?.why === 'away') this.#failed = null;
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
