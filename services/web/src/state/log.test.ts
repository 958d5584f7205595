import { expect, test } from 'vitest';
import type { LogEntry, Verdict } from '../api/types';
import { appended, logSections, refreshed, touchesLog } from './log';

const entry = (id: string, detector: string, run: number, hour: number): LogEntry => {
  const mark = { image: '', run, chunk: 1, at_us: new Date(2026, 10, 23, hour).getTime() * 1000 };
  return { id, plot_type: id, detector, kind: 'bad', label: 'Bad', first: mark, last: mark, count: 1, ended_at_us: null };
};
const entries = [entry('c', 'B', 101, 30), entry('b', 'A', 101, 20), entry('a', 'B', 99, 10)];
const text = (by: 'time' | 'detector' | 'run') => logSections(entries, by).map((s) => `${s.title}: ${s.entries.map((e) => e.id).join('')}`);

test('days and runs come newest first, detectors by name', () => {
  expect(text('time')).toEqual(['2026-11-24: c', '2026-11-23: ba']);
  expect(text('run')).toEqual(['Run 101: cb', 'Run 99: a']);
  expect(text('detector')).toEqual(['A: b', 'B: ca']);
});

test('what was leafed to stays when the newest page is read anew', () => {
  const known = { items: entries, next: 'beyond a' };
  const moved = { ...entry('b', 'A', 101, 20), last: { ...entry('b', 'A', 101, 20).last, at_us: entries[0]!.last.at_us + 1 } };
  const page = refreshed({ items: [moved, entries[0]!], next: 'beyond c' }, known);
  expect(page.items.map((e) => e.id).join('')).toBe('bca');
  expect(page.next).toBe('beyond a');
});

test('a page that is all, or that does not meet what is known, stands alone', () => {
  const known = { items: entries, next: 'beyond a' };
  expect(refreshed({ items: [entries[0]!], next: null }, known)).toEqual({ items: [entries[0]], next: null });
  const other = { items: [entry('z', 'A', 102, 40)], next: 'beyond z' };
  expect(refreshed(other, known)).toEqual(other);
});

test('what begins, lengthens or ends an entry touches the log, and nothing else', () => {
  const said = (state: 'confirmed' | 'unconfirmed' | 'novel' | 'no_verdict', is_bad = false) => ({ state, is_bad });
  const good = said('confirmed');
  expect(touchesLog(good, [good])).toBe(false);
  expect(touchesLog(null, [said('no_verdict')])).toBe(false);
  for (const trouble of [said('unconfirmed'), said('novel'), said('confirmed', true)]) {
    expect(touchesLog(good, [trouble])).toBe(true);
    expect(touchesLog(trouble, [good])).toBe(true);
    expect(touchesLog(trouble, [])).toBe(false);
  }
});

test('pages of images follow each other without a repetition', () => {
  const verdict = (image: string) => ({ image }) as Verdict;
  const known = ['a', 'b'].map(verdict);
  expect(appended(known, ['b', 'c'].map(verdict)).map((one) => one.image)).toEqual(['a', 'b', 'c']);
  expect(appended(known, [])).toBe(known);
});
