// The pages on `hydra demo --stay`: HYDRA_URL is where it answers, HYDRA_PID its process, which the
// last test ends. Started by tests/tests/demo.rs. The tests follow one shift, so their order counts.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { browser, open, violations } from '../browser.mjs';
import { card, eventually, kindOf } from '../setup.mjs';

const { HYDRA_URL, HYDRA_PID } = process.env;
const shots = new URL('../../../shots/', import.meta.url).pathname;
const PLOTS = 19;
let chrome, page, faults;

before(async () => {
  mkdirSync(shots, { recursive: true });
  chrome = await browser();
  ({ page, faults } = await open(chrome, `${HYDRA_URL}/?heat=60`));
  await page.waitForFunction(() => document.querySelector('.app')?.dataset.link === 'up', null, { timeout: 20_000 });
});
after(() => chrome?.close());

const kinds = async (kind) => page.locator(`.card[data-kind="${kind}"]`).evaluateAll((cards) => cards.map((one) => one.dataset.plot));
const chunk = async (name) => Number(/\.(\d{4})$/m.exec(await card(page, name).innerText())?.[1]);

test('every plot of the hall comes in and is judged, its picture is there, and it goes on by itself', async () => {
  await eventually('a card for each', async () => (await page.locator('.card').count()) === PLOTS, 20_000);
  await eventually('most are Good', async () => (await kinds('good')).length >= PLOTS - 4, 30_000);
  const name = (await kinds('good'))[0];
  const before = await chunk(name);
  await eventually('a picture', () => card(page, name).locator('img').first().evaluate((image) => image.complete && image.naturalWidth > 100));
  await eventually('the next chunk, without a hand', async () => (await chunk(name)) > before, 15_000);
  assert.match(await page.locator('.app > header').innerText(), /on · \d+(\.\d+)? nA/);
});

test('a fault appears: its card says Bad, with the heat map and an alarm; then it is over', async () => {
  const [name] = await eventually('something is Bad', async () => {
    const bad = await kinds('bad');
    return bad.length > 0 && bad;
  }, 60_000);
  console.log(`# ${name} is Bad`);
  await eventually('it is in the alarm list', () => page.locator('.alarms li:not(.over)', { hasText: name }).count());
  await eventually('with its heat map', async () => {
    const heat = card(page, name).locator('img.heat');
    return (await heat.count()) > 0 && heat.first().evaluate((image) => image.complete && image.naturalWidth > 10 && image.style.opacity === '0.6');
  }, 15_000);
  await page.screenshot({ path: `${shots}demo-bad.png` });
  await eventually('it is Good again', async () => (await kindOf(page, name)) === 'good', 40_000);
  await eventually('its alarm is over', () => page.locator('.alarms li.over', { hasText: name }).count());
  const log = await (await fetch(`${HYDRA_URL}/api/v1/log?kind=bad&plot_type=${encodeURIComponent(name)}`)).json();
  assert.ok(log.items.some((entry) => entry.ended_at_us !== null && entry.count >= 1), 'and the log says from when to when');
});

test('status knows every role, its queue, its times and the models in memory', async () => {
  const { page: status, faults: found, context } = await open(chrome, `${HYDRA_URL}/status`);
  for (const role of ['ingest', 'resize', 'infer', 'gradcam', 'keep', 'query']) {
    await status.locator(`tr[data-role="${role}"][data-health="well"]`).waitFor({ timeout: 15_000 });
  }
  await eventually('every model is in memory of infer', async () => (await status.locator('tr[data-model][data-loaded="true"]').count()) === PLOTS, 20_000);
  assert.match(await status.locator('tr[data-model]').first().innerText(), /infer.*\d MB/s);
  assert.match(await status.locator('.sum').innerText(), /Hydra is well/);
  await status.screenshot({ path: `${shots}demo-status.png`, fullPage: true });
  assert.deepEqual(found, []);
  await context.close();
});

test('a plot page has its trend, its reference and why it was judged so', async () => {
  const name = (await kinds('good'))[0];
  const { page: plot, faults: found, context } = await open(chrome, `${HYDRA_URL}/plot/${encodeURIComponent(name)}`);
  await plot.locator('.u-over').first().waitFor();
  await plot.getByText('Reference: how it should look').waitFor();
  await plot.getByRole('button', { name: 'Why this verdict?' }).click();
  await plot.locator('.findings li').first().waitFor();
  await plot.locator('.moved .u-over').waitFor();
  assert.deepEqual(await violations(plot), []);
  await plot.screenshot({ path: `${shots}demo-plot.png`, fullPage: true });
  assert.deepEqual(found, []);
  await context.close();
});

