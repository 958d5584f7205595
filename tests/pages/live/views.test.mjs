// What one does on the pages of the real service: sound, views of one's own, the trend, comparing.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { card, eventually, kindOf } from '../setup.mjs';
import { close, get, launch, open, order, url as HYDRA_URL } from './real.mjs';

before(launch);
after(close);

test('an incident sounds once, also one that began while the link was broken, and a mute is silent', async () => {
  await order('verdict', { plot: 'DC_tdc', label: 'Good' });
  const { page, faults } = await open('/');
  await eventually('well', async () => (await kindOf(page, 'DC_tdc')) === 'good');
  await page.evaluate(() => {
    window.notes = 0;
    const start = OscillatorNode.prototype.start;
    OscillatorNode.prototype.start = function (...at) {
      window.notes++;
      return start.apply(this, at);
    };
  });
  const notes = () => page.evaluate(() => window.notes);
  await page.getByRole('button', { name: 'Sound is off' }).click();
  await page.getByRole('button', { name: 'Turn sound on' }).click();
  assert.equal(await notes(), 2, 'two notes say how it will sound');
  await order('verdict', { plot: 'DC_tdc', label: 'Bad' });
  await eventually('it is heard', async () => (await notes()) === 4);
  await order('verdict', { plot: 'DC_tdc', label: 'Bad' });
  await eventually('it goes on', () => page.locator('.alarms li', { hasText: '2 images' }).count());
  assert.equal(await notes(), 4, 'and is not heard again');
  await order('verdict', { plot: 'DC_tdc', label: 'Good' });
  await eventually('over', async () => (await page.locator('.alarms li.over', { hasText: 'DC_tdc' }).count()) > 0);

  await order('network', { silent: true });
  await eventually('the link is lost', () => page.getByText('No link to the server since').count(), 8_000);
  await order('verdict', { plot: 'DC_tdc', label: 'Bad' });
  assert.equal(await notes(), 4, 'nobody can know of it yet');
  await order('network', { silent: false });
  await eventually('live again', async () => (await page.getByText('No link to the server').count()) === 0, 20_000);
  await eventually('what began meanwhile is heard', async () => (await notes()) === 6);
  await order('verdict', { plot: 'DC_tdc', label: 'Good' });
  await eventually('over', async () => (await page.locator('.alarms li:not(.over)', { hasText: 'DC_tdc' }).count()) === 0);

  await page.getByRole('button', { name: 'Sound is on' }).click();
  await page.getByRole('button', { name: 'Mute for 15 min' }).click();
  await order('verdict', { plot: 'DC_tdc', label: 'Bad' });
  await eventually('its row', () => page.locator('.alarms li:not(.over)', { hasText: 'DC_tdc' }).count());
  assert.equal(await notes(), 6, 'muted');
  await order('verdict', { plot: 'DC_tdc', label: 'Good' });
  assert.deepEqual(faults, []);
  await page.context().close();
});

test('an old plot is stale, and calls for nobody while the beam is off', async () => {
  const { page } = await open('/');
  // one set a run: only a newer run makes it old, so another that is due every second
  await order('declare', { plot: 'CDC_occupancy', seconds: 1 });
  await eventually('no longer what it was', async () => ['stale', 'late'].includes(await kindOf(page, 'CDC_occupancy')), 10_000);
  assert.match(await card(page, 'CDC_occupancy').getAttribute('class'), /calls/);
  await order('verdict', { plot: 'DC_tdc', label: 'Good', beam: 0 });
  await eventually('the beam is off', async () => /off/.test(await page.locator('.app > header .beam').innerText()));
  await eventually('quiet', async () => !(await card(page, 'CDC_occupancy').getAttribute('class')).includes('calls'));
  assert.match(await card(page, 'CDC_occupancy').innerText(), /Stale/);
  await order('declare', { plot: 'CDC_occupancy', seconds: 60 });
  await order('verdict', { plot: 'DC_tdc', label: 'Good' });
  await eventually('the beam is back', async () => /on/.test(await page.locator('.app > header .beam').innerText()));
  await page.context().close();
});

