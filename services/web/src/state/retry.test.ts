import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Retry } from './retry.svelte';

/** The server answers with this status; 0: it does not. */
const server = (status: number) =>
  vi.stubGlobal('fetch', async () => (status === 0 ? Promise.reject(new TypeError('failed to fetch')) : new Response(null, { status })));

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test('what is no longer stored is said to be so, and not asked for again', async () => {
  for (const status of [404, 410]) {
    server(status);
    const retry = new Retry();
    await retry.onFailed('/a');
    await vi.advanceTimersByTimeAsync(600_000);
    retry.again();
    expect(retry.why('/a')).toBe('gone');
  }
});

test('what could not be loaded is asked for again, later and later', async () => {
  for (const status of [0, 503, 200]) {
    server(status);
    const retry = new Retry();
    for (const waitMs of [5_000, 10_000, 20_000, 40_000, 60_000, 60_000]) {
      await retry.onFailed('/a');
      await vi.advanceTimersByTimeAsync(waitMs - 1);
      expect(retry.why('/a')).toBe('away');
      await vi.advanceTimersByTimeAsync(1);
      expect(retry.why('/a')).toBe(null);
    }
  }
});

test('the link that is back brings it at once, and another picture has not failed', async () => {
  server(0);
  const retry = new Retry();
  await retry.onFailed('/a');
  expect(retry.why('/b')).toBe(null);
  retry.again();
  expect(retry.why('/a')).toBe(null);
  // what was asked before the picture changed says nothing of the new one
  const late = retry.onFailed('/a');
  server(404);
  await retry.onFailed('/b');
  await late;
  expect(retry.why('/b')).toBe('gone');
});
