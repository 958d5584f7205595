/** Which cards the Run page shows, in which sections: a pure function of the view's state. */
import type { CardState, Kind } from './card';

export interface View {
  /** Part of a name, any case. */
  search: string;
  /** A detector (`d:DC`), a section of plots without one (`s:Discovered`), a group of the catalog
   * (`g:Start of shift`) or an own one (`o:Mine`). */
  group: string;
  /** Own groups: name to plot types. */
  own: ReadonlyMap<string, readonly string[]>;
  hidden: ReadonlySet<string>;
  pinned: ReadonlySet<string>;
  showHidden: boolean;
  /** Only cards in these states; empty: all. */
  only: ReadonlySet<Kind>;
}

/** What the view needs to know of a card. */
export interface Shown {
  plot: { name: string; detector: string; group: string; discovered: boolean };
  state: CardState;
}

export interface Section<T> {
  title: string;
  cards: T[];
}

/** Where a plot belongs: its detector; declared without one it is not discovered. */
export function sectionOf(plot: { detector: string; discovered: boolean }): string {
  return plot.detector || (plot.discovered ? 'Discovered' : 'Other plots');
}

/** Sections in a fixed order: pinned, the detectors as the catalog has them, discovered. Within
 * a section the order of the catalog. State changes move no card. */
export function sections<T extends Shown>(cells: readonly T[], view: View): Section<T>[] {
  const byTitle = new Map<string, T[]>();
  const pinned: T[] = [];
  for (const cell of cells) {
    const title = sectionOf(cell.plot);
    // A section keeps its place although none of its cards may be shown.
    if (!byTitle.has(title)) byTitle.set(title, []);
    if (!isShown(cell, view)) continue;
    (view.pinned.has(cell.plot.name) ? pinned : byTitle.get(title))?.push(cell);
  }
  const rest = [...byTitle].map(([title, cards]) => ({ title, cards }));
  return [{ title: 'Pinned', cards: pinned }, ...rest].filter((section) => section.cards.length > 0);
}

export function isShown(cell: Shown, view: View): boolean {
  const { plot } = cell;
  if (view.hidden.has(plot.name) && !view.showHidden) return false;
  if (view.search && !plot.name.toLowerCase().includes(view.search.toLowerCase())) return false;
  if (view.only.size > 0 && !view.only.has(cell.state.kind)) return false;
  return isIn(plot, view);
}

function isIn(plot: Shown['plot'], view: View): boolean {
  const [kind, name] = [view.group.slice(0, 2), view.group.slice(2)];
  if (kind === 'd:') return plot.detector === name;
  if (kind === 's:') return plot.detector === '' && sectionOf(plot) === name;
  if (kind === 'g:') return plot.group === name;
  if (kind === 'o:') return view.own.get(name)?.includes(plot.name) ?? false;
  return true;
}

/** Own groups travel in the URL as `name*plot*plot~name*plot`. */
export function parseOwn(entries: readonly string[]): Map<string, readonly string[]> {
  const own = new Map<string, readonly string[]>();
  for (const entry of entries) {
    const [name, ...plots] = entry.split('*');
    if (name) own.set(name, plots);
  }
  return own;
}

export function writeOwn(own: ReadonlyMap<string, readonly string[]>): string[] {
  return [...own].map(([name, plots]) => [name, ...plots].join('*'));
}

/** What is the viewer's own on all pages: it goes along everywhere and is no part of a view. */
export const EVERYWHERE: readonly string[] = ['theme', 'heat'];

/** What of the address is the view that one gets again: not what a link or a moment shows. */
export function ownView(params: URLSearchParams): string {
  const kept = new URLSearchParams(params);
  for (const name of ['open', 'tour', 'wall', 'rotate', 'only', 'q', ...EVERYWHERE]) kept.delete(name);
  return kept.toString();
}

/** The view of a page that was opened: the one that one had last, unless the address says one. */
export function viewAtStart(params: URLSearchParams, last: string | null): Record<string, string> {
  const isView = (name: string) => !EVERYWHERE.includes(name);
  if ([...params.keys()].some(isView) || !last) return {};
  return Object.fromEntries([...new URLSearchParams(last)].filter(([name]) => isView(name)));
}

