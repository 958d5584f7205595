import { afterEach, beforeEach, expect, test, vi } from 'vitest';

vi.mock('./shared', () => ({ share: () => false }));

/** The browser's side of a stream, in the hand of a test. */
class Source extends EventTarget {
  static all: Source[] = [];
  static CONNECTING = 0;
  static OPEN = 1;
  readyState = Source.CONNECTING;
  constructor(readonly url: string) {
    super();
    Source.all.push(this);
  }
  close(): void {
    this.readyState = 2;
  }
  open(): void {
    this.readyState = Source.OPEN;
    this.dispatchEvent(new Event('open'));
  }
  say(name: string, data: unknown = {}): void {
    this.dispatchEvent(Object.assign(new Event(name), { data: JSON.stringify(data) }));
  }
}
const newest = () => Source.all.at(-1)!;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout', 'performance'] });
  Source.all = [];
  vi.stubGlobal('EventSource', Source);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function linked(): Promise<string[]> {
  const { Link } = await import('./link');
  const told: string[] = [];
  new Link('/live', {
    tick: () => told.push('tick'),
    change: () => told.push('change'),
    up: () => told.push('up'),
    lost: () => told.push('lost'),
  });
  return told;
}

test('what the stream says is told, after word that the link is up', async () => {
  const told = await linked();
  expect(newest().url).toBe('/live');
  newest().open();
  newest().say('tick');
  newest().say('change');
  newest().say('again');
  expect(told).toEqual(['up', 'tick', 'change', 'up']);
});

test('silence is told as a lost link before three seconds are over, and once', async () => {
  const told = await linked();
  newest().open();
  newest().say('tick');
  vi.advanceTimersByTime(2_400);
  expect(told).toEqual(['up', 'tick']);
  vi.advanceTimersByTime(500);
  expect(told).toEqual(['up', 'tick', 'lost']);
  vi.advanceTimersByTime(60_000);
  expect(told).toEqual(['up', 'tick', 'lost']);
});

test.each(['never opens', 'opens and never speaks'])('a stream that %s is told as lost before three seconds are over', async (which) => {
  const told = await linked();
  if (which !== 'never opens') newest().open();
  vi.advanceTimersByTime(2_400);
  expect(told).toEqual([]);
  vi.advanceTimersByTime(500);
  expect(told).toEqual(['lost']);
  vi.advanceTimersByTime(60_000);
  newest().open();
  expect(told).toEqual(['lost']);
  newest().say('tick');
  expect(told).toEqual(['lost', 'up', 'tick']);
});

test('a tick a second keeps the link', async () => {
  const told = await linked();
  newest().open();
  for (let i = 0; i < 30; i++) {
    newest().say('tick');
    vi.advanceTimersByTime(1_000);
  }
  expect(told).not.toContain('lost');
  expect(Source.all).toHaveLength(1);
});

test('a stream that stands still is opened anew, and what was missed is asked for', async () => {
  const told = await linked();
  newest().open();
  newest().say('tick');
  vi.advanceTimersByTime(3_000);
  expect(Source.all.length).toBeGreaterThan(1);
  expect(Source.all[0]?.readyState).toBe(2);
  newest().open();
  newest().say('tick');
  expect(told.slice(2)).toEqual(['lost', 'up', 'tick']);
});

test('a stream that the browser opened again by itself is told as up, since something was missed', async () => {
  const told = await linked();
  newest().open();
  newest().say('tick');
  newest().open();
  expect(told).toEqual(['up', 'tick', 'up']);
});
