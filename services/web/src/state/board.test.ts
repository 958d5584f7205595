import { expect, test } from 'vitest';
import { tiles } from './board';
import type { Kind } from './card';

const child = (name: string, detector: string, kind: Kind, title: string = kind) => ({
  plot: { name, detector, disabled: kind === 'disabled', discovered: kind === 'discovered' },
  state: { kind, title, reason: '', was: '', calls: false },
});

test('the worst child wins', () => {
  const [tile] = tiles([child('a', 'A', 'good'), child('b', 'A', 'bad', 'Bad'), child('c', 'A', 'unconfirmed')]);
  expect(tile).toMatchObject({ detector: 'A', kind: 'bad', title: 'Bad', worst: ['b'] });
  expect(tile?.counts).toEqual([{ kind: 'bad', count: 1 }, { kind: 'unconfirmed', count: 1 }, { kind: 'good', count: 1 }]);
});

test('stale beats good, and no model too', () => {
  expect(tiles([child('a', 'A', 'good'), child('b', 'A', 'stale')])[0]?.kind).toBe('stale');
  expect(tiles([child('a', 'A', 'good'), child('b', 'A', 'nomodel')])[0]?.kind).toBe('nomodel');
});

test('a disabled plot decides nothing while there is another', () => {
  expect(tiles([child('a', 'A', 'disabled'), child('b', 'A', 'good')])[0]?.kind).toBe('good');
  expect(tiles([child('a', 'A', 'disabled')])[0]?.kind).toBe('disabled');
});

test('tiles stand where their detector first occurs, whatever its state', () => {
  const names = (first: Kind) => tiles([child('a', 'A', first), child('b', 'B', 'bad'), child('c', '', 'discovered')]).map((t) => t.detector);
  expect(names('good')).toEqual(['A', 'B', 'Discovered']);
  expect(names('bad')).toEqual(names('good'));
});

test('a declared plot without a detector is not discovered', () => {
  const [other, found] = tiles([child('a', '', 'good'), child('b', '', 'discovered')]);
  expect([other?.detector, other?.group, found?.detector, found?.group]).toEqual(['Other plots', 's:Other plots', 'Discovered', 's:Discovered']);
});

test('different labels are named together', () => {
  expect(tiles([child('a', 'A', 'other', 'LED'), child('b', 'A', 'other', 'Cosmic')])[0]?.title).toBe('Other labels');
});
