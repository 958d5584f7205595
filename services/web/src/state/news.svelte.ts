/** News of the catalog: what one has seen is out of the way, and still there to be read. */
import type { Hall as HallFacts } from '../api/types';
import { recall, remember } from './prefs';

type News = HallFacts['news'][number];

const key = (item: News): string => `${item.since_us ?? ''} ${item.text}`;

/** Those that were not seen, in their order. */
export function unseen(news: readonly News[], seen: readonly string[]): News[] {
  return news.filter((item) => !seen.includes(key(item)));
}

/** What is remembered once all of these were seen: news that are gone are forgotten. */
export function seenKeys(news: readonly News[]): string[] {
  return news.map(key);
}

class Seen {
  #keys = $state<readonly string[]>(read());

  unseen(news: readonly News[]): News[] {
    return unseen(news, this.#keys);
  }

  see(news: readonly News[]): void {
    this.#keys = seenKeys(news);
    remember('news_seen', JSON.stringify(this.#keys));
  }
}

function read(): string[] {
  try {
    const keys: unknown = JSON.parse(recall('news_seen') ?? '[]');
    return Array.isArray(keys) ? keys.filter((one) => typeof one === 'string') : [];
  } catch {
    return [];
  }
}

export const seen = new Seen();
