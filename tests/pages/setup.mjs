// One browser and one stand-in hall a test file, and what the tests ask of a page.
import { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { browser, open as openPage } from './browser.mjs';
import { start } from './fixture/server.mjs';

const dist = fileURLToPath(new URL('../../services/web/dist', import.meta.url));

/** `with()` in a test file gives it a hall, a browser, and `open(path)`. */
export function site(options = {}) {
  const site = {};
  before(async () => {
    assert.ok(existsSync(`${dist}/index.html`), 'build the pages first: make pages');
    site.server = await start({ dist, ...options });
    site.hall = site.server.hall;
    site.chrome = await browser();
    site.open = async (path, context) => {
      const opened = await openPage(site.chrome, site.server.url + path, context);
      await opened.page.waitForFunction(() => document.querySelector('header dd')?.textContent?.includes('Hall') || document.querySelector('.wall'));
      return opened;
    };
  });
  after(async () => {
    await site.chrome?.close();
    site.server?.close();
    // the stand-in must not say what the real service would not
    assert.deepEqual([...(site.server?.drift ?? [])], []);
  });
  return site;
}

/** Waits for a state, not for a time. */
export async function eventually(what, predicate, withinMs = 5_000) {
  const end = Date.now() + withinMs;
  for (;;) {
    const value = await predicate();
    if (value) return value;
    if (Date.now() > end) assert.fail(`within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export const card = (page, name) => page.locator(`.card[data-plot="${name}"]`).first();
export const kindOf = (page, name) => card(page, name).getAttribute('data-kind');
