import { expect, test } from 'vitest';
import type { Trend } from '../api/types';
import { readRange } from './range';
import { around, chartColumns, chartData, chartShape, inForce, joinTrends, refreshedTrend, zoomIn, zoomOut } from './trend';

const release = (at: number, model: string | null, good: number) => ({
  at_us: at * 1e6,
  model,
  thresholds: { Good: good },
  who: 'x',
  why: '',
});
const trend = (over: Partial<Trend> = {}): Trend => ({
  plot_type: 'A',
  labels: ['Good', 'HotChannel'],
  taken_at_us: [10e6, 20e6, 30e6],
  images: ['a', 'b', 'c'],
  runs: [1, 1, 1],
  chunks: [1, 2, 3],
  verdicts: [0, 1, 0],
  states: ['confirmed', 'confirmed', 'unconfirmed'],
  probabilities: [[0.9, 0.1, 0.5], [0.1, 0.9, null]],
  releases: [release(5, 'm1', 0.6), release(15, 'm1', 0.7), release(25, 'm2', 0.8)],
  next: null,
  ...over,
});

test('thresholds are those in force when each image came', () => {
  const data = chartData(trend());
  expect(data.thresholds).toEqual([[0.6, 0.7, 0.8], [null, null, null]]);
  expect(data.seconds).toEqual([10, 20, 30]);
});

test('a change of model is marked, a change of thresholds alone is not', () => {
  expect(chartData(trend()).changes).toEqual([{ at: 25, model: 'm2' }]);
  // the first model of all went live while plots came already
  expect(chartData(trend({ releases: [release(15, 'm1', 0.6)] })).changes).toEqual([{ at: 15, model: 'm1' }]);
});

test('labels that every hall has keep their colour', () => {
  const colours = chartData(trend({ labels: ['LED', 'Bad', 'Cosmic', 'Good'], probabilities: [[], [], [], []] })).series;
  expect(colours.map((s) => s.colour)).toEqual(['--other', '--bad', '--novel', '--good']);
});

test('before the first release nothing is in force', () => {
  expect(inForce([release(5, 'm', 1)], 4e6)).toBeNull();
  expect(inForce([release(5, 'm', 1)], 5e6)?.model).toBe('m');
});

test('stretches join although the model and its labels changed', () => {
  const older = trend({ labels: ['LED', 'Good'], taken_at_us: [1e6, 2e6], images: ['x', 'y'], runs: [0, 0], chunks: [null, null], verdicts: [0, null], states: ['confirmed', 'no_verdict'], probabilities: [[0.8, null], [0.2, null]], releases: [release(0, 'm0', 0.5), release(5, 'm1', 0.6)], next: 'more' });
  const joined = joinTrends(older, trend());
  expect(joined.labels).toEqual(['Good', 'HotChannel', 'LED']);
  expect(joined.probabilities).toEqual([[0.2, null, 0.9, 0.1, 0.5], [null, null, 0.1, 0.9, null], [0.8, null, null, null, null]]);
  expect(joined.verdicts).toEqual([2, null, 0, 1, 0]);
  expect(joined.releases.length).toBe(4);
  expect(joined.next).toBe('more');
});

test('older pages stay in front of the newest page read anew', () => {
  const fresh = trend({
    taken_at_us: [20e6, 30e6, 40e6],
    images: ['b', 'c', 'd'],
    chunks: [2, 3, 4],
    probabilities: [[0.1, 0.5, 0.8], [0.9, null, 0.2]],
    next: 'beyond b',
  });
  const known = trend({ next: 'beyond a' });
  const both = refreshedTrend(fresh, known);
  expect(both.images).toEqual(['a', 'b', 'c', 'd']);
  expect(both.probabilities).toEqual([[0.9, 0.1, 0.5, 0.8], [0.1, 0.9, null, 0.2]]);
  expect(both.next).toBe('beyond a');
  // all that there is, and a page that does not meet what is known
  expect(refreshedTrend({ ...fresh, next: null }, known).images).toEqual(['b', 'c', 'd']);
  expect(refreshedTrend({ ...fresh, images: ['x', 'y', 'z'] }, known).images).toEqual(['x', 'y', 'z']);
});

test('a new image is put into the chart that is there; another class, or one put off, makes it anew', () => {
  const none = new Set<string>();
  const shape = chartShape(chartData(trend()), none);
  const more = chartData(trend({ taken_at_us: [10e6, 20e6, 30e6, 40e6], images: ['a', 'b', 'c', 'd'], probabilities: [[0.9, 0.1, 0.5, 0.7], [0.1, 0.9, null, 0.3]] }));
  expect(chartShape(more, new Set())).toBe(shape);
  expect(chartColumns(more).map((column) => column.length)).toEqual([4, 4, 4, 4, 4]);
  expect(chartShape(chartData(trend({ labels: ['Good', 'LED'] })), none)).not.toBe(shape);
  expect(chartShape(chartData(trend()), new Set(['Good']))).not.toBe(shape);
});

/** What the page is shown after each step, as the address remembers it. */
function zoomed(query: string, ...steps: ([number, number] | 'out')[]) {
  const params = new URLSearchParams(query);
  const shown = () => readRange(params, 1e15, '24h');
  for (const step of steps) {
    const changes = step === 'out' ? zoomOut(params) : zoomIn(params, shown(), ...step);
    for (const [name, value] of Object.entries(changes)) value === '' ? params.delete(name) : params.set(name, String(value));
  }
  return shown();
}

test('zooming out leads back to the whole range that was picked, however far one was in', () => {
  expect(zoomed('range=7d', [50, 90])).toEqual({ fromUs: 50, toUs: 90, preset: '' });
  expect(zoomed('range=7d', [50, 90], [60, 70], 'out').preset).toBe('7d');
  expect(zoomed('', [50, 90], 'out').preset).toBe('24h');
  expect(zoomed('from=10&to=99', [50, 90], [60, 70], 'out')).toEqual({ fromUs: 10, toUs: 99, preset: '' });
  expect(zoomed('range=8h', [50, 90], 'out', [60, 70], 'out').preset).toBe('8h');
});

test('out of ends that a link brought one comes to the range of every page', () => {
  expect(zoomed('from=10&to=99', 'out').preset).toBe('24h');
});

test('what lies around a time fills the chart, and no more than an hour is drawn', () => {
  expect(around(1000e6, [400e6, 1100e6], 3600e6)).toEqual([370e6, 1630e6]);
  expect(around(1000e6, [999e6], 3600e6)).toEqual([970e6, 1030e6]);
  expect(around(5000e6, [1500e6, 8500e6], 3600e6)).toEqual([1400e6, 8600e6]);
});
