import { expect, test } from 'vitest';
import { calendar } from './calendar';

test('weeks begin on Monday and no day is left out', () => {
  // 2026-11-22 is a Sunday.
  const days = calendar([{ day: '2026-11-22', images: 10 }, { day: '2026-11-25', images: 40 }]);
  expect(days.map((d) => [d.day, d.week, d.weekday, d.level])).toEqual([
    ['2026-11-22', 0, 6, 1],
    ['2026-11-23', 1, 0, 0],
    ['2026-11-24', 1, 1, 0],
    ['2026-11-25', 1, 2, 4],
  ]);
});

test('no day, no calendar', () => {
  expect(calendar([])).toEqual([]);
});