test('pinned plots come first, hidden ones go, and the address shows another person the same', async () => {
  const { page } = await open('/');
  await page.locator('.card').nth(5).waitFor();
  const press = (what, name) => page.getByRole('button', { name: `${what} ${name}`, exact: true }).dispatchEvent('click');
  await press('Pin', 'CDC_occupancy');
  await eventually('first', async () => (await page.locator('.card').first().getAttribute('data-plot')) === 'CDC_occupancy');
  await press('Hide', 'Off_adc');
  await eventually('gone', async () => (await card(page, 'Off_adc').count()) === 0);
  await page.getByRole('button', { name: 'Make a group of 1 pinned' }).click();
  await page.getByLabel('Name of the group').fill('My shift');
  await page.getByRole('button', { name: 'Save' }).click();
  await eventually('it alone', async () => (await page.locator('.card').count()) === 1);
  const { page: other } = await open(new URL(page.url()).pathname + new URL(page.url()).search);
  await eventually('the same', async () => (await other.locator('.card').count()) === 1);
  assert.equal(await other.locator('.card').first().getAttribute('data-plot'), 'CDC_occupancy');
  await other.context().close();
  await page.context().close();
});

test('the board sums up, and its tiles lead to their cards, those without a detector too', async () => {
  const { page } = await open('/board');
  assert.equal(await page.locator('.tile[data-detector="Discovered"]').count(), 1);
  await page.locator('.tile[data-detector="Discovered"]').click();
  await eventually('the discovered one alone', async () => (await page.locator('.card').count()) === 1);
  assert.equal(await page.locator('.card').getAttribute('data-plot'), 'Stray plot-01');
  await page.keyboard.press('b');
  await page.locator('.tile[data-detector="CDC"]').click();
  await eventually('its two', async () => (await page.locator('.card').count()) === 2);
  await page.context().close();
});

test('a card gives its picture and its link; the heat map follows slider and key into the address', async () => {
  const { page, context } = await open('/');
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await card(page, 'DC_occupancy').hover();
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Download DC_occupancy', exact: true }).click()]);
  assert.match(download.suggestedFilename(), /^DC_occupancy_80003_0020\.png$/);
  await page.getByRole('button', { name: 'Share DC_occupancy', exact: true }).click();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), `${HYDRA_URL}/?open=DC_occupancy`);
  await page.goto(`${HYDRA_URL}/?open=DC_occupancy&heat=80`);
  const heat = page.locator('dialog img.heat');
  await heat.waitFor();
  assert.equal(await heat.evaluate((e) => e.style.opacity), '0.8');
  assert.match(await heat.getAttribute('src'), /\/heatmap\?v=[0-9a-f]{64}$/);
  await page.locator('#look-heat').fill('30');
  await eventually('fainter', async () => (await heat.evaluate((e) => e.style.opacity)) === '0.3');
  assert.match(page.url(), /heat=30/);
  await page.locator('dialog .close').focus();
  await page.keyboard.press('h');
  await eventually('gone', async () => (await heat.count()) === 0);
  await context.close();
});

test('the trend shows each model while it was active, and is zoomed and picked by pointer and key', async () => {
  const trend = await get('/plot-types/DC_occupancy/trend?limit=5000');
  const { page, faults } = await open('/plot/DC_occupancy');
  await page.locator('.u-over').waitFor();
  assert.match(await page.locator('.chart').getAttribute('aria-label'), new RegExp(`${trend.images.length} images`));
  await page.locator('.chart').focus();
  await page.keyboard.press('ArrowLeft');
  await eventually('an image is chosen', () => /at=[0-9a-f]{48}/.test(page.url()));
  const first = page.url();
  await page.keyboard.press('ArrowLeft');
  await eventually('the one before', () => page.url() !== first && /at=/.test(page.url()));
  const over = page.locator('.u-over');
  await over.scrollIntoViewIfNeeded();
  const { x, y } = await over.boundingBox();
  await page.mouse.move(x + 200, y + 80);
  await page.mouse.down();
  await page.mouse.move(x + 400, y + 90, { steps: 5 });
  await page.mouse.up();
  await eventually('a range', () => /from=\d+&to=\d+/.test(page.url()));
  assert.deepEqual(faults, []);
  await page.context().close();
});

