/** Why a page has nothing to show: the first thing that explains it, in a sentence. Pure, so that it
 * can be tested. */
import type { LinkState } from './hall.svelte';
import { ageS, span } from './time';

export interface Present {
  link: LinkState;
  beam: 'on' | 'off' | 'unknown';
  /** Roles between the door and the database that do not report. */
  silent: readonly string[];
  /** Images that wait inside Hydra. */
  waiting: number;
  /** When the newest image of all came in; `null`: none ever did. */
  lastImageUs: number | null;
  nowUs: number;
}

/** Without an image for so long, something has stopped. */
const QUIET_S = 900;

/** Why nothing comes now; empty where nothing is known to be in the way. */
export function whyNothingComes(now: Present): string {
  if (now.link === 'lost') return 'There is no link to the server: this is what was known before.';
  if (now.link === 'unread') return 'The server speaks, but does not answer what is asked: this is what was known before.';
  if (now.link === 'database') return "Hydra's database does not answer: this is what was known before.";
  if (now.silent.includes('ingest')) return 'Nothing comes in: ingest does not report. Status says what to do.';
  if (now.silent.length > 0) return `No verdict is made: no word from ${now.silent.join(', ')}. Status says what to do.`;
  if (now.lastImageUs === null) return 'No image has ever come in: no monitoring program has sent one to ingest yet.';
  const age = ageS(now.lastImageUs, now.nowUs);
  if (age <= QUIET_S) return '';
  if (now.waiting > 0) return `${now.waiting} images wait inside Hydra. Status says what to do.`;
  if (now.beam === 'off') return `The beam is off; the last image came ${span(age)} ago.`;
  return `No image has come for ${span(age)}: the monitoring program has stopped, or its images do not reach Hydra.`;
}

/** What was taken, of which a range of time may have a part. */
export interface Taken {
  run: number;
  first_at_us: number;
  last_at_us: number;
}

/** Why a past range may be empty: no run was taken then. `runs` are the newest, all of them if
 * `isComplete`; empty where they say nothing. */
export function whyRangeIsEmpty(fromUs: number, toUs: number, runs: readonly Taken[], isComplete: boolean): string {
  if (runs.some((run) => run.first_at_us < toUs && run.last_at_us >= fromUs)) return '';
  const before = runs.filter((run) => run.last_at_us < fromUs).sort((a, b) => b.last_at_us - a.last_at_us)[0];
  if (!before && !isComplete) return '';
  if (!before) return 'No run was taken in this time or before.';
  return `No run was taken in this time: the last before it, ${before.run}, ended ${span((fromUs - before.last_at_us) / 1e6)} before.`;
}
