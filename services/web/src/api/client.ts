/** Reads from `/api/v1`. There is nothing here that writes: the service has no such route. */
import type { Page, Problem } from './types';

const BASE = '/api/v1';

/** The server said no, or nothing at all. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

type Value = string | number | boolean | null | undefined | readonly string[];

/** The address of a resource; empty and absent parameters are left out. */
export function address(path: string, params: Record<string, Value> = {}): string {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(params)) {
    if (value === null || value === undefined || value === '') continue;
    if (typeof value === 'object') {
      if (value.length > 0) query.set(key, value.join(','));
    } else {
      query.set(key, String(value));
    }
  }
  const text = query.toString();
  return BASE + path + (text ? `?${text}` : '');
}

/** One resource. */
export async function get<T>(path: string, params: Record<string, Value> = {}, signal?: AbortSignal): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(address(path, params), { signal: signal ?? null, headers: { accept: 'application/json' } });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Refused(0, 'The server does not answer.');
  }
  if (answer.ok) return (await answer.json()) as T;
  const problem = (await answer.json().catch(() => null)) as Problem | null;
  throw new Refused(answer.status, problem?.detail ?? `The server answered ${answer.status}.`);
}

/** All pages of a list, up to `most` entries. */
export async function getAll<T>(
  path: string,
  params: Record<string, Value> = {},
  most = 10_000,
  signal?: AbortSignal,
): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | null = null;
  do {
    const page: Page<T> = await get(path, { ...params, cursor }, signal);
    items.push(...page.items);
    cursor = page.next;
  } while (cursor !== null && items.length < most);
  return items;
}

/** A path part that is a name. */
export const part = encodeURIComponent;

/** Where a picture is. Pictures never change: their addresses are their identity. */
export const picture = {
  thumbnail: (image: string) => `${BASE}/images/${image}/thumbnail`,
  original: (image: string) => `${BASE}/images/${image}/original`,
  heatmap: (image: string) => `${BASE}/images/${image}/heatmap`,
};
