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
  assert.ok(Date.now() - begun <= 3000, `${Date.now() - begun} ms`);
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

test('a new incident sounds once, not when muted, and a mute ends', async () => {
  const { page, faults } = await hall.open('/');
  await page.locator('.card').nth(79).waitFor();
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
  hall.hall.bad(45, 1);
  await eventually('two more', async () => (await notes()) === 4);
  // the incident goes on: nothing new to hear
  hall.hall.changed([hall.hall.plots[45]], [hall.hall.incidents.at(-1)]);
  await page.getByRole('button', { name: 'Sound is on' }).click();
  await page.getByRole('button', { name: 'Mute for 15 min' }).click();
  hall.hall.bad(46, 1);
  await eventually('its row', () => page.locator('.alarms li', { hasText: name(46) }).count());
  assert.equal(await notes(), 4);
  await page.clock.install();
  await page.clock.fastForward('16:00');
  await eventually('the mute is over', () => page.getByRole('button', { name: 'Sound is on' }).count());
  hall.hall.bad(47, 1);
  await eventually('it is heard', async () => (await notes()) === 6);
  for (const i of [45, 46, 47]) hall.hall.good(i);
  assert.deepEqual(faults, []);
  await page.context().close();
});

test('pinned plots come first, hidden ones go and come back, and a group of one\'s own is in the address', async () => {
  const { page } = await hall.open('/');
  await page.locator('.card').nth(79).waitFor();
  const press = (i, what) => page.getByRole('button', { name: `${what} ${name(i)}`, exact: true }).dispatchEvent('click');
  await press(20, 'Pin');
  await press(21, 'Pin');
  await eventually('first', async () => (await page.locator('.card').first().getAttribute('data-plot')) === name(20));
  await press(3, 'Hide');
  await eventually('gone', async () => (await page.locator('.card').count()) === 79);
  await page.getByRole('button', { name: '1 hidden' }).click();
  await eventually('shown again, faint', async () => (await page.locator('.card.dim').count()) === 1);
  await page.getByRole('button', { name: 'Make a group of 2 pinned' }).click();
  await page.getByLabel('Name of the group').fill('My shift');
  await page.getByRole('button', { name: 'Save' }).click();
  await eventually('these two alone', async () => (await page.locator('.card').count()) === 2);
  const { page: other } = await hall.open(new URL(page.url()).pathname + new URL(page.url()).search);
  await eventually('another person sees the group', async () => (await other.locator('.card').count()) === 2);
  await other.context().close();
  await page.getByRole('button', { name: 'Delete group' }).click();
  await eventually('all but the hidden one, which is shown', async () => (await page.locator('.card').count()) === 80);
  await page.context().close();
});

test('a card gives its picture, its link, its page and what there is to know', async () => {
  const { page, context } = await hall.open('/');
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await card(page, name(4)).hover();
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: `Download ${name(4)}`, exact: true }).click()]);
  assert.match(download.suggestedFilename(), new RegExp(`^${name(4)}_\\d+_\\d{4}\\.png$`));
  await page.getByRole('button', { name: `Share ${name(4)}`, exact: true }).click();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), `${hall.server.url}/?open=${name(4)}`);
  await page.getByRole('button', { name: `About ${name(4)}`, exact: true }).click();
  await page.locator('dialog[open]').getByText('Whom to call').waitFor();
  await page.keyboard.press('Escape');
  await card(page, name(4)).hover();
  await page.getByRole('link', { name: `Open the page of ${name(4)}`, exact: true }).click();
  await page.getByRole('heading', { level: 1, name: name(4) }).waitFor();
  await context.close();
});

test('news is above all pages until it is seen', async () => {
  hall.hall.news = [{ text: 'Beam studies until noon', since_us: Date.now() * 1000 - 3600e6 }];
  const { page } = await hall.open('/log');
  await page.getByRole('region', { name: 'News' }).getByText('Beam studies until noon').waitFor();
  await page.getByRole('button', { name: 'Seen' }).click();
  await eventually('seen', async () => (await page.getByText('Beam studies').count()) === 0);
  await page.reload();
  await page.locator('.list li').first().waitFor();
  assert.equal(await page.getByText('Beam studies').count(), 0);
  // out of the way, and still to be read
  await page.getByRole('button', { name: 'News 1' }).click();
  const listed = await page.getByRole('list', { name: 'News' }).innerText();
  assert.match(listed, /Beam studies until noon\s+since .*\d\d:\d\d/);
  await page.keyboard.press('Escape');
  assert.equal(await page.getByText('Beam studies').count(), 0);
  hall.hall.news = [];
  await page.context().close();
});

