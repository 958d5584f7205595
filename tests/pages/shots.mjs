// Pictures of every page into ../../shots, to be looked at: `npm run shots [-- address]`.
import { mkdirSync } from 'node:fs';
import { browser, open } from './browser.mjs';
import { start } from './fixture/server.mjs';

const folder = new URL('../../shots/', import.meta.url).pathname;
mkdirSync(folder, { recursive: true });
const only = process.argv[3];
const server = process.argv[2]?.startsWith('http') ? { url: process.argv[2], close() {} } : await start({ dist: new URL('../../services/web/dist', import.meta.url).pathname });
const chrome = await browser();
const wide = { viewport: { width: 1680, height: 1050 } };
const phone = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };
const names = await (await fetch(`${server.url}/api/v1/plot-types?limit=100`)).json();
const bad = names.items.find((p) => p.incident)?.name ?? names.items[0].name;
const log = await (await fetch(`${server.url}/api/v1/log?limit=1`)).json();
const entry = log.items[0]?.id ?? '';
const shots = [
  ['run-dark', '/?theme=dark', wide],
  ['run-light', '/?theme=light', wide],
  ['run-small', '/?theme=dark&size=s', wide],
  ['run-phone', '/?theme=dark', phone],
  ['run-wall', '/?theme=dark&wall=1', { viewport: { width: 1920, height: 1080 } }],
  ['look-dark', `/?theme=dark&open=${encodeURIComponent(bad)}`, wide],
  ['look-phone', `/?theme=light&open=${encodeURIComponent(bad)}`, phone],
  ['log-dark', '/log?theme=dark', wide],
  ['log-light', '/log?theme=light', wide],
  ['log-phone', '/log?theme=light', phone],
  ['log-side', `/log?theme=light&entry=${entry}`, wide],
  ['log-swipe', `/log?theme=dark&entry=${entry}&compare=swipe`, wide],
  ['log-difference', `/log?theme=light&entry=${entry}&compare=difference`, wide],
  ['plot-dark', `/plot/${encodeURIComponent(bad)}?theme=dark`, wide],
  ['plot-light', `/plot/${encodeURIComponent(bad)}?theme=light`, wide],
  ['plot-phone', `/plot/${encodeURIComponent(bad)}?theme=dark`, phone],
  ['plot-why', `/plot/${encodeURIComponent(bad)}?theme=light&why=${Date.now() * 1000}`, { ...wide, whole: true }],
  ['log-empty', '/log?theme=light&from=1000000&to=900000000', wide],
  ['status-dark', '/status?theme=dark', wide],
  ['status-light', '/status?theme=light', wide],
  ['status-phone', '/status?theme=dark', phone],
  ['board-dark', '/board?theme=dark', wide],
  ['board-phone', '/board?theme=light', phone],
  ['help-light', '/help?theme=light', wide],
  ['tour', '/?theme=light&tour=1', wide],
  ['tour-legend', '/?theme=dark&tour=4', wide],
  ['tour-status-phone', '/status?theme=light&tour=11', phone],
];
for (const [name, path, options] of shots) {
  if (only && !name.includes(only)) continue;
  const { page, faults, context } = await open(chrome, server.url + path, options);
  await page.waitForTimeout(1500);
  await page.screenshot({ path: `${folder}${name}.png`, fullPage: options.whole ?? false });
  console.log(name, faults.length > 0 ? faults : '');
  await context.close();
}
await chrome.close();
server.close();
