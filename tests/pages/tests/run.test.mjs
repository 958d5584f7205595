import { test } from 'node:test';
import assert from 'node:assert/strict';
import { card, eventually, kindOf, site } from '../setup.mjs';

const hall = site();
const name = (i) => hall.hall.plots[i].name;

test('every state of the hall is on its card, in words', async () => {
  const { page, faults } = await hall.open('/');
  const wanted = { 0: 'good', 4: 'bad', 8: 'unconfirmed', 11: 'novel', 13: 'nodata', 27: 'other', 30: 'stale', 33: 'late', 36: 'nomodel', 40: 'disabled', 79: 'discovered' };
  await eventually('all cards', async () => (await page.locator('.card').count()) === 80);
  for (const [i, kind] of Object.entries(wanted)) assert.equal(await kindOf(page, name(i)), kind, name(i));
  assert.match(await card(page, name(30)).innerText(), /Stale/);
  assert.match(await card(page, name(30)).innerText(), /Was Good/);
  assert.deepEqual(faults, []);
  await page.context().close();
});

test('a verdict is on its card at once, and no card moves', async () => {
  const { page } = await hall.open('/');
  await page.locator('.card').nth(79).waitFor();
  const places = () => page.locator('.card').evaluateAll((cards) => cards.map((c) => `${c.dataset.plot} ${c.offsetLeft} ${c.offsetTop}`));
  const before = await places();
  const begun = Date.now();
  hall.hall.bad(1, 1);
  await eventually('the card is Bad', async () => (await kindOf(page, name(1))) === 'bad');
  assert.ok(Date.now() - begun < 1000, `${Date.now() - begun} ms`);
  assert.deepEqual(await places(), before);
  await eventually('the alarm is listed', () => page.locator('.alarms li', { hasText: name(1) }).count());
  const rows = await page.locator('.alarms .name').allInnerTexts();
  assert.equal(rows.at(-1), name(1), 'a new alarm comes at the end');
  hall.hall.good(1);
  await eventually('the card is Good', async () => (await kindOf(page, name(1))) === 'good');
  await eventually('the cleared alarm stays', () => page.locator('.alarms li.over', { hasText: name(1) }).count());
  assert.deepEqual(await page.locator('.alarms .name').allInnerTexts(), rows, 'no row moved');
  await page.getByRole('button', { name: /Tidy/ }).click();
  await eventually('tidied', async () => (await page.locator('.alarms li.over').count()) === 0);
  await page.context().close();
});

test('a lost link greys the page within three seconds and says so, and comes back', async () => {
  const { page } = await hall.open('/');
  await page.locator('.card').first().waitFor();
  const begun = Date.now();
  const port = await hall.server.down();
  await eventually('it says so', () => page.getByText('No link to the server since').count());
  assert.ok(Date.now() - begun <= 3000, `${Date.now() - begun} ms`);
  assert.match(await card(page, name(0)).innerText(), /was Good/);
  assert.match(await card(page, name(0)).getAttribute('class'), /past/);
  await hall.server.up(port);
  await eventually('it is live again', async () => !(await card(page, name(0)).getAttribute('class')).includes('past'), 15_000);
  await page.context().close();
});

test('a server that goes silent on an open connection is a lost link', async () => {
  const { page } = await hall.open('/');
  await page.locator('.card').first().waitFor();
  hall.hall.silent = true;
  const begun = Date.now();
  await eventually('it says so', () => page.getByText('No link to the server since').count());
  assert.ok(Date.now() - begun <= 4000, 'a second to the next tick that does not come, and three');
  hall.hall.silent = false;
  await eventually('live again', async () => (await page.getByText('No link to the server').count()) === 0, 15_000);
  await page.context().close();
});

test('a database that does not answer greys the page too', async () => {
  const { page } = await hall.open('/');
  await page.locator('.card').first().waitFor();
  hall.hall.readLagUs = 60e6;
  await eventually('it says so', () => page.getByText('database has not answered').count());
  hall.hall.readLagUs = 0;
  await eventually('live again', async () => (await page.getByText('database has not answered').count()) === 0);
  await page.context().close();
});

test('an old plot turns stale, without beam quietly', async () => {
  const { page } = await hall.open('/');
  await page.locator('.card').first().waitFor();
  hall.hall.plots[2].latest.taken_at_us -= 3600e6;
  hall.hall.changed([hall.hall.plots[2]]);
  await eventually('stale', async () => (await kindOf(page, name(2))) === 'stale');
  assert.match(await card(page, name(2)).getAttribute('class'), /calls/);
  hall.hall.beam = 'off';
  await eventually('quiet', async () => !(await card(page, name(2)).getAttribute('class')).includes('calls'));
  hall.hall.beam = 'on';
  await page.context().close();
});

test('keys alone: to a card, along the cards, into it and out again', async () => {
  const { page } = await hall.open('/');
  await page.locator('.card').nth(79).waitFor();
  await page.keyboard.press('n');
  const called = await page.evaluate(() => document.activeElement.closest('.card').dataset.kind);
  assert.notEqual(called, 'good');
  await page.locator('.card .name').first().focus();
  await page.keyboard.press('ArrowRight');
  const second = await page.locator('.card').nth(1).getAttribute('data-plot');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), second);
  await page.keyboard.press('Enter');
  await eventually('the look is open', () => page.locator('dialog[open]').count());
  assert.match(page.url(), /open=/);
  await page.keyboard.press('Escape');
  await eventually('closed', async () => (await page.locator('dialog[open]').count()) === 0);
  await page.keyboard.press('/');
  await page.keyboard.type('ECAL');
  await eventually('found', async () => (await page.locator('.card').count()) < 20);
  assert.match(page.url(), /q=ECAL/);
  await page.context().close();
});

test('the heat map follows slider and key, and the address', async () => {
  const { page } = await hall.open(`/?open=${name(4)}&heat=80`);
  const heat = page.locator('dialog img.heat');
  await heat.waitFor();
  assert.equal(await heat.evaluate((e) => e.style.opacity), '0.8');
  await page.locator('#look-heat').fill('30');
  await eventually('fainter', async () => (await heat.evaluate((e) => e.style.opacity)) === '0.3');
  assert.match(page.url(), /heat=30/);
  await page.locator('dialog .close').focus();
  await page.keyboard.press('h');
  await eventually('gone', async () => (await heat.count()) === 0);
  await page.context().close();
});

test('a link shows another person the same view', async () => {
  const { page } = await hall.open('/?group=d:DC&size=l&hide=DC_ADC&pin=DC_TDC');
  await page.locator('.card').first().waitFor();
  const shown = await page.locator('.card').evaluateAll((cards) => cards.map((c) => c.dataset.plot));
  assert.equal(shown[0], 'DC_TDC');
  assert.ok(shown.every((plot) => plot.startsWith('DC_')) && !shown.includes('DC_ADC'), shown.join(' '));
  await page.context().close();
});
