import { expect, test, vi } from 'vitest';
import type { Kind } from './card';
import { recall, remember } from './prefs';
import { fitting, isShown, neighbour, ownView, parseOwn, remembered, sections, viewAtStart, wallGrid, wallPage, writeOwn, type View } from './view';

const view: View = {
  search: '',
  group: '',
  own: new Map(),
  hidden: new Set(),
  pinned: new Set(),
  showHidden: false,
  only: new Set(),
};
const card = (name: string, detector: string, kind: Kind = 'good', group = '') => ({
  plot: { name, detector, group, discovered: detector === '' },
  state: { kind, title: '', reason: '', was: '', calls: false },
});
const cards = [card('a1', 'A', 'bad'), card('b1', 'B'), card('a2', 'A', 'good', 'Start'), card('n', '')];
const names = (v: Partial<View>) =>
  sections(cards, { ...view, ...v }).map((s) => `${s.title}: ${s.cards.map((c) => c.plot.name).join(' ')}`);

test('cards stand by detector, in the order of the catalog', () => {
  expect(names({})).toEqual(['A: a1 a2', 'B: b1', 'Discovered: n']);
});

test('a state change moves no card', () => {
  const changed = cards.map((c) => ({ ...c, state: { ...c.state, kind: 'bad' as Kind } }));
  expect(sections(changed, view).flatMap((s) => s.cards.map((c) => c.plot.name))).toEqual(['a1', 'a2', 'b1', 'n']);
});

test('pinned ones come first and once', () => {
  expect(names({ pinned: new Set(['b1']) })).toEqual(['Pinned: b1', 'A: a1 a2', 'Discovered: n']);
});

test('search, groups, states and hiding choose', () => {
  expect(names({ search: 'A' })).toEqual(['A: a1 a2']);
  expect(names({ group: 'd:B' })).toEqual(['B: b1']);
  expect(names({ group: 'g:Start' })).toEqual(['A: a2']);
  expect(names({ group: 's:Discovered' })).toEqual(['Discovered: n']);
  expect(names({ group: 'o:Mine', own: new Map([['Mine', ['n', 'a1']]]) })).toEqual(['A: a1', 'Discovered: n']);
  expect(names({ group: 'o:Gone' })).toEqual([]);
  expect(names({ only: new Set<Kind>(['bad']) })).toEqual(['A: a1']);
  expect(names({ hidden: new Set(['a1', 'n']) })).toEqual(['A: a2', 'B: b1']);
  expect(isShown(cards[0]!, { ...view, hidden: new Set(['a1']), showHidden: true })).toBe(true);
});

test('own groups survive the URL', () => {
  const own = new Map([
    ['Mine', ['a1', 'Faraday Cup']],
    ['Empty', []],
  ]);
  expect(parseOwn(writeOwn(own))).toEqual(own);
  expect(parseOwn(['', '*x']).size).toBe(0);
});

test('wall pages go round and lose no card', () => {
  const all = Array.from({ length: 10 }, (_, i) => i);
  expect([0, 1, 2].flatMap((page) => wallPage(all, 4, page).cards)).toEqual(all);
  expect(wallPage(all, 4, 3).page).toBe(0);
  expect(wallPage([], 4, 7)).toEqual({ cards: [], page: 0, pages: 1 });
});

test('arrow keys go where the eye goes', () => {
  const boxes = [0, 1, 2, 3, 4].map((i) => ({ x: (i % 3) * 10, y: Math.floor(i / 3) * 10 }));
  expect(neighbour(boxes, 1, 'down')).toBe(4);
  expect(neighbour(boxes, 2, 'down')).toBe(4);
  expect(neighbour(boxes, 4, 'up')).toBe(1);
  expect(neighbour(boxes, 0, 'up')).toBe(-1);
  expect(neighbour(boxes, 2, 'right')).toBe(3);
  expect(neighbour(boxes, 4, 'right')).toBe(-1);
  expect(neighbour(boxes, -1, 'right')).toBe(0);
});

