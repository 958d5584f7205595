import { expect, test, vi } from 'vitest';
import { ageS, fromLocalInput, percent, runChunk, span, stamp, toLocalInput, until, when, zone } from './time';

test('spans read in at most two units', () => {
  expect([0, 42, 99.9, 100, 300, 5999, 6000, 11_400, 172_800, 190_000, 172_800 * 2].map(span)).toEqual([
    '0 s', '42 s', '99 s', '1 min', '5 min', '99 min', '1 h 40 min', '3 h 10 min', '2 d', '2 d 4 h', '4 d',
  ]);
});

test('no age is negative', () => {
  expect(ageS(2e6, 1e6)).toBe(0);
  expect(ageS(1e6, 3.5e6)).toBe(2.5);
});

test('chunks have four digits, as files have', () => {
  expect(runChunk(80464, 12)).toBe('80464.0012');
  expect(runChunk(80464, null)).toBe('80464');
});

test('only a certainty reads 100 %', () => {
  expect([1, 0.9996, 0.997, 0.97, 0.004, 0].map(percent)).toEqual(['100 %', '> 99.9 %', '99.7 %', '97 %', '0 %', '0 %']);
});

test('today is a clock, another day has its date', () => {
  const now = new Date(2026, 10, 23, 14, 3, 12).getTime() * 1000;
  expect(when(now - 60e6, now)).toBe('14:02:12');
  expect(when(now - 86_400e6, now)).toBe('Nov 22, 14:03');
  expect(when(new Date(2025, 0, 2, 3, 4).getTime() * 1000, now)).toBe('Jan 2 2025, 03:04');
});

test('an end on another day than the beginning has its date, wherever now is', () => {
  const began = new Date(2026, 10, 22, 23, 50).getTime() * 1000;
  expect(until(began + 300e6, began)).toBe('23:55:00');
  expect(until(began + 1200e6, began)).toBe('Nov 23, 00:10');
});

test('a time tells its zone, as the distance from UTC', () => {
  const offset = vi.spyOn(Date.prototype, 'getTimezoneOffset');
  const at = new Date(2026, 10, 23, 14, 3, 12).getTime() * 1000;
  expect([0, -60, 240, 210].map((west) => (offset.mockReturnValue(west), zone(at)))).toEqual(['UTC', 'UTC+1', 'UTC−4', 'UTC−3:30']);
  offset.mockReturnValue(-60);
  expect(stamp(at)).toBe('2026-11-23 14:03:12 UTC+1');
  offset.mockRestore();
});

test('a time survives its input field', () => {
  const at = new Date(2026, 10, 23, 14, 3).getTime() * 1000;
  expect(fromLocalInput(toLocalInput(at))).toBe(at);
  expect(fromLocalInput('nonsense')).toBeNull();
});
