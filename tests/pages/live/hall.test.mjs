// The pages on the real service: what each shows, live, through a network that can fail.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { violations } from '../browser.mjs';
import { card, eventually, kindOf } from '../setup.mjs';
import { close, get, launch, open, order, phone, shots, url as HYDRA_URL } from './real.mjs';

before(launch);
after(close);

test('every plot type is on its card in the state that the database says', async () => {
  const { page, faults } = await open('/');
  await page.locator('.card').nth(5).waitFor();
  const wanted = { DC_occupancy: 'bad', DC_tdc: 'late', CDC_occupancy: 'nomodel', 'Faraday Cup': 'good', Off_adc: 'disabled', 'Stray plot-01': 'discovered' };
  for (const [name, kind] of Object.entries(wanted)) assert.equal(await kindOf(page, name), kind, name);
  assert.match(await page.locator('.app > header').innerText(), /80003/);
  assert.match(await page.locator('.app > header').innerText(), /42.5 nA/);
  await page.getByText('Beam studies until noon <script>alert(1)</script>').first().waitFor();
  assert.deepEqual(faults, []);
  await page.context().close();
});

test('a verdict is on its card within a second of its commit, with its heat map, and its alarm comes and goes', async () => {
  const { page, faults } = await open('/?heat=60');
  await page.locator('.card').nth(5).waitFor();
  await order('verdict', { plot: 'DC_tdc', label: 'Good' });
  await eventually('a verdict heals what was given up', async () => (await kindOf(page, 'DC_tdc')) === 'good');
  const took = [];
  for (let i = 0; i < 10; i++) {
    await order('verdict', { plot: 'DC_tdc', label: 'Bad' });
    const begun = Date.now();
    await eventually('Bad', async () => (await kindOf(page, 'DC_tdc')) === 'bad');
    took.push(Date.now() - begun);
    await eventually('in the alarm list', () => page.locator('.alarms li:not(.over)', { hasText: 'DC_tdc' }).count());
    const heat = card(page, 'DC_tdc').locator('img.heat');
    await heat.waitFor();
    assert.equal(await heat.evaluate((image) => image.style.opacity), '0.6');
    await eventually('the heat map is a picture', () => heat.evaluate((image) => image.complete && image.naturalWidth > 10));
    await order('verdict', { plot: 'DC_tdc', label: 'Good' });
    await eventually('Good again', async () => (await kindOf(page, 'DC_tdc')) === 'good');
    await eventually('cleared', async () => (await page.locator('.alarms li:not(.over)', { hasText: 'DC_tdc' }).count()) === 0);
  }
  console.log(`# on the page after ${took.join(', ')} ms`);
  assert.ok(Math.max(...took) <= 1_000, `${took} ms`);
  assert.deepEqual(faults, []);
  await page.context().close();
});

test('a network that swallows everything greys the page and says so, and it comes back', async () => {
  const { page } = await open('/');
  await page.locator('.card').nth(5).waitFor();
  await order('network', { silent: true });
  const begun = Date.now();
  await eventually('it says so', () => page.getByText('No link to the server since').count(), 8_000);
  console.log(`# grey after ${Date.now() - begun} ms`);
  assert.ok(Date.now() - begun <= 3_000, `${Date.now() - begun} ms`);
  assert.match(await card(page, 'Faraday Cup').getAttribute('class'), /past/);
  await page.screenshot({ path: `${shots}live-lost.png` });
  await order('network', { silent: false });
  await eventually('live again', async () => (await page.getByText('No link to the server').count()) === 0, 20_000);
  await page.context().close();
});

test('ten pages of one browser are all alive', async () => {
  const { page, context } = await open('/');
  const pages = [page];
  for (let i = 0; i < 9; i++) {
    const next = await context.newPage();
    await next.goto(`${HYDRA_URL}/board`);
    pages.push(next);
  }
  for (const one of pages) await one.waitForFunction(() => document.querySelector('.app')?.dataset.link === 'up', null, { timeout: 15_000 });
  await order('verdict', { plot: 'DC_tdc', label: 'Bad' });
  for (const one of pages.slice(1)) {
    await eventually('each hears of it', async () => (await one.locator('.tile[data-detector="DC"]').getAttribute('data-kind')) === 'bad');
  }
  await order('verdict', { plot: 'DC_tdc', label: 'Good' });
  await context.close();
});