/** Parameters that are lists: one adds to them and takes away. */
const LISTS = ['own', 'hide', 'pin'];

/** What is remembered once one changed the view `from` one `to` another: the view that one had
 * last with this change alone, since the rest may be a link's. */
export function remembered(last: string | null, from: string, to: string): string {
  const kept = new URLSearchParams(last ?? '');
  const [was, is] = [new URLSearchParams(from), new URLSearchParams(to)];
  for (const name of new Set([...was.keys(), ...is.keys()])) {
    if (was.get(name) === is.get(name)) continue;
    const value = LISTS.includes(name) ? changedList(kept.get(name), was.get(name), is.get(name)) : is.get(name);
    if (value) kept.set(name, value);
    else kept.delete(name);
  }
  return kept.toString();
}

function changedList(last: string | null, from: string | null, to: string | null): string {
  const [kept, was, is] = [last, from, to].map((text) => (text ?? '').split('~').filter(Boolean)) as [string[], string[], string[]];
  const gone = was.filter((one) => !is.includes(one));
  return [...new Set([...kept.filter((one) => !gone.includes(one)), ...is.filter((one) => !was.includes(one))])].join('~');
}

/** Cards of a wall page: `page` counts on for ever. */
export function wallPage<T>(cards: readonly T[], perPage: number, page: number): { cards: T[]; page: number; pages: number } {
  const pages = Math.max(1, Math.ceil(cards.length / Math.max(1, perPage)));
  const at = ((page % pages) + pages) % pages;
  return { cards: cards.slice(at * perPage, (at + 1) * perPage), page: at, pages };
}

export interface WallGrid {
  columns: number;
  rows: number;
}

/** The text below a card's picture, pixels. */
const CARD_TEXT = 104;
const GAP = 12;

/** How many columns and rows of cards, none much narrower than `least`, fill a screen best. */
export function wallGrid(width: number, height: number, least: number): WallGrid {
  const first = Math.max(1, Math.floor((width + GAP) / (least + GAP)));
  let best: WallGrid = { columns: first, rows: 1 };
  let bestArea = 0;
  for (let columns = Math.max(1, first - 1); columns <= first + 2; columns++) {
    const cardWidth = (width - GAP * (columns - 1)) / columns;
    const cardHeight = (cardWidth * 640) / 1380 + CARD_TEXT;
    const rows = Math.max(1, Math.floor((height + GAP) / (cardHeight + GAP)));
    const area = rows * (cardHeight + GAP);
    if (area > bestArea + 1) [best, bestArea] = [{ columns, rows }, area];
  }
  return best;
}

/** How many of the items, with these widths in pixels, stand on so many lines. Where not all do,
 * there is room for the one that tells of the rest. */
export function fitting(widths: readonly number[], moreWidth: number, width: number, gap: number, lines: number): number {
  const fit = (all: readonly number[]) => {
    let [line, at] = [1, 0];
    for (const one of all) {
      if (at > 0 && at + gap + one > width) [line, at] = [line + 1, 0];
      at += (at > 0 ? gap : 0) + one;
    }
    return line <= lines;
  };
  if (fit(widths)) return widths.length;
  let count = widths.length - 1;
  while (count > 0 && !fit([...widths.slice(0, count), moreWidth])) count--;
  return count;
}

export type Direction = 'left' | 'right' | 'up' | 'down';

/** The card that an arrow key leads to, from the places of all cards on the screen; -1: none. */
export function neighbour(boxes: readonly { x: number; y: number }[], from: number, to: Direction): number {
  const here = boxes[from];
  if (!here) return boxes.length > 0 ? 0 : -1;
  if (to === 'left') return from > 0 ? from - 1 : -1;
  if (to === 'right') return from + 1 < boxes.length ? from + 1 : -1;
  const sign = to === 'down' ? 1 : -1;
  let best = -1;
  let bestCost = Infinity;
  boxes.forEach((box, index) => {
    const rise = (box.y - here.y) * sign;
    if (rise <= 1) return;
    const cost = rise * 1000 + Math.abs(box.x - here.x);
    if (cost < bestCost) [best, bestCost] = [index, cost];
  });
  return best;
}
