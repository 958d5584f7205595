import { expect, test } from 'vitest';
import type { Model, Status } from '../api/types';
import { loadedModels, megabytes } from './loaded';

const held = (model: string, memory_bytes = 100, shared_bytes = 0, since_us = 5) => ({ model, memory_bytes, shared_bytes, since_us });
const instance = (alive: boolean, models: ReturnType<typeof held>[]) => ({ instance: 'x', version: '1', started_at_us: 0, heartbeat_at_us: 0, alive, models });
const status = (roles: Record<string, ReturnType<typeof instance>[]>) =>
  ({ roles: Object.entries(roles).map(([role, instances]) => ({ role, instances })) }) as unknown as Status;
const model = (digest: string, alias: string) =>
  ({ digest, labels: ['Good', 'Bad'], created_at_us: 1, aliases: [{ plot_type: 'DC', alias }] }) as unknown as Model;

test('a model says where it is in memory, counting only those that are alive', () => {
  const now = status({
    infer: [instance(true, [held('a', 100, 80, 9)]), instance(true, [held('a', 120, 80, 7)]), instance(false, [held('a')])],
    gradcam: [instance(true, [])],
    keep: [instance(true, [held('a')])],
  });
  const [a] = loadedModels(now, [model('a', 'active')]);
  expect(a?.places).toEqual([{ role: 'infer', instances: 2, of: 2 }]);
  expect([a?.ownBytes, a?.sharedBytes, a?.sinceUs]).toEqual([40, 80, 7]);
  expect(a?.active).toEqual(['DC']);
});

test('released ones that are not in memory and those in memory that are not released are there', () => {
  const rows = loadedModels(status({ infer: [instance(true, [held('old')])] }), [model('new', 'candidate')]);
  expect(rows.map((row) => [row.digest, row.places.length, row.candidate.length])).toEqual([['new', 0, 1], ['old', 1, 0]]);
  expect(loadedModels(null, [])).toEqual([]);
});

test('memory is told in the unit that reads best', () => {
  expect([0.3, 12.4, 1200].map((mb) => megabytes(mb * 2 ** 20))).toEqual(['0.3 MB', '12 MB', '1.2 GB']);
});
