/** The alarm list: incidents in the order in which they were first seen here. Rows never move
 * under the reader's eyes: a new one goes to the end, a cleared one stays until it is tidied. */
import type { Incident } from '../api/types';
import { recall, remember } from './prefs';
import { beep, isAllowed } from './sound';

class Alarms {
  rows = $state.raw<readonly Incident[]>([]);
  /** Until when no sound is made, ms since 1970; `Infinity` is not offered: a mute ends. */
  muteUntil = $state(Number(recall('mute_until') ?? 0));
  soundOn = $state(recall('sound') === 'on');
  #sounded = new Set<string>();

  constructor() {
    // another tab was muted or switched: it is one person who hears both
    globalThis.addEventListener?.('storage', () => {
      this.muteUntil = Number(recall('mute_until') ?? 0);
      this.soundOn = recall('sound') === 'on';
    });
  }

  #wasRead = false;

  open = $derived(this.rows.filter((row) => row.cleared_at_us === null).length);
  cleared = $derived(this.rows.length - this.open);

  /** All open ones. At the start there is no sound, since nothing says what is new; after a break
   * what began meanwhile is heard. */
  read(incidents: readonly Incident[]): void {
    const open = new Set(incidents.map((incident) => incident.id));
    if (!this.#wasRead) for (const id of open) this.#sounded.add(id);
    this.#wasRead = true;
    const gone = this.rows
      .filter((row) => row.cleared_at_us === null && !open.has(row.id))
      .map((row) => ({ ...row, cleared_at_us: row.last.at_us }));
    this.see([...gone, ...incidents]);
  }

  /** Those that changed. */
  see(changed: readonly Incident[]): void {
    const rows = new Map(this.rows.map((row) => [row.id, row]));
    for (const incident of changed) {
      // What was over before it was seen here is for the log.
      if (incident.cleared_at_us !== null && !rows.has(incident.id)) continue;
      rows.set(incident.id, incident);
      if (incident.cleared_at_us === null && !this.#sounded.has(incident.id)) {
        this.#sounded.add(incident.id);
        this.#sound();
      }
    }
    this.rows = [...rows.values()];
  }

  /** Takes the cleared ones away, oldest incident first again. */
  tidy(): void {
    this.rows = this.rows
      .filter((row) => row.cleared_at_us === null)
      .sort((a, b) => a.first.at_us - b.first.at_us);
  }

  mute(minutes: number): void {
    this.muteUntil = minutes > 0 ? Date.now() + minutes * 60_000 : 0;
    remember('mute_until', this.muteUntil ? String(this.muteUntil) : null);
  }

  setSound(on: boolean): void {
    this.soundOn = on;
    remember('sound', on ? 'on' : null);
    if (on) {
      this.mute(0);
      beep();
    }
  }

  /** What a browser does not let sound yet must not sound with the next click, all at once. */
  #sound(): void {
    if (this.soundOn && Date.now() >= this.muteUntil && isAllowed()) beep();
  }
}

export const alarms = new Alarms();
