import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { address, get, PATIENCE_MS, Refused } from './client';

/** A network on which only the given thing happens. */
const network = (act: (signal: AbortSignal) => Promise<Response>) =>
  vi.stubGlobal('fetch', (_: string, { signal }: { signal: AbortSignal }) => act(signal));
/** Swallows everything, as a broken network does: only an abort ends it. */
const swallow = (signal: AbortSignal) =>
  new Promise<Response>((_, refuse) => signal.addEventListener('abort', () => refuse(signal.reason as Error)));

beforeEach(() => {
  // AbortSignal.timeout runs on a clock of its own: here on that of the test
  vi.useFakeTimers();
  vi.spyOn(AbortSignal, 'timeout').mockImplementation((ms) => {
    const control = new AbortController();
    setTimeout(() => control.abort(), ms);
    return control.signal;
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

test('an answer that never comes is given up, and said to be so', async () => {
  network(swallow);
  const asked = get('/hall').catch((error: Error) => error);
  await vi.advanceTimersByTimeAsync(PATIENCE_MS - 1);
  expect(await Promise.race([asked, 'waiting'])).toBe('waiting');
  await vi.advanceTimersByTimeAsync(2);
  const error = await asked;
  expect(error).toBeInstanceOf(Refused);
  expect((error as Refused).message).toBe('The server has not answered within 15 s.');
});

test('a body that stops half-way is given up too', async () => {
  network(async (signal) => ({ ok: true, json: () => swallow(signal) }) as unknown as Response);
  const asked = get('/hall').catch((error: Error) => error.message);
  await vi.advanceTimersByTimeAsync(PATIENCE_MS + 1);
  expect(await asked).toBe('The server has not answered within 15 s.');
});

test('who leaves a page is not told of a failure of the server', async () => {
  network(swallow);
  const leave = new AbortController();
  const asked = get('/hall', {}, leave.signal).catch((error: unknown) => error);
  leave.abort();
  expect(await asked).not.toBeInstanceOf(Refused);
});

test('a problem document is told in its own words, a dead server in ours', async () => {
  network(async () => new Response(JSON.stringify({ detail: 'there is no run 9' }), { status: 404 }));
  await expect(get('/runs/9')).rejects.toMatchObject({ status: 404, message: 'there is no run 9' });
  network(async () => Promise.reject(new TypeError('failed to fetch')));
  await expect(get('/hall')).rejects.toMatchObject({ status: 0, message: 'The server does not answer.' });
});

test('empty parameters are left out of an address', () => {
  expect(address('/log', { run: '', kind: ['bad', 'novel'], limit: 5, cursor: null })).toBe('/api/v1/log?kind=bad%2Cnovel&limit=5');
});