test('"why" draws how the confidence moved around the time, and a dot leads to its image', async () => {
  const image = (await get('/images?plot_type=DC_occupancy&order=oldest&limit=11')).items[10];
  const { page, faults } = await open(`/plot/DC_occupancy?at=${image.image}&why=${image.taken_at_us}`);
  await page.getByRole('heading', { name: 'How the confidence moved around that time' }).waitFor();
  const why = await get(`/plot-types/DC_occupancy/why?at_us=${image.taken_at_us}`);
  const chart = page.locator('.moved .chart');
  await page.locator('.moved .u-over').waitFor();
  assert.match(await chart.getAttribute('aria-label'), new RegExp(`: ${why.trend.images.length} images`));
  const painted = await page.locator('.moved canvas').evaluate((canvas) => {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    return data.some((value) => value > 0);
  });
  assert.ok(painted, 'something is drawn');
  await chart.focus();
  await page.keyboard.press('ArrowRight');
  await eventually('the next image', () => !page.url().includes(image.image) && /at=[0-9a-f]{48}/.test(page.url()));
  assert.deepEqual(faults, []);
  await page.context().close();
});

test('an image is compared with its reference side by side, by swipe and as the difference', async () => {
  const reference = (await get('/images?plot_type=DC_occupancy&order=oldest&limit=1')).items[0].image;
  await order('declare', { plot: 'DC_occupancy', seconds: 60, reference });
  await eventually('declared', async () => (await get('/plot-types/DC_occupancy')).reference === reference);
  const entry = (await get('/log?kind=bad&limit=1')).items[0];
  const { page } = await open(`/log?entry=${entry.id}`);
  const open_ = entry.plot_type === 'DC_occupancy' ? page : (await page.goto(`${HYDRA_URL}/plot/DC_occupancy`), page);
  await open_.getByText('Reference: how it should look').waitFor();
  await open_.getByRole('button', { name: 'Swipe' }).click();
  const over = open_.locator('.compare .over');
  const covered = async () => Number(/inset\(0(?:px)? ([\d.]+)%/.exec(await over.evaluate((e) => e.style.clipPath))[1]);
  assert.equal(await covered(), 50);
  await open_.getByLabel('Where the reference begins').fill('20');
  await eventually('more of the reference', async () => (await covered()) === 80);
  await open_.getByRole('button', { name: 'Difference' }).click();
  await open_.getByText('White is alike').waitFor();
  assert.match(open_.url(), /compare=difference/);
  await page.context().close();
});

test('news is above all pages until it is seen; the tour goes through its pages to the end', async () => {
  const { page } = await open('/log');
  await page.getByRole('region', { name: 'News' }).getByText('Beam studies until noon').waitFor();
  await page.getByRole('button', { name: 'Seen' }).click();
  await eventually('seen', async () => (await page.getByText('Beam studies').count()) === 0);
  await page.goto(`${HYDRA_URL}/?tour=1`);
  const paths = new Set();
  for (let step = 1; step < 12; step++) {
    await page.getByText(`Step ${step} of 12`).waitFor();
    paths.add(new URL(page.url()).pathname);
    await page.getByRole('button', { name: 'Next' }).click();
  }
  await page.getByText('Step 12 of 12').waitFor();
  assert.deepEqual([...paths], ['/', '/log', '/board', '/status']);
  await page.context().close();
});

test('the wall shows the counts, turns by key and is left again', async () => {
  const { page } = await open('/?wall=1&rotate=0', { viewport: { width: 500, height: 420 } });
  await page.locator('.wall .card').first().waitFor();
  const shown = () => page.locator('.wall .card').first().getAttribute('data-plot');
  const first = await shown();
  await page.keyboard.press('ArrowRight');
  await eventually('another page', async () => (await shown()) !== first);
  await page.keyboard.press('Escape');
  await eventually('left', () => page.locator('.run').count());
  await page.context().close();
});
