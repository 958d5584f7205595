import { expect, test } from 'vitest';
import { whyNothingComes, whyRangeIsEmpty, type Present } from './empty';

const now: Present = { link: 'up', beam: 'on', silent: [], waiting: 0, lastImageUs: 0, nowUs: 60e6 };
const why = (over: Partial<Present>) => whyNothingComes({ ...now, ...over });

test('while images come there is nothing to explain', () => {
  expect(why({})).toBe('');
  expect(why({ beam: 'off' })).toBe('');
});

test('the nearest cause is told first', () => {
  const all = { silent: ['ingest', 'keep'], beam: 'off', lastImageUs: null } as const;
  expect(why({ ...all, link: 'lost' })).toMatch(/no link to the server/);
  expect(why({ ...all, link: 'database' })).toMatch(/database does not answer/);
  expect(why(all)).toMatch(/ingest does not report/);
  expect(why({ ...all, silent: ['keep'] })).toMatch(/no word from keep/);
  expect(why({ ...all, silent: [] })).toMatch(/No image has ever come/);
});

test('a quiet hall says whether the beam, the backlog or the program explains it', () => {
  const nowUs = 3600e6;
  expect(why({ nowUs, beam: 'off' })).toBe('The beam is off; the last image came 60 min ago.');
  expect(why({ nowUs, waiting: 7 })).toMatch(/7 images wait/);
  expect(why({ nowUs })).toMatch(/monitoring program has stopped/);
});

const runs = [
  { run: 8, first_at_us: 100e6, last_at_us: 200e6 },
  { run: 7, first_at_us: 10e6, last_at_us: 50e6 },
];
test('a range without a run says so, and names the one before', () => {
  expect(whyRangeIsEmpty(60e6, 90e6, runs, true)).toBe('No run was taken in this time: the last before it, 7, ended 10 s before.');
  expect(whyRangeIsEmpty(60e6, 101e6, runs, true)).toBe('');
  expect(whyRangeIsEmpty(0, 5e6, runs, true)).toBe('No run was taken in this time or before.');
  // older runs may be there, they were not read
  expect(whyRangeIsEmpty(0, 5e6, runs, false)).toBe('');
});