test('a wall is filled, and no card is cut', () => {
  for (const [width, height, least] of [[1920, 960, 300], [3840, 2060, 420], [390, 700, 220], [10, 10, 300]] as const) {
    const { columns, rows } = wallGrid(width, height, least);
    expect(columns).toBeGreaterThan(0);
    const cardHeight = ((width - 12 * (columns - 1)) / columns) * (640 / 1380) + 104;
    if (rows > 1) expect(rows * (cardHeight + 12) - 12).toBeLessThanOrEqual(height);
    if (width > 1000) expect((rows * (cardHeight + 12)) / height).toBeGreaterThan(0.85);
  }
});

test('a link, a tour and a theme are no view to come back to', () => {
  const of = (query: string) => ownView(new URLSearchParams(query));
  expect(of('open=a1&tour=1&theme=dark&heat=80&q=x&only=bad&wall=1&rotate=10')).toBe('');
  expect(of('group=d%3AA&open=a1&pin=a1')).toBe('group=d%3AA&pin=a1');
});

test('the last view comes where the address says none, and a theme says none', () => {
  const at = (query: string, last: string | null) => viewAtStart(new URLSearchParams(query), last);
  expect(at('', 'group=d%3AA&size=s')).toEqual({ group: 'd:A', size: 's' });
  expect(at('theme=dark&heat=80', 'size=s&theme=light')).toEqual({ size: 's' });
  expect(at('open=a1', 'size=s')).toEqual({});
  expect(at('', null)).toEqual({});
});

test('of a link only what one changes is remembered, beside what one had', () => {
  const mine = 'group=d%3AB&pin=b1&hide=n&own=Mine*n';
  const link = 'group=d%3AA&pin=a1';
  const after = (to: string, last: string | null = mine) => Object.fromEntries(new URLSearchParams(remembered(last, link, to)));
  expect(remembered(mine, link, link)).toBe(new URLSearchParams(mine).toString());
  expect(after(link + '&size=l')).toEqual({ group: 'd:B', pin: 'b1', hide: 'n', own: 'Mine*n', size: 'l' });
  expect(after('group=d%3AA&pin=a1~a2').pin).toBe('b1~a2');
  expect(after('group=d%3AA&pin=a2', 'pin=a1').pin).toBe('a2');
  expect(after('pin=a1')).toEqual({ pin: 'b1', hide: 'n', own: 'Mine*n' });
  expect(after(link + '&group=', null)).toEqual({});
  expect(remembered('size=s', 'size=s', '')).toBe('');
});

test('the view that a page gets is the one that this browser remembers', () => {
  const kept = new Map<string, string>();
  vi.stubGlobal('localStorage', {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => kept.set(key, value),
    removeItem: (key: string) => kept.delete(key),
  });
  const opened = (query = '') => viewAtStart(new URLSearchParams(query), recall('view'));
  expect(opened()).toEqual({});
  remember('view', remembered(recall('view'), '', 'size=s&pin=a1'));
  expect([...kept]).toEqual([['hydra.view', 'size=s&pin=a1']]);
  expect(opened()).toEqual({ size: 's', pin: 'a1' });
  expect(opened('group=d%3AA')).toEqual({});
  remember('view', null);
  expect(opened()).toEqual({});
  // where storage is forbidden nothing is remembered, and nothing breaks
  const refuse = () => {
    throw new Error('forbidden');
  };
  vi.stubGlobal('localStorage', { getItem: refuse, setItem: refuse, removeItem: refuse });
  remember('view', 'size=s');
  expect(opened()).toEqual({});
  vi.unstubAllGlobals();
});

test('as many alarms are named as fit, with room for the word of the rest', () => {
  const of = (widths: number[], lines = 2) => fitting(widths, 30, 100, 10, lines);
  expect(of([])).toBe(0);
  expect(of([45, 45, 45, 45])).toBe(4);
  expect(of([45, 45, 45, 45, 45])).toBe(3);
  expect(of([45, 45, 45, 20, 45])).toBe(3);
  expect(of([45, 45, 20, 20, 90])).toBe(4);
  expect(of([90, 90, 90])).toBe(1);
  // one that is wider than all stands alone
  expect(of([400, 400])).toBe(2);
  expect(of([45, 45], 1)).toBe(2);
  expect(of([90, 90], 1)).toBe(0);
});
