/** The log in sections: by time, by detector or by run. Pure, so that it can be tested. */
import type { LogEntry } from '../api/types';
import { day } from './time';

export type By = 'time' | 'detector' | 'run';

export interface LogSection {
  title: string;
  entries: LogEntry[];
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
