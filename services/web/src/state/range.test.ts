import { expect, test } from 'vitest';
import { readRange } from './range';

const NOW = 1_800_000_000_000_000;
const read = (text: string) => readRange(new URLSearchParams(text), NOW, '24h');

test('presets end with now', () => {
  expect(read('')).toEqual({ fromUs: NOW - 86_400e6, toUs: NOW + 60e6, preset: '24h' });
  expect(read('range=1h').fromUs).toBe(NOW - 3600e6);
});

test('two ends make a range', () => {
  expect(read('from=5&to=9&range=1h')).toEqual({ fromUs: 5, toUs: 9, preset: '' });
});

test('nonsense falls back to the preset', () => {
  for (const text of ['from=9&to=5', 'from=x&to=9', 'from=5', 'from=-5&to=9', 'from=1e99&to=2e99', 'range=constructor', 'range=9y'])
    expect(read(text).preset).toBe('24h');
});
