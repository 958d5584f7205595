/** A range of time, as the URL carries it: `range=24h`, or `from` and `to`. */

export interface Range {
  fromUs: number;
  toUs: number;
  /** Name of the preset; empty when both ends are given. */
  preset: string;
}

export const PRESETS = { '1h': 3600, '8h': 28_800, '24h': 86_400, '7d': 604_800, '30d': 2_592_000 } as const;
export type Preset = keyof typeof PRESETS;

const isPreset = (text: string): text is Preset => Object.hasOwn(PRESETS, text);

/** What the parameters say; without any of them, or with nonsense, the preset `otherwise`. A
 * preset ends a minute after now, so that nothing new is cut off. */
export function readRange(params: URLSearchParams, nowUs: number, otherwise: Preset): Range {
  const [from, to] = [Number(params.get('from') ?? NaN), Number(params.get('to') ?? NaN)];
  if (Number.isSafeInteger(from) && Number.isSafeInteger(to) && from >= 0 && from < to) return { fromUs: from, toUs: to, preset: '' };
  const named = params.get('range') ?? '';
  const preset = isPreset(named) ? named : otherwise;
  return { fromUs: nowUs - PRESETS[preset] * 1e6, toUs: nowUs + 60e6, preset };
}