test('what a link shows is not what one gets the next time, and the theme goes along', async () => {
  const { page } = await hall.open('/?size=s');
  await page.locator('.card').first().waitFor();
  await page.getByRole('group', { name: 'Size of the cards' }).getByRole('button').last().click();
  await eventually('chosen', async () => new URL(page.url()).searchParams.get('size') === 'l');
  const origin = new URL(page.url()).origin;
  await page.goto(`${origin}/?group=d:DC&open=DC_ADC&theme=dark`);
  await page.getByRole('dialog').waitFor();
  await page.keyboard.press('Escape');
  await page.keyboard.press('l');
  await eventually('the log', async () => new URL(page.url()).pathname === '/log');
  assert.equal(new URL(page.url()).searchParams.get('theme'), 'dark');
  await page.keyboard.press('r');
  const query = () => Object.fromEntries(new URL(page.url()).searchParams);
  await eventually('the view of before', () => query().size === 'l');
  assert.equal(query().group, undefined);
  // once more, on the page itself
  await page.keyboard.press('r');
  await page.locator('.card').first().waitFor();
  assert.deepEqual(query(), { size: 'l', theme: 'dark' });
  // what one changes of a link is remembered, and not the rest of it; neither is a tour
  await page.goto(`${origin}/?group=d:DC&tour=1`);
  await page.getByRole('button', { name: 'Leave the tour' }).click();
  await eventually('as one had it', () => query().size === 'l' && query().group === undefined);
  await page.goto(`${origin}/?group=d:DC`);
  await page.getByRole('button', { name: /^Pin / }).first().dispatchEvent('click');
  await eventually('pinned', () => query().pin);
  const pinned = query().pin;
  await page.goto(origin);
  await page.locator('.card').first().waitFor();
  assert.deepEqual(query(), { size: 'l', pin: pinned });
  await page.context().close();
});

test('a theme that one chose is there on every page, a step back and the next time', async () => {
  const { page } = await hall.open('/');
  const theme = () => page.evaluate(() => document.documentElement.dataset.theme);
  await page.keyboard.press('b');
  await page.getByRole('button', { name: 'Change the theme' }).click();
  await eventually('dark', async () => (await theme()) === 'dark');
  await page.goBack();
  await page.locator('.card').first().waitFor();
  assert.equal(await theme(), 'dark');
  await page.goto(`${new URL(page.url()).origin}/log`);
  await page.locator('.list li').first().waitFor();
  assert.equal(await theme(), 'dark');
  await page.context().close();
});

test('a picture that is gone is told apart from one that did not come, which comes with the next try', async () => {
  const { page } = await hall.open('/log');
  let status = 404;
  await page.route('**/thumbnail', (route) => (status === 200 ? route.continue() : route.fulfill({ status })));
  await page.keyboard.press('r');
  await card(page, name(0)).getByText('The picture is no longer stored.').waitFor();
  status = 503;
  await page.reload();
  await card(page, name(0)).getByText('The picture could not be loaded. Trying again.').waitFor();
  status = 200;
  await eventually('the picture', () => card(page, name(0)).locator('img').evaluateAll(([one]) => one?.complete && one.naturalWidth > 10), 15_000);
  await page.context().close();
});

