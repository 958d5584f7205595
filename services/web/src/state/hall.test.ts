import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Listener } from '../api/link';
import type { Change, Hall, Incident, PlotType, StripItem, Tick, VerdictState } from '../api/types';

const S = 1e6;
const NOW = 1_800_000_000 * S;

/** What the server would answer, and the page's side of its stream. */
const server = vi.hoisted(() => ({ listener: null as unknown, answers: {} as Record<string, unknown>, isAway: false, delayMs: 0, asked: [] as string[] }));
vi.mock('../api/link', () => ({
  Link: class {
    constructor(_: string, listener: unknown) {
      server.listener = listener;
    }
  },
}));
vi.mock('../api/client', () => {
  const get = async (path: string) => {
    server.asked.push(path);
    if (server.delayMs) await new Promise((answer) => setTimeout(answer, server.delayMs));
    if (server.isAway) throw new Error('The server does not answer.');
    return structuredClone(server.answers[path]);
  };
  return { get, getAll: get };
});
vi.mock('./sound', () => ({ beep: () => {} }));
const stream = () => server.listener as Listener;

const item = (image: string, state: VerdictState = 'confirmed', label = 'Good'): StripItem => ({
  image, taken_at_us: NOW, label, is_bad: label === 'Bad', state, confidence: 0.9,
});
function plot(name: string, image: string, over: Partial<PlotType> = {}): PlotType {
  const latest = { ...item(image), plot_type: name, run: 7, arrived_at_us: NOW, chunk: 1 } as unknown as PlotType['latest'];
  return { name, detector: 'D', group: '', cadence_s: 60, stale_after_s: 105, disabled: false, discovered: false, model: null, latest, strip: [item(image)], incident: null, buried: null, ...over };
}
const tick = (over: Partial<Tick> = {}): Tick => ({
  server_time_us: NOW, read_at_us: NOW, version_of_state: 1, generation: 1, run: null, last_image: null,
  beam: { state: 'on', condition: null, reading: null, min: null, at_us: null }, pipeline: { waiting: 0, lag_s: null, silent: [] }, ...over,
});
const change = (version: number, plots: PlotType[], incidents: Incident[] = []): Change => ({ version_of_state: version, plot_types: plots, incidents });
const answer = (version: number, plots: PlotType[]) => {
  server.answers = { '/hall': { ...tick({ version_of_state: version }), name: 'H', version: '1', news: [] } as Hall, '/plot-types': plots, '/incidents': [] };
};

/** The hall of a page that was just opened and has read everything. */
async function opened() {
  vi.resetModules();
  const { hall } = await import('./hall.svelte');
  hall.start();
  await vi.advanceTimersByTimeAsync(0);
  return hall;
}
/** A second passes, and the server speaks. */
async function second(over: Partial<Tick> = {}): Promise<void> {
  await vi.advanceTimersByTimeAsync(1000);
  stream().tick(tick(over));
}
beforeEach(() => {
  vi.useFakeTimers();
  Object.assign(server, { isAway: false, delayMs: 0, asked: [] });
  answer(1, [plot('A', 'a1'), plot('B', 'b1')]);
});
afterEach(() => vi.useRealTimers());

test('what was read is there, in the order of the catalog, and live once the stream speaks', async () => {
  const hall = await opened();
  stream().up();
  stream().tick(tick());
  expect(hall.cells.map((cell) => cell.plot.name)).toEqual(['A', 'B']);
  expect([hall.link, hall.isLive]).toEqual(['up', true]);
  expect(hall.counts.get('good')).toBe(2);
});

test('a change is on its card, in its strip and nowhere else; an older one is not', async () => {
  const hall = await opened();
  stream().change(change(5, [plot('A', 'a2')]));
  expect(hall.byName.get('A')?.plot.strip.map((one) => one.image)).toEqual(['a1', 'a2']);
  stream().change(change(4, [plot('A', 'a0')]));
  expect(hall.byName.get('A')?.plot.latest?.image).toBe('a2');
  expect(hall.byName.get('B')?.plot.latest?.image).toBe('b1');
  stream().change(change(6, [plot('C', 'c1', { discovered: true })]));
  expect(hall.cells.map((cell) => cell.plot.name)).toEqual(['A', 'B', 'C']);
});

test('time passes without a link: what was Good turns stale', async () => {
  const hall = await opened();
  stream().up();
  stream().tick(tick());
  const kind = () => hall.byName.get('A')?.state.kind;
  expect(kind()).not.toBe('stale');
  stream().lost();
  expect([hall.link, hall.isLive]).toEqual(['lost', false]);
  await vi.advanceTimersByTimeAsync(110_000);
  expect(kind()).toBe('stale');
});

test('after a break everything is read again, and only then it is live', async () => {
  const hall = await opened();
  stream().up();
  stream().tick(tick());
  stream().lost();
  answer(9, [plot('A', 'a9'), plot('B', 'b1')]);
  server.asked = [];
  stream().up();
  stream().tick(tick({ version_of_state: 9 }));
  await vi.advanceTimersByTimeAsync(0);
  expect(server.asked).toContain('/plot-types');
  expect(hall.byName.get('A')?.plot.latest?.image).toBe('a9');
  expect(hall.link).toBe('up');
});

test('reading alone makes nothing live, and a stream that never speaks is lost', async () => {
  const hall = await opened();
  expect([hall.cells.length, hall.link, hall.isLive]).toEqual([2, 'connecting', false]);
  stream().lost();
  expect(hall.link).toBe('lost');
  expect(hall.lostUs).toBeGreaterThan(0);
  await hall.load();
  expect([hall.link, hall.isLive]).toEqual(['lost', false]);
});

