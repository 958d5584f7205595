/** How health is shown: each has a word, an icon and a colour. */
import type { Health } from '../api/types';
import type { Kind } from './card';

export const HEALTH: Record<Health, { title: string; kind: Kind }> = {
  well: { title: 'Well', kind: 'good' },
  idle: { title: 'Idle', kind: 'disabled' },
  slow: { title: 'Slow', kind: 'unconfirmed' },
  down: { title: 'Down', kind: 'bad' },
  unknown: { title: 'Unknown', kind: 'stale' },
  never: { title: 'Never started', kind: 'nomodel' },
};
