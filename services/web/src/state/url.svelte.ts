/** Where the viewer is: path and parameters. All of a view's state lives here, so that a link
 * shows another person the same. */

class Url {
  path = $state(location.pathname);
  #query = $state(location.search);
  /** The parameters of the page; read only, change them by `set`. */
  params = $derived(new URLSearchParams(this.#query));

  constructor() {
    addEventListener('popstate', () => this.#read());
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
  set(changes: Record<string, string | number | boolean | readonly string[] | null>, push = false): void {
    const params = new URLSearchParams(this.#query);
    for (const [name, value] of Object.entries(changes)) {
      const text = Array.isArray(value) ? value.join('~') : value === true ? '1' : value === false ? '' : String(value ?? '');
      if (text === '') params.delete(name);
      else params.set(name, text);
    }
    this.#move(this.path + suffix(params), push);
  }

  /** Goes to another page of this site; the theme goes along. */
  go(href: string): void {
    this.#move(withTheme(href, this.text('theme')), true);
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

export const url = new Url();

/** The address with the theme, where it says none. */
export function withTheme(href: string, theme: string): string {
  const address = new URL(href, 'http://here');
  if (theme && !address.searchParams.has('theme')) address.searchParams.set('theme', theme);
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