test('while what was missed is being read the page is catching up, not live', async () => {
  const hall = await opened();
  stream().up();
  stream().tick(tick());
  stream().lost();
  server.delayMs = 4_500;
  // the reading that began before the stream spoke again is not the one that counts
  void hall.load();
  stream().up();
  stream().tick(tick());
  expect([hall.link, hall.isLive]).toEqual(['catching', false]);
  for (let i = 0; i < 8; i++) {
    await second();
    expect([hall.link, hall.isLive]).toEqual(['catching', false]);
  }
  expect(hall.lostUs).toBeGreaterThan(0);
  await second();
  expect([hall.link, hall.isLive, hall.lostUs]).toEqual(['up', true, 0]);
});

test('a reading that fails while the server speaks is a loss of its own, until one succeeds', async () => {
  const hall = await opened();
  stream().up();
  stream().tick(tick());
  stream().lost();
  server.isAway = true;
  stream().up();
  for (let i = 0; i < 7; i++) await second();
  expect([hall.link, hall.isLive, hall.problem]).toEqual(['unread', false, 'The server does not answer.']);
  server.isAway = false;
  await second();
  await second();
  expect([hall.link, hall.isLive, hall.problem]).toEqual(['up', true, '']);
});

test('a server that was away and is back is caught up with, whatever failed meanwhile', async () => {
  const hall = await opened();
  stream().up();
  stream().tick(tick());
  stream().lost();
  server.isAway = true;
  await hall.load();
  expect([hall.link, hall.problem]).toEqual(['lost', 'The server does not answer.']);
  Object.assign(server, { isAway: false, delayMs: 100 });
  stream().up();
  stream().tick(tick());
  expect([hall.link, hall.problem]).toEqual(['catching', '']);
  await second();
  expect(hall.link).toBe('up');
});

test('what is live and must be read anew stays so for two seconds, no longer', async () => {
  const hall = await opened();
  stream().up();
  stream().tick(tick());
  server.delayMs = 5_000;
  stream().up();
  const links: string[] = [];
  for (let i = 0; i < 7; i++) {
    await second({ version_of_state: 9, server_time_us: NOW + i * S, read_at_us: NOW + i * S });
    links.push(hall.link);
  }
  expect(links).toEqual(['up', 'up', 'up', 'catching', 'catching', 'up', 'up']);
});

test('a reading that fails again and again is asked for once in two seconds', async () => {
  const hall = await opened();
  stream().up();
  stream().tick(tick());
  Object.assign(server, { isAway: true, asked: [] });
  for (let i = 0; i < 60; i++) await second({ generation: 2 });
  expect(hall.link).toBe('unread');
  expect(server.asked.filter((path) => path === '/hall').length).toBeLessThanOrEqual(31);
});

test('a beam reading that is old excuses nothing', async () => {
  const hall = await opened();
  const beam = (ageS: number): Partial<Tick> => ({
    server_time_us: NOW + 900 * S, read_at_us: NOW + 900 * S,
    beam: { state: 'off', condition: null, reading: 0, min: 5, at_us: NOW + (900 - ageS) * S },
  });
  stream().up();
  stream().tick(tick(beam(60)));
  expect([hall.context.beam, hall.byName.get('A')?.state.calls]).toEqual(['off', false]);
  stream().tick(tick(beam(700)));
  expect([hall.context.beam, hall.byName.get('A')?.state.calls]).toEqual(['unknown', true]);
  expect(hall.beam.text).toBe('was off · 0, 11 min ago');
});

test('a database that is silent is told, although the server speaks', async () => {
  const hall = await opened();
  stream().up();
  stream().tick(tick({ read_at_us: NOW - 9 * S }));
  expect([hall.link, hall.lostUs]).toEqual(['database', NOW - 9 * S]);
  stream().tick(tick());
  expect(hall.link).toBe('up');
});

test('a server that is away is asked again until it answers', async () => {
  server.isAway = true;
  const hall = await opened();
  expect([hall.link, hall.problem]).toEqual(['lost', 'The server does not answer.']);
  server.isAway = false;
  await vi.advanceTimersByTimeAsync(2_100);
  expect([hall.cells.length, hall.problem]).toEqual([2, '']);
});

test('a new catalog is read, and cards that stay keep their places and their strips', async () => {
  const hall = await opened();
  stream().change(change(2, [plot('B', 'b2')]));
  const before = hall.byName.get('B');
  answer(3, [plot('N', 'n1'), plot('A', 'a1'), plot('B', 'b2')]);
  stream().tick(tick({ generation: 2 }));
  await vi.advanceTimersByTimeAsync(0);
  expect(hall.cells.map((cell) => cell.plot.name)).toEqual(['N', 'A', 'B']);
  expect(hall.byName.get('B')).toBe(before);
  expect(before?.plot.strip.map((one) => one.image)).toEqual(['b1', 'b2']);
});

test('the pulse beats when the log may be another, and not with every Good', async () => {
  const hall = await opened();
  const beats = (plots: PlotType[], version: number) => {
    const before = hall.pulse;
    stream().change(change(version, plots));
    return hall.pulse - before;
  };
  expect(beats([plot('A', 'a2')], 2)).toBe(0);
  const unsure = item('a3', 'unconfirmed');
  expect(beats([plot('A', 'a3', { strip: [unsure], latest: { ...plot('A', 'a3').latest!, state: 'unconfirmed' } })], 3)).toBe(1);
  expect(beats([plot('A', 'a4')], 4)).toBe(1);
  expect(beats([plot('A', 'a5')], 5)).toBe(0);
});