test('the log holds the fault; its link opens it for another, with its images and what to do', async () => {
  const { page: log, faults: found, context } = await open(chrome, `${HYDRA_URL}/log?kind=bad`);
  await log.locator('.list li button').first().click();
  await log.getByText(/Image 1 of \d+/).waitFor({ timeout: 15_000 });
  await log.getByText('Whom to call').waitFor();
  assert.match(log.url(), /entry=[0-9a-f]{32}&began=\d+/);
  const shown = await log.locator('article.panel').getAttribute('aria-label');
  const { page: other, context: another } = await open(chrome, log.url());
  await other.getByText(/Image 1 of \d+/).waitFor({ timeout: 15_000 });
  assert.equal(await other.locator('article.panel').getAttribute('aria-label'), shown);
  assert.deepEqual(await violations(other), []);
  assert.deepEqual(found, []);
  await another.close();
  await context.close();
});

test('the heat map of a card follows its slider into the address', async () => {
  const log = await (await fetch(`${HYDRA_URL}/api/v1/log?kind=bad&limit=1`)).json();
  const { page: log_, context } = await open(chrome, `${HYDRA_URL}/log?entry=${log.items[0].id}&heat=80`);
  const heat = log_.locator('.detail img.heat');
  await heat.waitFor({ timeout: 15_000 });
  assert.equal(await heat.evaluate((e) => e.style.opacity), '0.8');
  await log_.locator('#log-heat').fill('30');
  await eventually('fainter', async () => (await heat.evaluate((e) => e.style.opacity)) === '0.3');
  assert.match(log_.url(), /heat=30/);
  await context.close();
});

test('keys alone open a card, change its heat map and close it; a link opens it for another', async () => {
  await page.keyboard.press('/');
  await page.keyboard.type('occupancy');
  await page.keyboard.press('Tab');
  await eventually('fewer cards', async () => (await page.locator('.card').count()) < PLOTS);
  await page.locator('.card .name').first().focus();
  await page.keyboard.press('ArrowRight');
  const name = await page.evaluate(() => document.activeElement.closest('.card')?.dataset.plot);
  await page.keyboard.press('Enter');
  await page.locator('dialog[open]', { hasText: name }).waitFor();
  await page.locator('dialog .close').focus();
  await page.keyboard.press(']');
  await eventually('stronger', () => page.url().includes('heat=70'));
  const address = page.url();
  await page.keyboard.press('Escape');
  await eventually('closed', async () => (await page.locator('dialog[open]').count()) === 0);
  const { page: other, context } = await open(chrome, address);
  await other.locator('dialog[open]', { hasText: name }).waitFor({ timeout: 15_000 });
  await context.close();
  await page.goto(`${HYDRA_URL}/?heat=60`);
  await page.waitForFunction(() => document.querySelector('.app')?.dataset.link === 'up', null, { timeout: 20_000 });
});

const PAGES = { '/': '.card', '/?wall=1': '.wall .card', '/log': '.list li', '/board': '.tile', '/status': 'tr[data-role]', '/help': 'dl' };
for (const [path, ready] of Object.entries(PAGES)) {
  test(`${path} stands on the simulated hall without a fault, and axe finds nothing`, async () => {
    const { page: one, faults: found, context } = await open(chrome, HYDRA_URL + path);
    await one.locator(ready).first().waitFor({ timeout: 15_000 });
    assert.deepEqual(await violations(one), []);
    assert.deepEqual(found, []);
    await context.close();
  });
}

test('the hall stops: no card stays Good, each says so', async () => {
  await eventually('all are stale', async () => (await kinds('stale')).length === PLOTS, 120_000);
  assert.deepEqual(await kinds('good'), []);
  const [name] = await kinds('stale');
  assert.match(await card(page, name).innerText(), /Last image \d+ s ago|Was Good/);
  await page.screenshot({ path: `${shots}demo-stale.png` });
});

test('Hydra itself ends: within three seconds the page is grey and says so', async () => {
  process.kill(Number(HYDRA_PID), 'SIGTERM');
  const begun = Date.now();
  await eventually('it says so', () => page.getByText('No link to the server since').count(), 8_000);
  const took = Date.now() - begun;
  console.log(`# grey after ${took} ms`);
  assert.ok(took <= 3_000, `${took} ms`);
  assert.equal(await page.locator('.card:not(.past)').count(), 0);
  assert.deepEqual(faults, []);
});
