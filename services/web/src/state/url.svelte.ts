/** Where the viewer is: path and parameters. All of a view's state lives here, so that a link
 * shows another person the same. */
import { recall, remember } from './prefs';
import { EVERYWHERE } from './view';

type Changes = Record<string, string | number | boolean | readonly string[] | null>;

class Url {
  path = $state(location.pathname);
  #query = $state(location.search);
  /** The parameters of the page; read only, change them by `set`. */
  params = $derived(new URLSearchParams(this.#query));
  /** Grows when one goes to a page, be it the one where one is. */
  visits = $state(0);

  constructor() {
    this.#put(missing(this.params, recall), false);
    addEventListener('popstate', () => {
      // a step back leads to another page or view, not to another theme
      const now = EVERYWHERE.map((name) => [name, this.params.get(name)] as const);
      this.#read();
      this.#put(Object.fromEntries(now), false);
    });
  }

  #read(): void {
    this.path = location.pathname;
    this.#query = location.search;
  }

  text(name: string, otherwise = ''): string {
    return this.params.get(name) ?? otherwise;
  }

  number(name: string, otherwise: number, least: number, most: number): number {
    const value = Number(this.params.get(name) ?? NaN);
    return Number.isFinite(value) ? Math.min(most, Math.max(least, value)) : otherwise;
  }

  list(name: string): string[] {
    return (this.params.get(name) ?? '').split('~').filter(Boolean);
  }

  flag(name: string): boolean {
    return this.params.get(name) === '1';
  }

  /** Changes parameters; `null`, `''` and `[]` take one away. A step that one may want to go back
   * from is pushed, all else replaces. */
  set(changes: Changes, push = false): void {
    this.#put(changes, push);
    for (const name of EVERYWHERE) if (name in changes) remember(name, this.params.get(name));
  }

  #put(changes: Changes, push: boolean): void {
    const params = new URLSearchParams(this.#query);
    for (const [name, value] of Object.entries(changes)) {
      const text = Array.isArray(value) ? value.join('~') : value === true ? '1' : value === false ? '' : String(value ?? '');
      if (text === '') params.delete(name);
      else params.set(name, text);
    }
    this.#move(this.path + suffix(params), push);
  }

  /** Goes to another page of this site; what holds everywhere goes along. */
  go(href: string): void {
    this.#move(withOwn(href, this.params), true);
    this.visits++;
    scrollTo(0, 0);
  }

  #move(href: string, push: boolean): void {
    if (href === location.pathname + location.search) return;
    if (push) history.pushState(null, '', href);
    else history.replaceState(null, '', href);
    this.#read();
  }
}

const suffix = (params: URLSearchParams) => {
  const text = params.toString();
  return text ? `?${text}` : '';
};

/** What holds everywhere and these parameters do not say, from elsewhere. */
const missing = (params: URLSearchParams, elsewhere: (name: string) => string | null): Record<string, string> =>
  Object.fromEntries(EVERYWHERE.filter((name) => !params.has(name)).map((name) => [name, elsewhere(name) ?? '']));

export const url = new Url();

/** The address with the theme and what else holds everywhere, where it does not say it. */
export function withOwn(href: string, params: URLSearchParams): string {
  const address = new URL(href, 'http://here');
  for (const [name, value] of Object.entries(missing(address.searchParams, (name) => params.get(name)))) {
    if (value) address.searchParams.set(name, value);
  }
  return address.pathname + address.search + address.hash;
}

/** The address of a page with parameters. */
export function href(path: string, params: Record<string, string | number | null> = {}): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) if (value !== null && value !== '') query.set(name, String(value));
  return path + suffix(query);
}

/** Lets links of this site change the page without loading it anew. */
export function follow(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = (event.target as Element).closest?.('a[href]') as HTMLAnchorElement | null;
  if (!link || link.target || link.hasAttribute('download') || link.origin !== location.origin) return;
  if (link.pathname.startsWith('/api/') || (link.pathname === location.pathname && link.hash)) return;
  event.preventDefault();
  url.go(link.pathname + link.search);
}
