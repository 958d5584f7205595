import { expect, test } from 'vitest';
import { seenKeys, unseen } from './news.svelte';

const a = { text: 'Target is C12', since_us: 1 };
const b = { text: 'Shift change at 16:00', since_us: null };

test('what was seen is not new, and what is told again later is', () => {
  expect(unseen([a, b], [])).toEqual([a, b]);
  expect(unseen([a, b], seenKeys([a]))).toEqual([b]);
  expect(unseen([{ ...a, since_us: 2 }], seenKeys([a, b]))).toHaveLength(1);
});
