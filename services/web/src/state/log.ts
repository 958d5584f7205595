/** The log in sections: by time, by detector or by run. Pure, so that it can be tested. */
import type { LogEntry, StripItem, Verdict } from '../api/types';
import { day } from './time';

export type By = 'time' | 'detector' | 'run';

/** Entries that were read, and the cursor behind them; `null` at the end. */
export interface LogPage {
  items: readonly LogEntry[];
  next: string | null;
}

export interface LogSection {
  title: string;
  entries: LogEntry[];
}

/** The newest page read anew in front of the pages that were read before: what one has leafed to
 * stays. Entries come in the order of their newest image, so one that moved up is in the page. */
export function refreshed(fresh: LogPage, known: LogPage): LogPage {
  const last = fresh.items.at(-1);
  if (fresh.next === null || !last) return fresh;
  const inFresh = new Set(fresh.items.map((entry) => entry.id));
  // where more is new than a page holds, the two do not meet
  if (!known.items.some((entry) => inFresh.has(entry.id))) return fresh;
  const older = known.items.filter((entry) => !inFresh.has(entry.id) && entry.last.at_us <= last.last.at_us);
  if (older.length === 0) return fresh;
  return { items: [...fresh.items, ...older], next: known.next };
}

/** Entries come in the order of their newest image; within a section the one that began last
 * stands first. Sections are ordered by their title, days and runs newest first. */
export function logSections(entries: readonly LogEntry[], by: By): LogSection[] {
  const sections = new Map<string, LogEntry[]>();
  for (const entry of entries) {
    const title =
      by === 'detector' ? entry.detector || 'No detector' : by === 'run' ? `Run ${entry.first.run}` : day(entry.first.at_us);
    const list = sections.get(title);
    if (list) list.push(entry);
    else sections.set(title, [entry]);
  }
  const sorted = [...sections].map(([title, list]) => ({
    title,
    entries: list.toSorted((a, b) => b.first.at_us - a.first.at_us),
  }));
  sorted.sort((a, b) => a.title.localeCompare(b.title, 'en', { numeric: true }));
  return by === 'detector' ? sorted : sorted.reverse();
}

type Said = Pick<StripItem, 'state' | 'is_bad'>;
const isTrouble = (said: Said) => said.is_bad || said.state === 'unconfirmed' || said.state === 'novel';

/** Whether new verdicts of a plot type begin, lengthen or end an entry of the log. */
export function touchesLog(before: Said | null, fresh: readonly Said[]): boolean {
  return fresh.some(isTrouble) || (fresh.length > 0 && before !== null && isTrouble(before));
}

/** Images that were read, with those of the next page behind them, each once. */
export function appended(known: readonly Verdict[], page: readonly Verdict[]): readonly Verdict[] {
  const ids = new Set(known.map((verdict) => verdict.image));
  const fresh = page.filter((verdict) => !ids.has(verdict.image));
  return fresh.length === 0 ? known : [...known, ...fresh];
}
