/** The hall as the page knows it: read once, kept alive by the stream, honest about its age. */
import { get, getAll } from '../api/client';
import { Link } from '../api/link';
import type { Change, Hall as HallFacts, Incident, PlotType, StripItem, Tick } from '../api/types';
import { alarms } from './alarms.svelte';
import { beamNow } from './beam';
import { cardState, type CardState, type Context, type Kind } from './card';
import { whyNothingComes } from './empty';
import { touchesLog } from './log';

/** The database did not answer for so long: what is shown is old although the server speaks. */
const DATABASE_SILENCE_US = 5e6;
/** What changed unheard is read anew in less, or the page is not live until it is. */
const CATCH_UP_US = 2e6;
const STRIP = 20;

/** `lost`: the server is silent. `unread`: it speaks, but does not answer what is asked. `catching`:
 * it speaks, and what was missed is being read. `database`: it speaks, of what it knew before. */
export type LinkState = 'connecting' | 'up' | 'catching' | 'lost' | 'unread' | 'database';

/** One plot type, alive. */
export class Cell {
  plot: PlotType = $state.raw()!;
  state: CardState = $derived(cardState(this.plot, hall.context));
  #version = 0;

  constructor(plot: PlotType) {
    this.plot = plot;
  }

  /** Takes what the stream says, unless it is older than what is known. */
  apply(plot: PlotType, version: number): void {
    if (version < this.#version) return;
    this.#version = version;
    this.plot = { ...plot, strip: mergeStrips(this.plot.strip, plot.strip) };
  }
}

/** The newest of both, oldest first, each image once. */
export function mergeStrips(known: readonly StripItem[], fresh: readonly StripItem[]): StripItem[] {
  const ids = new Set(fresh.map((item) => item.image));
  return [...known.filter((item) => !ids.has(item.image)), ...fresh].slice(-STRIP);
}

class Hall {
  facts = $state.raw<HallFacts | null>(null);
  tick = $state.raw<Tick | null>(null);
  /** In the order of the catalog; discovered ones at the end. Cards never change places. */
  cells = $state.raw<readonly Cell[]>([]);
  incidents = $state.raw<readonly Incident[]>([]);
  /** Since when what is shown is old, by the server's clock; 0: it is not. */
  lostUs = $state(0);
  /** The server's clock, a step a second. */
  nowUs = $state(Date.now() * 1000);
  /** Why the last reading failed; empty: it did not. */
  problem = $state('');
  /** Whether the stream speaks; `null`: it may yet. */
  #speaks = $state<boolean | null>(null);
  /** What the last tick said of the database. */
  #isBehind = $state(false);
  /** Since when there is something that was neither heard nor read; `null`: there is nothing. */
  #missedUs = $state<number | null>(null);
  /** Grows whenever the log may be another: trouble came, went on or ended, or all was read anew. */
  pulse = $state(0);

