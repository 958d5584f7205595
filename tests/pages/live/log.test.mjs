// The log on the real service: what comes in while one reads, and what stays.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { eventually } from '../setup.mjs';
import { close, get, launch, open, order } from './real.mjs';

before(launch);
after(close);

const ids = (page) => page.locator('.list li').evaluateAll((rows) => rows.map((row) => row.dataset.entry));
const entry = (page, id) => page.locator(`.list li[data-entry="${id}"]`);

test('an unconfirmed plot is in the open log within a second or two, and so is its end', async () => {
  await order('verdict', { plot: 'DC_tdc', label: 'Good' });
  const { page, faults } = await open('/log?plot=DC_tdc');
  await page.getByText(/Nothing was Bad|began/).first().waitFor();
  const before = new Set(await ids(page));
  await order('verdict', { plot: 'DC_tdc', label: 'Unconfirmed' });
  const begun = Date.now();
  const fresh = await eventually('it is there', async () => (await ids(page)).find((id) => !before.has(id)), 5_000);
  console.log(`# in the log after ${Date.now() - begun} ms`);
  assert.ok(Date.now() - begun <= 2_000, `${Date.now() - begun} ms`);
  assert.match(await entry(page, fresh).innerText(), /Unconfirmed[\s\S]*goes on/);
  await order('verdict', { plot: 'DC_tdc', label: 'Good' });
  await eventually('its end', async () => /lasted/.test(await entry(page, fresh).innerText()), 5_000);
  assert.deepEqual(faults, []);
  await page.context().close();
});

test('what one reads stays when something new comes in: the entry, the image, the place on the screen', async () => {
  // the second image of a sequence of five, low in a list that is longer than the screen
  const wanted = (await get('/log?kind=bad&limit=100')).items.find((one) => one.plot_type === 'DC_occupancy' && one.first.chunk === 10);
  const { page, faults } = await open('/log', { viewport: { width: 1200, height: 420 } });
  await entry(page, wanted.id).locator('button').click();
  await page.getByText('Image 1 of 5').waitFor();
  await page.getByRole('button', { name: 'After' }).click();
  await page.getByText('Image 2 of 5').waitFor();
  await entry(page, wanted.id).scrollIntoViewIfNeeded();
  await page.evaluate(() => scrollBy(0, 60));
  const place = () => entry(page, wanted.id).evaluate((row) => Math.round(row.getBoundingClientRect().top));
  const [before, count, scrolled] = [await place(), (await ids(page)).length, await page.evaluate(() => scrollY)];
  assert.ok(scrolled > 0, 'the list is longer than the screen');
  await order('verdict', { plot: 'DC_tdc', label: 'Unconfirmed' });
  await eventually('the new one is in the list', async () => (await ids(page)).length > count, 5_000);
  assert.ok(Math.abs((await place()) - before) <= 2, `${before} became ${await place()}`);
  await page.getByText('Image 2 of 5').waitFor();
  assert.match(page.url(), new RegExp(`entry=${wanted.id}`));
  // and the minute's own reading changes nothing either
  await page.clock.install();
  await page.clock.fastForward('01:05');
  await page.waitForRequest(/\/api\/v1\/log\?/, { timeout: 5_000 }).catch(() => {});
  await page.getByText('Image 2 of 5').waitFor();
  assert.ok(Math.abs((await place()) - before) <= 2);
  await order('verdict', { plot: 'DC_tdc', label: 'Good' });
  assert.deepEqual(faults, []);
  await page.context().close();
});

test('pages that one has leafed to stay when the newest one is read anew', async () => {
  await order('flicker', { plot: 'DC_tdc', label: 'Unconfirmed', times: 230 });
  const { page } = await open('/log?plot=DC_tdc&range=7d');
  await eventually('a full page', async () => (await ids(page)).length === 200, 10_000);
  await page.getByRole('button', { name: 'Older ones' }).click();
  await eventually('the rest too', async () => (await ids(page)).length >= 230, 10_000);
  const [count, last] = [(await ids(page)).length, (await ids(page)).at(-1)];
  await order('verdict', { plot: 'DC_tdc', label: 'Bad' });
  await eventually('one more', async () => (await ids(page)).length === count + 1, 5_000);
  assert.equal((await ids(page)).at(-1), last);
  await order('verdict', { plot: 'DC_tdc', label: 'Good' });
  await page.context().close();
});

test('a sequence of any length can be stepped through to its end, and reads on as it grows', async () => {
  await order('series', { plot: 'DC_tdc', label: 'Bad', times: 210 });
  const long = (await get('/log?kind=bad&plot_type=DC_tdc&limit=1')).items[0];
  assert.equal(long.count, 210);
  const { page } = await open(`/log?plot=DC_tdc&entry=${long.id}`);
  const next = page.getByRole('button', { name: 'After' });
  await page.getByText('Image 1 of 210').waitFor();
  for (let i = 1; i < 210; i++) await next.click();
  await page.getByText('Image 210 of 210').waitFor();
  assert.ok(await next.isDisabled());
  await order('verdict', { plot: 'DC_tdc', label: 'Bad' });
  await eventually('one more', async () => !(await next.isDisabled()), 5_000);
  await next.click();
  await page.getByText('Image 211 of 211').waitFor();
  await order('verdict', { plot: 'DC_tdc', label: 'Good' });
  await page.context().close();
});

test('a run shows its own entries whatever the time, and its link shows them to another', async () => {
  const { page } = await open('/log?range=1h');
  await page.locator('label', { has: page.getByText('Run', { exact: true }) }).locator('select').selectOption('80001');
  await eventually('of that run alone', async () => {
    const runs = await page.locator('.list li .began').allInnerTexts();
    return runs.length > 0 && runs.every((text) => text.includes('80001.'));
  });
  assert.match(page.url(), /run=80001/);
  const shown = await ids(page);
  const wanted = (await get('/log?run=80001&limit=1000')).items.map((one) => one.id);
  assert.deepEqual(new Set(shown), new Set(wanted));
  const { page: other } = await open(new URL(page.url()).pathname + new URL(page.url()).search);
  await eventually('the same', async () => JSON.stringify(await ids(other)) === JSON.stringify(shown));
  await other.context().close();
  await page.context().close();
});

test('a link to an entry far outside the range still opens it, by when it began', async () => {
  const wanted = (await get('/log?kind=bad&limit=100')).items.find((one) => one.plot_type === 'DC_occupancy' && one.first.chunk === 10);
  // a range that ends before it began
  const past = wanted.first.at_us - 3600e6;
  const { page } = await open(`/log?from=${past - 60e6}&to=${past}&entry=${wanted.id}&began=${wanted.first.at_us}`);
  await page.getByText('Image 1 of 5').waitFor();
  assert.equal(await entry(page, wanted.id).count(), 0, 'the list itself does not hold it');
  await page.getByText('No run was taken in this time').waitFor();
  await page.context().close();
});
