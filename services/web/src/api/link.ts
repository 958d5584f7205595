/** The live stream, and whether it is alive. */
import type { Change, Tick } from './types';

/** No word for so long: the link is taken for broken. The server speaks once a second. */
export const SILENCE_MS = 2_500;
const LOOK_MS = 250;
const AGAIN_MS = 1_000;

export interface Listener {
  tick(tick: Tick): void;
  change(change: Change): void;
  /** The link came up (again): what was read before may be old. */
  up(): void;
  lost(): void;
}

/** Keeps a stream open for as long as the page lives, whatever happens to the server. */
export class Link {
  #source: EventSource | null = null;
  #heardAt = performance.now();
  #isUp = false;
  #timer: ReturnType<typeof setInterval>;
  #openedAt = 0;

  constructor(
    private readonly url: string,
    private readonly listener: Listener,
  ) {
    this.#open();
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#source?.close();
  }

  #open(): void {
    this.#source?.close();
    this.#openedAt = performance.now();
    const source = new EventSource(this.url);
    source.addEventListener('tick', (event) => this.#hear(() => this.listener.tick(JSON.parse(event.data) as Tick)));
    source.addEventListener('change', (event) =>
      this.#hear(() => this.listener.change(JSON.parse(event.data) as Change)),
    );
    this.#source = source;
  }

  #hear(tell: () => void): void {
    this.#heardAt = performance.now();
    if (!this.#isUp) {
      this.#isUp = true;
      this.listener.up();
    }
    tell();
  }

  #look(): void {
    const now = performance.now();
    if (now - this.#heardAt <= SILENCE_MS) return;
    if (this.#isUp) {
      this.#isUp = false;
      this.listener.lost();
    }
    // A half-open connection never ends by itself, and a refused one is not tried again.
    const stuck = this.#source?.readyState !== EventSource.CONNECTING && now - this.#openedAt > SILENCE_MS;
    if (stuck || now - this.#openedAt > 5 * AGAIN_MS) this.#open();
  }
}
