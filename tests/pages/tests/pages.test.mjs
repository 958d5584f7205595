import { test } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { eventually, site } from '../setup.mjs';

const hall = site();
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const bad = () => hall.hall.plots[4].name;
const phone = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };

const PAGES = [
  ['Run', () => '/', '.card'],
  ['a look', () => `/?open=${bad()}`, 'dialog .guidance'],
  ['the wall', () => '/?wall=1', '.card'],
  ['Log', () => '/log', '.list li'],
  ['an entry of the log', () => '/log', '.list li'],
  ['Board', () => '/board', '.tile'],
  ['Status', () => '/status', '.dead li'],
  ['Plot type', () => `/plot/${bad()}`, '.u-over'],
  ['why', () => `/plot/${bad()}?why=${Date.now() * 1000}`, '.findings li'],
  ['Help', () => '/help', 'dl'],
  ['the tour', () => '/?tour=1', '.box'],
  ['no page', () => '/nowhere', 'h1'],
];

for (const theme of ['dark', 'light']) {
  for (const [title, path, ready] of PAGES) {
    test(`axe finds nothing on ${title}, ${theme}`, async () => {
      const address = path();
      const { page, faults } = await hall.open(`${address}${address.includes('?') ? '&' : '?'}theme=${theme}`);
      await page.locator(ready).first().waitFor();
      if (title === 'an entry of the log') {
        await page.locator('.list li button').first().click();
        await page.locator('.compare').waitFor();
      }
      // Through the debugger, as the page's own policy takes no script from text.
      const session = await page.context().newCDPSession(page);
      await session.send('Runtime.evaluate', { expression: axe });
      const { result } = await session.send('Runtime.evaluate', {
        expression: `axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }).then((r) => JSON.stringify(r.violations.map((v) => v.id + ': ' + v.nodes.map((n) => n.target + ' ' + n.any.map((a) => a.message)).slice(0, 3).join(' | '))))`,
        awaitPromise: true,
        returnByValue: true,
      });
      assert.deepEqual(JSON.parse(result.value), []);
      assert.deepEqual(faults, []);
      await page.context().close();
    });
  }
}

test('no page is wider than a phone', async () => {
  for (const [title, path, ready] of PAGES) {
    const { page } = await hall.open(path(), phone);
    await page.locator(ready).first().waitFor();
    const [wide, shown] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok(wide <= shown, `${title}: ${wide} pixels on a screen of ${shown}`);
    await page.context().close();
  }
});

test('the log says first when it began, and compares with the reference', async () => {
  const { page } = await hall.open('/log');
  await page.locator('.list li').first().waitFor();
  const row = await page.locator('.list li').first().innerText();
  assert.match(row.trim(), /^(began\s+)?\d\d:\d\d:\d\d/);
  await page.locator('.list li button').first().click();
  await page.getByText('Reference: how it should look').waitFor();
  await page.getByRole('button', { name: 'Swipe' }).click();
  await page.getByLabel('Where the reference begins').waitFor();
  await page.getByRole('button', { name: 'Difference' }).click();
  await page.getByText('White is alike').waitFor();
  assert.match(page.url(), /entry=.*compare=difference/);
  await page.context().close();
});

test('a dot of the trend leads to its image, by pointer and by key', async () => {
  const { page } = await hall.open(`/plot/${bad()}`);
  await page.locator('.u-over').waitFor();
  await page.locator('.u-over').click({ position: { x: 300, y: 40 } });
  await eventually('the address names the image', () => /at=[0-9a-f]{48}/.test(page.url()));
  const first = page.url();
  await page.locator('.chart').focus();
  await page.keyboard.press('ArrowRight');
  await eventually('the next one', () => page.url() !== first);
  await page.context().close();
});

test('a drag over the trend zooms, into the address', async () => {
  const { page } = await hall.open(`/plot/${bad()}`);
  const over = page.locator('.u-over');
  await over.waitFor();
  await over.scrollIntoViewIfNeeded();
  const { x, y } = await over.boundingBox();
  await page.mouse.move(x + 200, y + 80);
  await page.mouse.down();
  await page.mouse.move(x + 400, y + 90, { steps: 5 });
  await page.mouse.up();
  await eventually('a range', () => /from=\d+&to=\d+/.test(page.url()));
  const query = new URL(page.url()).searchParams;
  const hours = (query.get('to') - query.get('from')) / 3600e6;
  assert.ok(hours > 1 && hours < 12, `${hours} h of the 24`);
  await page.context().close();
});

test('the swipe shows more or less of the reference', async () => {
  const { page } = await hall.open(`/plot/${bad()}?compare=swipe`);
  const over = page.locator('.compare .over');
  await over.waitFor();
  const covered = async () => Number(/inset\(0(?:px)? ([\d.]+)%/.exec(await over.evaluate((e) => e.style.clipPath))[1]);
  assert.equal(await covered(), 50);
  await page.getByLabel('Where the reference begins').fill('20');
  await eventually('more of the reference', async () => (await covered()) === 80);
  await page.context().close();
});

test('what began is pictured in its line of the log', async () => {
  const { page } = await hall.open('/log');
  const image = page.locator('.list li img').first();
  await image.waitFor();
  await eventually('a picture', () => image.evaluate((one) => one.complete && one.naturalWidth > 10));
  await page.context().close();
});

test('the legend of the board leads to the cards in that state', async () => {
  const { page } = await hall.open('/board');
  await page.getByRole('button', { name: /^Unconfirmed/ }).click();
  await eventually('these alone', async () => (await page.locator('.card').count()) === 2);
  assert.match(page.url(), /only=unconfirmed/);
  await page.context().close();
});

test('the tour goes through its pages to the end', async () => {
  const { page } = await hall.open('/?tour=1');
  const paths = new Set();
  for (let step = 1; step < 12; step++) {
    await page.getByText(`Step ${step} of 12`).waitFor();
    paths.add(new URL(page.url()).pathname);
    await page.getByRole('button', { name: 'Next' }).click();
  }
  await page.getByText('Step 12 of 12').waitFor();
  assert.deepEqual([...paths], ['/', '/log', '/board', '/status']);
  await page.getByRole('button', { name: 'Close' }).click();
  await eventually('over', async () => (await page.locator('.box').count()) === 0);
  await page.context().close();
});

test('text from the hall is never markup', async () => {
  const evil = '<img src=x onerror="document.title=1"><script>1</script>';
  hall.hall.news = [{ text: evil, since_us: null }];
  Object.assign(hall.hall.plots[8].latest, { note: evil });
  const { page, faults } = await hall.open('/');
  await page.getByText(evil).first().waitFor();
  assert.equal(await page.locator('.news img, .news script').count(), 0);
  assert.deepEqual(faults, []);
  hall.hall.news = [];
  await page.context().close();
});

test('the wall turns its pages', async () => {
  const { page } = await hall.open('/?wall=1&rotate=10');
  await page.locator('.card').first().waitFor();
  const first = await page.locator('.card').first().getAttribute('data-plot');
  await page.getByText(/^Page 1\/\d+$/).waitFor();
  const alarms = page.getByRole('list', { name: 'Alarms' });
  await alarms.getByText(`${bad()} Bad since`).waitFor();
  await page.keyboard.press('ArrowRight');
  await eventually('another page', async () => (await page.locator('.card').first().getAttribute('data-plot')) !== first);
  await alarms.getByText(`${bad()} Bad since`).waitFor();
  await page.keyboard.press('Escape');
  await eventually('left', () => page.locator('.run').count());
  await page.context().close();
});
