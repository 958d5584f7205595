import { beforeEach, expect, test, vi } from 'vitest';
import type { Incident } from '../api/types';

const beep = vi.hoisted(() => vi.fn());
const isAllowed = vi.hoisted(() => vi.fn(() => true));
vi.mock('./sound', () => ({ beep, isAllowed }));

/** The list as a page has it that was just opened, with its sound on. */
async function opened() {
  vi.resetModules();
  const { alarms } = await import('./alarms.svelte');
  alarms.setSound(true);
  beep.mockClear();
  return alarms;
}
const incident = (id: string, at_us: number, cleared_at_us: number | null = null): Incident => {
  const mark = { image: id, run: 1, chunk: 1, at_us };
  return { id, plot_type: id, detector: 'D', label: 'Bad', confidence: 0.9, state: 'confirmed', first: mark, last: mark, count: 1, cleared_at_us };
};
const ids = (rows: readonly Incident[]) => rows.map((row) => row.id + (row.cleared_at_us === null ? '' : ' over')).join(', ');

beforeEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  isAllowed.mockReturnValue(true);
  beep.mockClear();
});

test('what was open before the page was opened makes no sound, what begins then makes one', async () => {
  const alarms = await opened();
  alarms.read([incident('old', 1)]);
  expect(beep).not.toHaveBeenCalled();
  alarms.see([incident('new', 2)]);
  alarms.see([{ ...incident('new', 2), count: 2 }]);
  expect(beep).toHaveBeenCalledTimes(1);
  expect(alarms.open).toBe(2);
});

test('what began while the link was broken sounds when it comes back', async () => {
  const alarms = await opened();
  alarms.read([incident('old', 1)]);
  alarms.read([incident('old', 1), incident('meanwhile', 2)]);
  expect(beep).toHaveBeenCalledTimes(1);
  alarms.read([incident('old', 1), incident('meanwhile', 2)]);
  expect(beep).toHaveBeenCalledTimes(1);
});

test('rows keep their places: new ones at the end, cleared ones stay until one tidies', async () => {
  const alarms = await opened();
  alarms.read([incident('b', 2), incident('a', 1)]);
  alarms.see([incident('c', 0), incident('b', 2, 9)]);
  expect(ids(alarms.rows)).toBe('b over, a, c');
  expect([alarms.open, alarms.cleared]).toEqual([2, 1]);
  alarms.see([incident('never seen', 3, 4)]);
  expect(ids(alarms.rows)).toBe('b over, a, c');
  alarms.tidy();
  expect(ids(alarms.rows)).toBe('c, a');
});

test('what is gone after a break is over, and told at its last image', async () => {
  const alarms = await opened();
  alarms.read([incident('a', 5), incident('b', 6)]);
  alarms.read([incident('b', 6)]);
  expect(ids(alarms.rows)).toBe('a over, b');
  expect(alarms.rows[0]?.cleared_at_us).toBe(5);
});

test('a mute is silent, and ends by itself', async () => {
  const alarms = await opened();
  alarms.read([]);
  vi.useFakeTimers({ toFake: ['Date'] });
  alarms.mute(15);
  alarms.see([incident('a', 1)]);
  expect(beep).not.toHaveBeenCalled();
  vi.setSystemTime(Date.now() + 15 * 60_000);
  alarms.see([incident('b', 2)]);
  expect(beep).toHaveBeenCalledTimes(1);
  alarms.setSound(false);
  alarms.see([incident('c', 3)]);
  expect(beep).toHaveBeenCalledTimes(1);
});

test('what no browser lets sound yet does not sound later', async () => {
  const alarms = await opened();
  alarms.read([]);
  isAllowed.mockReturnValue(false);
  alarms.see([incident('a', 1)]);
  isAllowed.mockReturnValue(true);
  alarms.see([incident('a', 1)]);
  expect(beep).not.toHaveBeenCalled();
  alarms.see([incident('b', 2)]);
  expect(beep).toHaveBeenCalledTimes(1);
});

test('a mute in another tab holds here, and ends here when it ends there', async () => {
  const kept = new Map<string, string>();
  let told = () => {};
  vi.stubGlobal('localStorage', { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => kept.set(key, value), removeItem: (key: string) => kept.delete(key) });
  vi.stubGlobal('addEventListener', (name: string, then: () => void) => name === 'storage' && (told = then));
  const alarms = await opened();
  alarms.read([]);
  vi.useFakeTimers({ toFake: ['Date'] });
  kept.set('hydra.mute_until', String(Date.now() + 15 * 60_000));
  told();
  alarms.see([incident('a', 1)]);
  expect(beep).not.toHaveBeenCalled();
  vi.setSystemTime(Date.now() + 15 * 60_000);
  alarms.see([incident('b', 2)]);
  expect(beep).toHaveBeenCalledTimes(1);
  kept.delete('hydra.sound');
  told();
  expect(alarms.soundOn).toBe(false);
});
