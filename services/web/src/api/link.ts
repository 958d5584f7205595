/** The live stream as a page sees it, and whether it is alive. */
import { share } from './shared';
import { SILENCE_MS, Stream, type Frame } from './stream';
import type { Change, Tick } from './types';

/** With the silence, less than the three seconds after which a page must be grey. */
const LOOK_MS = 100;

export interface Listener {
  tick(tick: Tick): void;
  change(change: Change): void;
  /** The link came up (again): what was read before may be old. */
  up(): void;
  /** The link broke, or did not come up at all. */
  lost(): void;
}

/** Listens for as long as the page lives, whatever happens to the server. */
export class Link {
  #heardAt = performance.now();
  /** `null`: it may still come up. */
  #isUp: boolean | null = null;
  #own: Stream | null = null;

  constructor(
    private readonly url: string,
    private readonly listener: Listener,
  ) {
    const hear = (name: Frame, data: string) => this.#hear(name, data);
    const alone = () => (this.#own ??= new Stream(this.url, hear));
    if (!share(hear, alone)) alone();
    setInterval(() => this.#look(), LOOK_MS);
  }

  #hear(name: Frame, data: string): void {
    if (name === 'open') {
      if (this.#isUp) this.listener.up();
      return;
    }
    this.#heardAt = performance.now();
    if (!this.#isUp) {
      this.#isUp = true;
      this.listener.up();
    }
    if (name === 'again') this.listener.up();
    else if (name === 'tick') this.listener.tick(JSON.parse(data) as Tick);
    else this.listener.change(JSON.parse(data) as Change);
  }

  #look(): void {
    if (this.#isUp === false || performance.now() - this.#heardAt <= SILENCE_MS) return;
    this.#isUp = false;
    this.listener.lost();
  }
}