  beam = $derived(beamNow(this.tick ?? this.facts, this.nowUs));
  context: Context = $derived({
    nowUs: this.nowUs,
    beam: this.beam.state,
    run: (this.tick ?? this.facts)?.run?.run ?? null,
    waiting: (this.tick ?? this.facts)?.pipeline.waiting ?? 0,
    lagS: (this.tick ?? this.facts)?.pipeline.lag_s ?? null,
    silent: (this.tick ?? this.facts)?.pipeline.silent ?? [],
  });
  link: LinkState = $derived.by(() => {
    if (!this.#speaks) return this.#speaks === false || this.problem ? 'lost' : 'connecting';
    if (this.#isBehind) return 'database';
    if (this.problem) return 'unread';
    if (this.facts === null) return 'connecting';
    return this.#missedUs !== null && this.nowUs - this.#missedUs > CATCH_UP_US ? 'catching' : 'up';
  });
  /** Whether what is shown may be taken for now. */
  isLive = $derived(this.link === 'up');
  /** Why nothing comes now; empty while something does. */
  quiet: string = $derived(
    whyNothingComes({
      ...this.context,
      link: this.link,
      lastImageUs: (this.tick ?? this.facts)?.last_image?.arrived_at_us ?? null,
    }),
  );
  /** Cards in each state. */
  counts: ReadonlyMap<Kind, number> = $derived.by(() => {
    const counts = new Map<Kind, number>();
    for (const cell of this.cells) counts.set(cell.state.kind, (counts.get(cell.state.kind) ?? 0) + 1);
    return counts;
  });
  byName = $derived(new Map(this.cells.map((cell) => [cell.plot.name, cell])));

  #offsetUs = Date.now() * 1000 - performance.now() * 1000;
  #loading: Promise<void> | null = null;
  #again = false;
  #retry: ReturnType<typeof setTimeout> | undefined;
  /** The stream has just begun: what changed between the reading and it must be read once more. */
  #isFresh = false;
  /** The first reading must have come so far, or it is repeated once. */
  #wanted = 0;

  start(): void {
    setInterval(() => this.#step(), 1000);
    new Link('/api/v1/live', {
      tick: (tick) => this.#onTick(tick),
      change: (change) => this.#onChange(change),
      up: () => (this.#isFresh = true),
      lost: () => {
        this.#speaks = false;
        this.lostUs ||= this.#now();
      },
    });
    void this.load();
  }

  #now(): number {
    return Math.round(performance.now() * 1000 + this.#offsetUs);
  }

  #step(): void {
    // Without a link time still passes: ages grow, and what was Good turns stale.
    this.nowUs = this.#now();
  }

  #onTick(tick: Tick): void {
    this.#offsetUs = tick.server_time_us - performance.now() * 1000;
    if (this.#isFresh) {
      this.#isFresh = false;
      const isComplete = this.facts !== null && this.#speaks !== false && this.facts.version_of_state >= tick.version_of_state;
      // What was live stays so while it is read anew; what was not is not live before it is read.
      if (!isComplete) this.#missedUs ??= this.isLive ? tick.server_time_us : 0;
      // A silent server answers nothing, that is over.
      if (!isComplete && !this.#speaks) this.problem = '';
      if (!isComplete && !(this.#loading && this.facts === null && this.link === 'connecting')) void this.load();
      else if (!isComplete) this.#wanted = tick.version_of_state;
    }
    this.#speaks = true;
    this.#isBehind = tick.server_time_us - tick.read_at_us > DATABASE_SILENCE_US;
    if (this.#isBehind) this.lostUs = tick.read_at_us;
    const stale = this.facts !== null && tick.generation !== this.facts.generation;
    this.tick = tick;
    this.nowUs = tick.server_time_us;
    if (this.isLive) this.lostUs = 0;
    // After a failure the reading comes again by itself.
    if (stale && !this.problem) void this.load();
  }

  #onChange(change: Change): void {
    let isTrouble = change.incidents.length > 0;
    for (const plot of change.plot_types) {
      const cell = this.byName.get(plot.name);
      isTrouble ||= touchesLog(cell?.plot.latest ?? null, plot.strip);
      if (cell) cell.apply(plot, change.version_of_state);
      else this.cells = [...this.cells, new Cell(plot)];
    }
    this.#setIncidents(change.incidents);
    if (isTrouble) this.pulse++;
  }

  #setIncidents(changed: readonly Incident[]): void {
    if (changed.length === 0) return;
    const all = new Map(this.incidents.map((incident) => [incident.id, incident]));
    for (const incident of changed) all.set(incident.id, incident);
    this.incidents = [...all.values()].filter((incident) => incident.cleared_at_us === null);
    alarms.see(changed);
  }

  /** Reads everything again; a call during a call makes it run once more. */
  async load(): Promise<void> {
    if (this.#loading) {
      this.#again = true;
      return this.#loading;
    }
    this.#loading = this.#read().finally(() => {
      this.#loading = null;
      if (this.#again) {
        this.#again = false;
        void this.load();
      }
    });
    return this.#loading;
  }

  async #read(): Promise<void> {
    clearTimeout(this.#retry);
    try {
      const [facts, plots, incidents] = await Promise.all([
        get<HallFacts>('/hall'),
        getAll<PlotType>('/plot-types', { limit: 1000 }),
        getAll<Incident>('/incidents', { open: true, limit: 1000 }),
      ]);
      // A number that fell is of another database: nothing that is known counts any more.
      const isAnother = this.facts !== null && facts.version_of_state < this.facts.version_of_state;
      this.facts = facts;
      this.cells = keepPlaces(isAnother ? [] : this.cells, plots, facts.version_of_state);
      this.incidents = incidents;
      alarms.read(incidents);
      this.pulse++;
      this.problem = '';
      if (facts.version_of_state < this.#wanted) this.#again = true;
      this.#wanted = 0;
      // What is to be read again may have been asked for after this answer was made.
      if (!this.#again) this.#missedUs = null;
      if (this.isLive) this.lostUs = 0;
    } catch (error) {
      this.problem = error instanceof Error ? error.message : String(error);
      this.lostUs ||= this.#now();
      this.#retry = setTimeout(() => void this.load(), 2000);
    }
  }
}

/** Known cards stay as they are; the order is the server's. */
function keepPlaces(known: readonly Cell[], plots: readonly PlotType[], version: number): Cell[] {
  const byName = new Map(known.map((cell) => [cell.plot.name, cell]));
  return plots.map((plot) => {
    const cell = byName.get(plot.name);
    if (!cell) return new Cell(plot);
    cell.apply(plot, version);
    return cell;
  });
}

export const hall = new Hall();
