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

/** An answer is waited for so long; the server itself gives up after 10 s. */
export const PATIENCE_MS = 15_000;

/** One resource. A server or a network that swallows the question is told as `Refused` too. */
export async function get<T>(path: string, params: Record<string, Value> = {}, signal?: AbortSignal): Promise<T> {
  const late = AbortSignal.timeout(PATIENCE_MS);
  const either = signal ? AbortSignal.any([signal, late]) : late;
  try {
    return await answered<T>(await fetch(address(path, params), { signal: either, headers: { accept: 'application/json' } }));
  } catch (error) {
    if (signal?.aborted || error instanceof Refused) throw error;
    throw new Refused(0, late.aborted ? `The server has not answered within ${PATIENCE_MS / 1000} s.` : 'The server does not answer.');
  }
}

async function answered<T>(answer: Response): Promise<T> {
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

/** Where a picture is. Those of a plot are named by its content and never change; a heat map may be
 * drawn anew, so lists give its address with its hash, and this one is asked for again each time. */
export const picture = {
  thumbnail: (image: string) => `${BASE}/images/${image}/thumbnail`,
  original: (image: string) => `${BASE}/images/${image}/original`,
  heatmap: (image: string) => `${BASE}/images/${image}/heatmap`,
};
