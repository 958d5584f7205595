// How fast the pages are: `node speed.mjs http://127.0.0.1:PORT`, best on a hall of 80 plots
// (`cargo run -p hydra-query --example load -- --rows 100000 --hold` prints the address).
// First view: from the request of the page, nothing cached, to all cards drawn and every picture
// that is on the screen decoded. Interaction: from the key or click to the frame that shows it.
import { browser } from './browser.mjs';

const url = process.argv[2];
const ROUNDS = 9;
if (!url) throw new Error('which address?');
const median = (list) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)];
const told = (name, list, bar) => {
  const [mid, most] = [median(list), Math.max(...list)];
  console.log(`| ${name} | ${list.length} | ${mid.toFixed(0)} | ${most.toFixed(0)} | ${bar} |`);
  return mid <= bar;
};

const chrome = await browser();
const { total } = await (await fetch(`${url}/api/v1/plot-types?limit=1000`)).json().then((page) => ({ total: page.items.length }));
let kept = true;
console.log(`${total} plots\n\n| what | rounds | median ms | most ms | bar ms |\n|---|---|---|---|---|`);

const views = [];
for (let round = 0; round < ROUNDS; round++) {
  const context = await chrome.newContext({ viewport: { width: 1680, height: 1050 } });
  const page = await context.newPage();
  await page.goto(url, { waitUntil: 'commit' });
  views.push(await page.evaluate(async (total) => {
    const frame = () => new Promise(requestAnimationFrame);
    const ready = () => {
      const cards = [...document.querySelectorAll('.card')];
      if (cards.length < total) return false;
      const onScreen = cards.filter((card) => card.getBoundingClientRect().top < innerHeight);
      return onScreen.every((card) => [...card.querySelectorAll('img:not(.heat)')].every((image) => image.complete && image.naturalWidth > 0));
    };
    while (!ready() && performance.now() < 20_000) await frame();
    await frame();
    return performance.now();
  }, total));
  await context.close();
}
kept &= told('first view', views, 1000);

/** Milliseconds from the event to the frame after the one that shows its effect. */
async function interaction(page, act, shown) {
  await page.evaluate((shown) => {
    const done = new Function(`return ${shown}`);
    window.took = new Promise((resolve) => {
      const begin = (event) => {
        const from = event.timeStamp;
        const look = () => (done()() ? requestAnimationFrame((at) => resolve(Math.max(at, performance.now()) - from)) : requestAnimationFrame(look));
        look();
        setTimeout(() => resolve(Infinity), 5000);
      };
      for (const type of ['keydown', 'pointerdown']) addEventListener(type, begin, { once: true, capture: true });
    });
  }, shown).catch(() => {});
  await act();
  return page.evaluate(() => window.took);
}

// the page's own policy forbids code from text, so the looks are asked for by name
const context = await chrome.newContext({ viewport: { width: 1680, height: 1050 }, bypassCSP: true });
const page = await context.newPage();
await page.goto(url);
await page.locator('.card').nth(total - 1).waitFor({ state: 'attached' });
await page.waitForTimeout(1500);
const steps = {
  'open a card': [() => page.locator('.card .name').nth(3).click(), "() => document.querySelector('dialog[open]') !== null"],
  'close it': [() => page.keyboard.press('Escape'), "() => document.querySelector('dialog[open]') === null"],
  'heat map off': [() => page.keyboard.press('h'), "() => location.search.includes('heat=0')"],
  'heat map on': [() => page.keyboard.press('h'), "() => !location.search.includes('heat=0')"],
  'only Bad': [() => page.locator('.chip').first().click(), "() => location.search.includes('only=bad')"],
  'all again': [() => page.locator('.chip').first().click(), `() => document.querySelectorAll('.card').length >= ${total}`],
  'smaller cards': [() => page.getByRole('button', { name: 'Small' }).click(), "() => document.querySelector('.size-s') !== null"],
  'medium cards': [() => page.getByRole('button', { name: 'Medium' }).click(), "() => document.querySelector('.size-m') !== null"],
  'wall': [() => page.keyboard.press('w'), "() => document.querySelector('.wall .card') !== null"],
  'leave the wall': [() => page.keyboard.press('Escape'), `() => document.querySelectorAll('.run .card').length >= ${total}`],
  'the board': [() => page.keyboard.press('b'), "() => document.querySelector('.tile') !== null"],
  'back to the run': [() => page.keyboard.press('r'), `() => document.querySelectorAll('.card').length >= ${total}`],
};
const times = Object.fromEntries(Object.keys(steps).map((name) => [name, []]));
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, [act, shown]] of Object.entries(steps)) {
    times[name].push(await interaction(page, act, shown));
    await page.waitForTimeout(150);
  }
}
for (const [name, list] of Object.entries(times)) kept &= told(name, list, 100);
await chrome.close();
process.exitCode = kept ? 0 : 1;