test('a plot that does not come in time is no longer Good: late, while images wait inside Hydra', async () => {
  const { page } = await open('/');
  await order('verdict', { plot: 'DC_tdc', label: 'Good' });
  await eventually('young', async () => (await kindOf(page, 'DC_tdc')) === 'good');
  await order('declare', { plot: 'DC_tdc', seconds: 1 });
  await eventually('late', async () => (await kindOf(page, 'DC_tdc')) === 'late', 25_000);
  assert.match(await card(page, 'DC_tdc').innerText(), /Was Good. Queued in Hydra: 12 images wait/);
  await order('declare', { plot: 'DC_tdc', seconds: 60 });
  await eventually('as declared', async () => (await kindOf(page, 'DC_tdc')) === 'good');
  await page.context().close();
});

test('keys alone open a card, follow the heat map and close it', async () => {
  const { page } = await open('/');
  await page.locator('.card').nth(5).waitFor();
  await page.keyboard.press('n');
  const called = await page.evaluate(() => document.activeElement.closest('.card')?.dataset.plot);
  assert.equal(called, 'DC_occupancy');
  await page.keyboard.press('Enter');
  await page.locator('dialog[open] img.heat').waitFor();
  await page.locator('dialog .close').focus();
  await page.keyboard.press('h');
  await eventually('no heat map', async () => (await page.locator('dialog img.heat').count()) === 0);
  await page.keyboard.press('Escape');
  await eventually('closed', async () => (await page.locator('dialog[open]').count()) === 0);
  await page.context().close();
});

test('links lead to the image, the entry and the explanation that they name', async () => {
  const entry = (await get('/log?kind=bad&limit=100')).items.find((one) => one.plot_type === 'DC_occupancy' && one.first.chunk === 10);
  const { page, faults } = await open(`/log?entry=${entry.id}&kind=bad`);
  await page.getByText('Image 1 of 5').waitFor();
  await page.getByText('Dana, 4711').first().waitFor();
  const image = (await get('/images?plot_type=DC_occupancy&order=oldest&limit=2')).items[1];
  await page.goto(`${HYDRA_URL}/plot/DC_occupancy?at=${image.image}&why=${image.taken_at_us}`);
  await page.getByText('80001.0002').first().waitFor();
  await page.getByText('only 3 Bad plots').waitFor();
  await page.getByText('A person has labelled this image Bad since').waitFor();
  await page.locator('.u-over').nth(1).waitFor();
  assert.deepEqual(faults, []);
  await page.context().close();
});

test('status says of every role and every letter what it means and what to do', async () => {
  const { page, faults } = await open('/status');
  await page.locator('.dead li').nth(2).waitFor();
  assert.equal(await page.locator('tr[data-role]').count(), 7);
  assert.equal(await page.locator('tr[data-role=gradcam]').getAttribute('data-health'), 'never');
  await page.getByText('hydra run gradcam').first().waitFor();
  assert.equal(await page.locator('tr[data-model][data-loaded="true"]').count(), 2);
  await page.getByText('10 MB + 80 MB shared').waitFor();
  await page.getByText('not a PNG: 3').waitFor();
  assert.ok((await page.locator('svg rect').count()) > 0, 'a calendar');
  assert.deepEqual(faults, []);
  await page.context().close();
});

const PAGES = [
  ['run', '/', '.card'],
  ['look', '/?open=DC_occupancy', 'dialog .guidance'],
  ['wall', '/?wall=1', '.card'],
  ['log', '/log', '.list li'],
  ['board', '/board', '.tile'],
  ['status', '/status', '.dead li'],
  ['plot', '/plot/DC_occupancy', '.u-over'],
  ['why', () => `/plot/DC_occupancy?why=${Date.now() * 1000}`, '.moved .u-over'],
  ['entry', async () => `/log?entry=${(await get('/log?kind=bad&limit=1')).items[0].id}`, '.compare'],
  ['tour', '/?tour=1', '.box'],
  ['nowhere', '/nowhere', 'h1'],
  ['help', '/help', 'dl'],
];
for (const [name, where, ready] of PAGES) {
  test(`axe finds nothing on ${name}, light, dark or on a phone`, async () => {
    const path = typeof where === 'function' ? await where() : where;
    for (const [kind, options, theme] of [['dark', {}, 'dark'], ['light', {}, 'light'], ['phone', phone, 'light']]) {
      const { page, faults } = await open(`${path}${path.includes('?') ? '&' : '?'}theme=${theme}`, options);
      await page.locator(ready).first().waitFor();
      await page.waitForLoadState('networkidle', { timeout: 1_500 }).catch(() => {});
      await page.screenshot({ path: `${shots}live-${name}-${kind}.png` });
      assert.deepEqual(await violations(page), [], `${name} ${kind}`);
      const [wide, shown] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
      assert.ok(wide <= shown, `${name} ${kind}: ${wide} pixels on a screen of ${shown}`);
      assert.deepEqual(faults, []);
      await page.context().close();
    }
  });
}
