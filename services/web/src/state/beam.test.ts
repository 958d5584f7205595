import { expect, test } from 'vitest';
import type { Hall } from '../api/types';
import { BEAM_SPEAKS_S, beamNow } from './beam';

const NOW = 1_800_000_000e6;
type Facts = Pick<Hall, 'beam' | 'last_image'>;
const facts = (ageS: number, over: Partial<Facts['beam']> = {}, arrivedS = ageS): Facts => ({
  beam: { state: 'on', condition: 'beam_current_na', reading: 48.213, min: 5, at_us: NOW - ageS * 1e6, ...over },
  last_image: { id: 'a', plot_type: 'A', arrived_at_us: NOW - arrivedS * 1e6, decided_at_us: NOW - arrivedS * 1e6 },
});

test('a fresh reading is the beam now, with its unit', () => {
  expect(beamNow(facts(9), NOW)).toEqual({ state: 'on', text: 'on · 48.2 nA' });
  expect(beamNow(facts(BEAM_SPEAKS_S, { state: 'off', reading: 0.1, condition: 'rate' }), NOW)).toEqual({ state: 'off', text: 'off · 0.1' });
});

test('an old reading is of old: it says nothing of now, and tells its age', () => {
  expect(beamNow(facts(720), NOW)).toEqual({ state: 'unknown', text: 'was on · 48.2 nA, 12 min ago' });
  expect(beamNow(facts(720, { state: 'off' }), NOW).state).toBe('unknown');
});

test('a producer clock that is ahead keeps no reading young', () => {
  expect(beamNow(facts(-9000, { state: 'off' }, 720), NOW).state).toBe('unknown');
});

test('without a reading, or without its time, nothing is known', () => {
  const unknown = { state: 'unknown', text: 'unknown' };
  expect(beamNow(null, NOW)).toEqual(unknown);
  expect(beamNow(facts(9, { state: 'unknown', reading: null }), NOW)).toEqual(unknown);
  expect(beamNow(facts(9, { at_us: null }), NOW)).toEqual(unknown);
});
