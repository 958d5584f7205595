/** The board: one tile a detector, and its worst plot type decides. Pure, so that it can be tested. */
import { KINDS, type CardState, type Kind } from './card';
import { sectionOf } from './view';

export interface Tile {
  /** The detector, or what plots without one are called. */
  detector: string;
  /** The group of the Run page that holds its cards. */
  group: string;
  kind: Kind;
  title: string;
  /** Plot types in each state, worst first, without those at zero. */
  counts: { kind: Kind; count: number }[];
  /** The plot types that are as bad as the tile; all of them are named. */
  worst: string[];
}

interface Child {
  plot: { name: string; detector: string; disabled: boolean; discovered: boolean };
  state: CardState;
}

/** Disabled ones decide nothing unless there is nothing else. Stale beats Good: what is not seen
 * is not well. Tiles stand in the order in which the detectors first occur. */
export function tiles(children: readonly Child[]): Tile[] {
  const byDetector = new Map<string, Child[]>();
  for (const child of children) {
    const name = sectionOf(child.plot);
    const list = byDetector.get(name);
    if (list) list.push(child);
    else byDetector.set(name, [child]);
  }
  return [...byDetector].map(([detector, list]) => tile(detector, list));
}

function tile(detector: string, children: readonly Child[]): Tile {
  const counts = KINDS.map((kind) => ({ kind, count: children.filter((child) => child.state.kind === kind).length })).filter(
    ({ count }) => count > 0,
  );
  const kind = counts[0]?.kind ?? 'disabled';
  const worst = children.filter((child) => child.state.kind === kind);
  const titles = new Set(worst.map((child) => child.state.title));
  return {
    detector,
    group: children[0]?.plot.detector ? `d:${detector}` : `s:${detector}`,
    kind,
    title: titles.size === 1 ? (worst[0]?.state.title ?? '') : kind === 'other' ? 'Other labels' : (worst[0]?.state.title ?? ''),
    counts,
    worst: kind === 'good' ? [] : worst.map((child) => child.plot.name),
  };
}
