/** How health is shown: each has a word, an icon and a colour. */
import type { DeadLetter, Health } from '../api/types';
import type { Kind } from './card';

export const HEALTH: Record<Health, { title: string; kind: Kind }> = {
  well: { title: 'Well', kind: 'good' },
  idle: { title: 'Idle', kind: 'disabled' },
  slow: { title: 'Slow', kind: 'unconfirmed' },
  down: { title: 'Down', kind: 'bad' },
  unknown: { title: 'Unknown', kind: 'stale' },
  never: { title: 'Never started', kind: 'nomodel' },
};

/** Messages that were given up in the last hour, of those that are listed. */
export function givenUpLately(dead: readonly Pick<DeadLetter, 'at_us'>[], nowUs: number): number {
  return dead.filter((letter) => nowUs - letter.at_us < 3600e6).length;
}
