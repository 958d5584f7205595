/** A trend as the chart wants it: columns over one time axis. Pure, so that it can be tested. */
import type { Release, Trend } from '../api/types';
import type { Range } from './range';

/** Fixed colours for the labels that every hall has, others in turn; all keep apart for
 * colour-blind eyes (Okabe and Ito 2008). Tokens, so that both themes have their own. */
const KNOWN: Record<string, string> = { Good: '--good', Acceptable: '--good', Bad: '--bad', NoData: '--quiet' };
const OTHERS = ['--other', '--novel', '--unconfirmed', '--late'];

export interface Series {
  label: string;
  colour: string;
}

export interface ChartData {
  /** Seconds since 1970, growing. */
  seconds: number[];
  series: Series[];
  /** One column of probabilities a series. */
  probabilities: (number | null)[][];
  /** One column of thresholds a series: the one in force at each time. */
  thresholds: (number | null)[][];
  /** When another model went live, seconds. */
  changes: { at: number; model: string | null }[];
}

export function chartData(trend: Trend): ChartData {
  let other = 0;
  const series = trend.labels.map((label) => ({
    label,
    colour: KNOWN[label] ?? OTHERS[other++ % OTHERS.length] ?? '--other',
  }));
  const releases = [...trend.releases].sort((a, b) => a.at_us - b.at_us);
  return {
    seconds: trend.taken_at_us.map((us) => us / 1e6),
    series,
    probabilities: trend.probabilities,
    thresholds: trend.labels.map((label) => trend.taken_at_us.map((us) => inForce(releases, us)?.thresholds[label] ?? null)),
    changes: releases
      // the first of all is a change where something was drawn before it
      .filter((release, i) => (i === 0 ? release.at_us > (trend.taken_at_us[0] ?? Infinity) : release.model !== releases[i - 1]?.model))
      .map((release) => ({ at: release.at_us / 1e6, model: release.model })),
  };
}

/** The columns of a chart: the times, then a dot a series, then a threshold a series. */
export function chartColumns(data: ChartData): (number | null)[][] {
  return [data.seconds, ...data.probabilities, ...data.thresholds];
}

/** What a chart is made of beside its numbers: as long as it is the same, new ones are put into the
 * chart that is there. */
export function chartShape(data: ChartData, off: ReadonlySet<string>): string {
  return JSON.stringify(data.series.map((series) => [series.label, series.colour, !off.has(series.label)]));
}

/** Zoomed in, `from` and `to` are what is drawn, and `range` remembers what it is a part of: a
 * preset, or two ends. The picker sets all three, so that what it was given last is the whole. */
export function zoomIn(params: URLSearchParams, shown: Range, fromUs: number, toUs: number): Record<string, string | number> {
  const whole = shown.preset || params.get('range') || `${shown.fromUs}~${shown.toUs}`;
  return { from: fromUs, to: toUs, range: whole };
}

/** Back to the whole; ends that came with a link, not by zooming, are no part of anything. */
export function zoomOut(params: URLSearchParams): Record<string, string | number> {
  const whole = params.get('range') ?? '';
  const [from, to] = whole.split('~');
  return from && to ? { from, to, range: '' } : { from: '', to: '', range: whole };
}

/** The newest release at or before a time; `releases` are oldest first. */
export function inForce(releases: readonly Release[], us: number): Release | null {
  return releases.findLast((release) => release.at_us <= us) ?? null;
}

/** Two stretches of one trend as one, oldest first; the older one's columns come in front. */
export function joinTrends(older: Trend, newer: Trend): Trend {
  const labels = [...newer.labels, ...older.labels.filter((label) => !newer.labels.includes(label))];
  const column = (trend: Trend, label: string): (number | null)[] => {
    const at = trend.labels.indexOf(label);
    return at < 0 ? trend.taken_at_us.map(() => null) : (trend.probabilities[at] ?? []);
  };
  const renumber = (trend: Trend) => trend.verdicts.map((v) => (v === null ? null : labels.indexOf(trend.labels[v] ?? '')));
  const known = new Set(newer.releases.map((release) => release.at_us));
  return {
    plot_type: newer.plot_type,
    labels,
    taken_at_us: [...older.taken_at_us, ...newer.taken_at_us],
    images: [...older.images, ...newer.images],
    runs: [...older.runs, ...newer.runs],
    chunks: [...older.chunks, ...newer.chunks],
    verdicts: [...renumber(older), ...renumber(newer)],
    states: [...older.states, ...newer.states],
    probabilities: labels.map((label) => [...column(older, label), ...column(newer, label)]),
    releases: [...older.releases.filter((release) => !known.has(release.at_us)), ...newer.releases],
    next: older.next,
  };
}

/** The newest page read anew behind what was read before it; where the two do not meet, the page
 * alone. */
export function refreshedTrend(fresh: Trend, known: Trend): Trend {
  const [first] = fresh.images;
  const at = first === undefined || fresh.next === null ? -1 : known.images.indexOf(first);
  if (at <= 0) return fresh;
  const older: Trend = {
    ...known,
    taken_at_us: known.taken_at_us.slice(0, at),
    images: known.images.slice(0, at),
    runs: known.runs.slice(0, at),
    chunks: known.chunks.slice(0, at),
    verdicts: known.verdicts.slice(0, at),
    states: known.states.slice(0, at),
    probabilities: known.probabilities.map((column) => column.slice(0, at)),
  };
  return joinTrends(older, fresh);
}

/** Nothing is drawn closer than this. */
const LEAST_US = 30e6;

/** What is drawn around a time: as far to either side as there are images, within `reachUs`. */
export function around(atUs: number, takenUs: readonly number[], reachUs: number): [number, number] {
  const far = takenUs.reduce((most, us) => Math.max(most, Math.abs(us - atUs)), 0);
  const half = Math.min(reachUs, Math.max(LEAST_US, far * 1.05));
  return [atUs - half, atUs + half];
}
