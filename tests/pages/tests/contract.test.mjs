// The stand-in answers as the document of the API says, or it would show that pages work with what
// nobody sends.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { jsonPaths, wrongAnswer, wrongEvent } from '../fixture/contract.mjs';
import { start } from '../fixture/server.mjs';

let server;
before(async () => {
  server = await start({ count: 80 });
});
after(() => server?.close());

/** What the pages never ask, and the stand-in therefore has not. */
const NOT_THERE = ['/api/v1/labels', '/api/v1/quality', '/api/v1/incidents/{incident}', '/api/v1/models/{digest}', '/api/v1/plot-types/{name}/predictions'];

test('every resource of the stand-in has the form that the document gives it', async () => {
  const plot = server.hall.plots[4];
  const filled = { name: encodeURIComponent(plot.name), image: plot.latest.image, run: server.hall.run };
  const asked = jsonPaths.filter((path) => !NOT_THERE.includes(path));
  assert.ok(asked.length > 15, asked.join(' '));
  for (const path of asked) {
    const address = path.replace(/\{(\w+)\}/g, (_, name) => filled[name] ?? assert.fail(`${path}: what is ${name}?`));
    const answer = await fetch(`${server.url}${address}?at_us=${Date.now() * 1000}`);
    assert.equal(answer.status, 200, address);
    assert.equal(wrongAnswer(path, 200, await answer.json()), null);
  }
  for (const path of ['/api/v1/plot-types/Nothing', '/api/v1/images/0']) {
    const answer = await fetch(server.url + path);
    assert.equal(wrongAnswer(path, answer.status, await answer.json()), null);
  }
  assert.deepEqual([...server.drift], []);
});

test('events have the form that the document gives them', async () => {
  const said = [];
  server.hall.listeners.add((name, data) => said.push([name, JSON.parse(JSON.stringify(data))]));
  server.hall.bad(1);
  server.hall.good(1);
  server.hall.emit('tick', server.hall.now());
  assert.equal(said.length, 3);
  for (const [name, data] of said) assert.equal(wrongEvent(name, data), null);
});

test('what drifts is found: a field too few, too many, of another kind, in an answer or an event', async () => {
  const good = await (await fetch(`${server.url}/api/v1/plot-types/${server.hall.plots[0].name}`)).json();
  const wrong = (change) => {
    const body = structuredClone(good);
    change(body);
    return wrongAnswer('/api/v1/plot-types/x', 200, body);
  };
  assert.equal(wrong(() => {}), null);
  assert.match(wrong((body) => delete body.cadence_s), /cadence_s/);
  assert.match(wrong((body) => (body.latest.has_heatmap = true)), /has_heatmap/);
  assert.match(wrong((body) => (body.latest.confidence = 'high')), /confidence/);
  assert.match(wrong((body) => (body.guidance = null)), /guidance/);
  assert.match(wrong((body) => (body.more = 1)), /more/);
  assert.match(wrongEvent('tick', { ...server.hall.now(), beam: { state: 'perhaps' } }), /beam/);
  assert.match(wrongEvent('verdict', {}), /no event/);
  // and the stand-in itself tells of it
  server.hall.pipeline.more = 1;
  await fetch(`${server.url}/api/v1/hall`);
  delete server.hall.pipeline.more;
  assert.match([...server.drift].join(), /more/);
  server.drift.clear();
});
