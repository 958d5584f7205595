/** How strongly heat maps are drawn, in percent. */
import { url } from './url.svelte';

export const HEAT_DEFAULT = 55;

export function heatOf(params: URLSearchParams): number {
  const value = Number(params.get('heat') ?? HEAT_DEFAULT);
  return Number.isFinite(value) ? Math.min(100, Math.max(0, value)) : HEAT_DEFAULT;
}

/** `h` shows or hides, `[` and `]` change; true when the key was one of these. */
export function heatKey(key: string): boolean {
  const heat = heatOf(url.params);
  const set = (value: number) => url.set({ heat: value === HEAT_DEFAULT ? '' : String(value) });
  if (key === 'h') set(heat > 0 ? 0 : HEAT_DEFAULT);
  else if (key === '[') set(Math.max(0, heat - 10));
  else if (key === ']') set(Math.min(100, heat + 10));
  else return false;
  return true;
}
