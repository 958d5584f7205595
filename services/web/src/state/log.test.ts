import { expect, test } from 'vitest';
import type { LogEntry } from '../api/types';
import { logSections } from './log';

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
