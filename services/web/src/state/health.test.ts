import { expect, test } from 'vitest';
import { givenUpLately } from './health';

test('what was given up an hour ago is no trouble of now', () => {
  const now = 7200e6;
  expect(givenUpLately([{ at_us: now }, { at_us: now - 3599e6 }, { at_us: now - 3600e6 }], now)).toBe(2);
  expect(givenUpLately([], now)).toBe(0);
});
