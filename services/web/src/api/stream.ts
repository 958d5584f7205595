/** The live stream of the server, opened again whatever happens to it. */

/** No word for so long: the stream is taken for broken. The server speaks once a second. */
export const SILENCE_MS = 2_500;
const LOOK_MS = 250;
/** A stream that is being opened gets so long. */
const PATIENCE_MS = 5_000;

/** `open`: the stream begins (again); what was said between two streams was not heard. `again`: the
 * server has read everything anew and does not say what changed. */
export type Frame = 'open' | 'again' | 'tick' | 'change';
export type Hear = (name: Frame, data: string) => void;

/** Keeps a stream open for as long as it lives, in a page or in the worker of all pages. */
export class Stream {
  #source: EventSource | null = null;
  #heardAt = performance.now();
  #openedAt = 0;
  #timer: ReturnType<typeof setInterval>;

  constructor(
    private readonly url: string,
    private readonly hear: Hear,
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
    source.addEventListener('open', () => this.hear('open', ''));
    for (const name of ['tick', 'change', 'again'] as const) {
      source.addEventListener(name, (event) => {
        this.#heardAt = performance.now();
        this.hear(name, event.data as string);
      });
    }
    this.#source = source;
  }

  #look(): void {
    const now = performance.now();
    if (now - this.#heardAt <= SILENCE_MS) return;
    // A half-open connection never ends by itself, and a refused one is not tried again.
    const stuck = this.#source?.readyState !== EventSource.CONNECTING && now - this.#openedAt > SILENCE_MS;
    if (stuck || now - this.#openedAt > PATIENCE_MS) this.#open();
  }
}
