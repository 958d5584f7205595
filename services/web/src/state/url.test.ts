import { afterEach, beforeEach, expect, test, vi } from 'vitest';

/** A browser at this address that remembers these. */
async function at(address: string, kept = new Map<string, string>()) {
  const entries = [address];
  let entry = 0;
  let back = () => {};
  const here = () => new URL(entries[entry]!, 'http://here');
  vi.stubGlobal('location', { get pathname() { return here().pathname; }, get search() { return here().search; } });
  vi.stubGlobal('history', {
    pushState: (_: unknown, __: string, href: string) => (entries.splice(++entry, Infinity, href), undefined),
    replaceState: (_: unknown, __: string, href: string) => (entries[entry] = href),
  });
  vi.stubGlobal('localStorage', { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => kept.set(key, value), removeItem: (key: string) => kept.delete(key) });
  vi.stubGlobal('addEventListener', (name: string, then: () => void) => name === 'popstate' && (back = then));
  vi.stubGlobal('scrollTo', () => {});
  const { url } = await import('./url.svelte');
  return { url, kept, now: () => entries[entry], back: () => (entry--, back()) };
}
beforeEach(() => vi.resetModules());
afterEach(() => vi.unstubAllGlobals());

test('theme and heat map go along to every page, what is a page\'s own stays', async () => {
  const { url, now } = await at('/?theme=dark&heat=80&size=s&open=a1');
  url.go('/log');
  expect(now()).toBe('/log?theme=dark&heat=80');
  url.go('/?only=bad&theme=light');
  expect(now()).toBe('/?only=bad&theme=light&heat=80');
  expect(url.visits).toBe(2);
});

test('a step back leads to the page before, in the theme of now', async () => {
  const { url, now, back } = await at('/?size=s');
  url.go('/log');
  url.set({ theme: 'dark' });
  back();
  expect(now()).toBe('/?size=s&theme=dark');
  expect(url.text('theme')).toBe('dark');
});

test('what one chose for all pages is there the next time, what a link says is not remembered', async () => {
  const { url, kept } = await at('/?theme=light');
  url.go('/log');
  expect(kept.size).toBe(0);
  url.set({ theme: 'dark', entry: 'x' });
  expect([...kept]).toEqual([['hydra.theme', 'dark']]);
  vi.resetModules();
  const next = await at('/?open=a1', kept);
  expect(next.now()).toBe('/?open=a1&theme=dark');
  next.url.set({ theme: '' });
  expect(kept.size).toBe(0);
});
