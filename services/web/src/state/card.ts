/** What state a card is in: one pure function, so that every case can be read and tested. */
import type { BuriedMessage, PlotType, VerdictState } from '../api/types';
import { ageS, span } from './time';

/** Every state of a card; worst first, which is also the order of the board. */
export const KINDS = [
  'bad',
  'novel',
  'unconfirmed',
  'late',
  'stale',
  'nodata',
  'other',
  'nomodel',
  'discovered',
  'good',
  'disabled',
] as const;
export type Kind = (typeof KINDS)[number];

/** All that a state depends on beside the plot type itself. */
export interface Context {
  /** The server's clock. */
  nowUs: number;
  /** `unknown` also where the newest reading is old. */
  beam: 'on' | 'off' | 'unknown';
  /** The newest run. */
  run: number | null;
  /** Messages that wait inside Hydra, and how far behind arrival its slowest stage is. */
  waiting: number;
  lagS: number | null;
  /** Roles between the door and the database that do not report. */
  silent: readonly string[];
}

export interface CardState {
  kind: Kind;
  /** The state in a word or two, e.g. `Good`, `Hot channel`, `Stale`. */
  title: string;
  /** Why, in a sentence; empty when the verdict says it all. */
  reason: string;
  /** What the newest verdict was, where the state no longer is that verdict. */
  was: string;
  /** Whether somebody should look: a stale plot without beam, say, asks for nothing. */
  calls: boolean;
}

/** What a verdict alone says. */
export function verdictKind(state: VerdictState, label: string | null, isBad: boolean): Kind {
  if (state === 'no_verdict' || label === null) return 'nomodel';
  if (state === 'novel') return 'novel';
  if (state === 'unconfirmed') return 'unconfirmed';
  // The catalog says which labels mean trouble; a hall may count HotChannel among them.
  if (isBad) return 'bad';
  if (label === 'Good' || label === 'Acceptable') return 'good';
  if (label === 'NoData') return 'nodata';
  return 'other';
}

/** A verdict in words: `Bad`, `Unconfirmed: Bad`, `Hot channel`. */
export function verdictTitle(state: VerdictState, label: string | null): string {
  switch (verdictKind(state, label, false)) {
    case 'nomodel':
      return 'No model';
    case 'novel':
      return 'Novel';
    case 'unconfirmed':
      return 'Unconfirmed';
    default:
      return words(label ?? '');
  }
}

/** `HotChannel` as `Hot channel`; `NoData` as `No data`; abbreviations (`LED`) stay. */
export function words(label: string): string {
  return label.replace(/([a-z])([A-Z])(?=[a-z])/g, (_, a: string, b: string) => `${a} ${b.toLowerCase()}`);
}

const CALLING: ReadonlySet<Kind> = new Set(['bad', 'novel', 'unconfirmed', 'late', 'stale', 'nodata']);

/** The one state of a plot type now. The order of the questions is the order of their weight:
 * what nobody wants judged, what Hydra itself has lost or not reached yet, what has not come at
 * all, and only then what the newest verdict says. An old Good is never Good. */
export function cardState(plot: PlotType, context: Context): CardState {
  const { latest } = plot;
  const verdict = latest && verdictTitle(latest.state, latest.label);
  const state = (kind: Kind, title: string, reason: string, calls = CALLING.has(kind)): CardState => ({
    kind,
    title,
    reason,
    was: verdict && verdict !== title && kind !== verdictKind(latest.state, latest.label, latest.is_bad) ? verdict : '',
    calls,
  });

  if (plot.disabled) return state('disabled', 'Disabled', 'Switched off in the catalog; not judged.');
  if (plot.buried) return state('late', 'Late', buriedReason(plot.buried));
  // nobody expects it at any pace
  if (plot.discovered) return state('discovered', 'Discovered', 'Came in by itself: nobody has declared it yet.');
  const old = staleReason(plot, context);
  if (old?.cause === 'overdue') {
    const here = lateReason(plot, context);
    if (here) return state('late', 'Late', here);
  }
  if (!latest) return state('stale', 'Never seen', 'No image of it has ever come.', context.beam === 'on');
  if (old) return state('stale', 'Stale', old.reason, old.cause === 'overdue');

  const kind = verdictKind(latest.state, latest.label, latest.is_bad);
  if (kind === 'nomodel') return state(kind, 'No model', latest.reason || 'No model is active for it: look yourself.');
  return state(kind, verdictTitle(latest.state, latest.label), verdictReason(kind, plot));
}

function verdictReason(kind: Kind, plot: PlotType): string {
  const { latest } = plot;
  if (!latest) return '';
  if (kind === 'unconfirmed') return `Perhaps ${words(latest.label ?? '')}: below its threshold, look yourself.`;
  if (kind === 'novel') return latest.note || 'Unlike anything in training, look yourself.';
  if (kind === 'bad' && !plot.incident) return latest.note || 'No incident: the beam is off, or it has just begun.';
  return latest.note;
}

function buriedReason(buried: BuriedMessage): string {
  return `An image came but was given up in ${buried.stage}: ${buried.reason}. See Status.`;
}

/** Where the server gives no limit: three chunks of five minutes. Nothing stays green for ever. */
const STALE_UNPACED_S = 900;
const limitS = (plot: PlotType) => plot.stale_after_s ?? STALE_UNPACED_S;

interface Old {
  cause: 'overdue' | 'beam' | 'run';
  reason: string;
}

/** Why the newest image no longer speaks for now; `null` while it does. */
export function staleReason(plot: PlotType, context: Context): Old | null {
  const { latest } = plot;
  if (!latest) return null;
  // A producer's clock that is ahead must not keep a plot young.
  const age = ageS(Math.min(latest.taken_at_us, latest.arrived_at_us), context.nowUs);
  if (age <= limitS(plot)) {
    // One set a run, of a run that is over, is old at any age; it is not overdue yet.
    const isOnceARun = plot.cadence_s === null && latest.chunk === null;
    if (!isOnceARun || context.run === null || latest.run >= context.run) return null;
    return { cause: 'run', reason: `From run ${latest.run}; run ${context.run} is on.` };
  }
  if (context.beam === 'off') return { cause: 'beam', reason: `The beam is off; last image ${span(age)} ago.` };
  const wanted = plot.cadence_s === null ? '' : `, one is expected every ${span(plot.cadence_s)}`;
  return { cause: 'overdue', reason: `Last image ${span(age)} ago${wanted}.` };
}

/** An overdue image may be inside Hydra rather than never drawn: then the backlog explains it. */
function lateReason(plot: PlotType, context: Context): string | null {
  if (!plot.latest) return null;
  if (context.silent.length > 0) return `Hydra itself stands still: no word from ${context.silent.join(', ')}.`;
  const overdue = ageS(plot.latest.arrived_at_us, context.nowUs) - limitS(plot);
  if (context.waiting === 0) return null;
  // A stage that took nothing in the last minute has no lag: whatever waits may be this image.
  if (context.lagS === null) return `Queued in Hydra: ${context.waiting} images wait, and none is taken.`;
  if (context.lagS < overdue) return null;
  return `Queued in Hydra: ${context.waiting} images wait, about ${span(context.lagS)} behind.`;
}