test('letters are shown page after page, and a fresh one is in the sum', async () => {
  const { page } = await hall.open('/log');
  const now = Date.now() * 1000;
  const letters = Array.from({ length: 120 }, (_, i) => ({ id: `l${i}`, at_us: now - i * 1e6, stage: 'infer', event: 'ImageResized', reason: 'attempts', error: `e${i}`, attempts: 5, plot_type: name(0), run: 1, chunk: i }));
  await page.route('**/api/v1/status', async (route) => {
    const body = await (await route.fetch()).json();
    const well = (one) => ({ ...one, health: 'well' });
    await route.fulfill({ json: { ...body, roles: body.roles.map(well), parts: body.parts.map(well), dead_letters: letters.length } });
  });
  await page.route('**/api/v1/dead-letters*', (route) => {
    // a server that gives 40 at most
    const query = new URL(route.request().url()).searchParams;
    const from = Number(query.get('cursor') ?? 0);
    const to = Math.min(from + 40, from + Number(query.get('limit')));
    return route.fulfill({ json: { items: letters.slice(from, to), next: to < letters.length ? String(to) : null } });
  });
  await page.keyboard.press('s');
  await page.getByText(/The newest \d+ of 120/).waitFor();
  assert.match(await page.locator('.sum').innerText(), /Look here.* or more messages were given up in the last hour/s);
  await page.getByRole('button', { name: 'Show more' }).click();
  await eventually('all', async () => (await page.locator('.dead li').count()) === 120);
  assert.equal(await page.getByRole('button', { name: 'Show more' }).count(), 0);
  assert.match(await page.locator('.sum').innerText(), /120 messages were given up/);
  await page.context().close();
});

test('on a narrow page an alarm moves no card', async () => {
  const { page } = await hall.open('/');
  await page.setViewportSize({ width: 800, height: 900 });
  const top = () => page.locator('.card').first().evaluate((card) => card.getBoundingClientRect().top + scrollY);
  const high = () => page.locator('aside.alarms').evaluate((list) => list.getBoundingClientRect().height);
  await page.locator('.card').first().waitFor();
  const [before, height] = [await top(), await high()];
  const rows = await page.locator('aside.alarms li').count();
  hall.hall.bad(50, 1);
  await eventually('one more alarm', async () => (await page.locator('aside.alarms li').count()) === rows + 1);
  assert.deepEqual([await top(), await high()], [before, height]);
  hall.hall.good(50);
  await page.context().close();
});

test('on the wall Esc closes a card before it leaves', async () => {
  const { page } = await hall.open('/?wall=1&rotate=0');
  await page.locator('.card .name').first().click();
  await page.getByRole('dialog').waitFor();
  await page.keyboard.press('Escape');
  await eventually('closed', async () => (await page.getByRole('dialog').count()) === 0);
  assert.equal(new URL(page.url()).searchParams.get('wall'), '1');
  await page.keyboard.press('Escape');
  await eventually('left', async () => new URL(page.url()).searchParams.get('wall') === null);
  await page.context().close();
});

test('the wall names as many alarms as fit, counts the rest, and has the sound', async () => {
  const { page } = await hall.open('/?wall=1&rotate=0');
  const more = [51, 52, 53, 54, 55, 56, 57, 58, 60, 61, 62, 63];
  for (const i of more) hall.hall.bad(i, 1);
  const alarms = page.getByRole('list', { name: 'Alarms' });
  const seen = () => alarms.locator('li').evaluateAll((all) => all.filter((one) => getComputedStyle(one).visibility === 'visible').map((one) => ({ text: one.innerText, top: one.offsetTop })));
  for (const width of [1600, 700]) {
    await page.setViewportSize({ width, height: 1000 });
    await eventually('two lines', async () => new Set((await seen()).map((one) => one.top)).size === 2);
    const shown = await seen();
    const rest = Number(/and (\d+) more/.exec(shown.at(-1).text)[1]);
    assert.equal(shown.length - 1 + rest, hall.hall.incidents.filter((one) => !one.cleared_at_us).length);
  }
  await page.getByRole('button', { name: 'Sound is off' }).click();
  await page.getByRole('button', { name: 'Turn sound on' }).click();
  await page.getByRole('button', { name: 'Sound is on' }).waitFor();
  // what was on is on after a reload, and says that no browser lets it sound yet; a click is one
  // that the page sees, as asking a page counts as one here
  await page.addInitScript(() => {
    let hasBeenActive = false;
    addEventListener('pointerdown', () => (hasBeenActive = true), true);
    Object.defineProperty(navigator, 'userActivation', { get: () => ({ hasBeenActive }) });
  });
  await page.reload();
  await page.getByText('Sound waits for a click').waitFor();
  await page.getByRole('button', { name: 'Sound waits for a click on this page' }).click();
  await page.getByRole('button', { name: 'Sound is on' }).waitFor();
  for (const i of more) hall.hall.good(i);
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
