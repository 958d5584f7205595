/** Which models are in memory, and where: what the roles' signs of life say, by model. Pure. */
import type { Model, Status } from '../api/types';

export interface Loaded {
  digest: string;
  /** Plot types for which it is active; empty: released for none now. */
  active: string[];
  /** Plot types for which it runs in the shadow. */
  candidate: string[];
  labels: readonly string[];
  createdUs: number | null;
  /** Roles that have it, with how many of their living instances do. */
  places: { role: string; instances: number; of: number }[];
  /** Memory of its own and shared with others, bytes, of the instance that has most. */
  ownBytes: number;
  sharedBytes: number;
  /** Since when an instance has had it without a break. */
  sinceUs: number | null;
}

/** Roles that work with models. */
const ROLES = ['infer', 'gradcam'];

/** Released models, then those that are in memory without being released now. */
export function loadedModels(status: Status | null, models: readonly Model[]): Loaded[] {
  const rows = new Map<string, Loaded>();
  const row = (digest: string): Loaded => {
    const known = rows.get(digest) ?? {
      digest, active: [], candidate: [], labels: [], createdUs: null, places: [], ownBytes: 0, sharedBytes: 0, sinceUs: null,
    };
    rows.set(digest, known);
    return known;
  };
  for (const model of models) {
    const of = (alias: string) => model.aliases.filter((a) => a.alias === alias).map((a) => a.plot_type);
    Object.assign(row(model.digest), {
      active: of('active'), candidate: of('candidate'), labels: model.labels, createdUs: model.created_at_us,
    });
  }
  for (const role of status?.roles ?? []) {
    if (!ROLES.includes(role.role)) continue;
    const alive = role.instances.filter((instance) => instance.alive);
    for (const held of alive.flatMap((instance) => instance.models)) {
      const known = row(held.model);
      const place = known.places.find((one) => one.role === role.role);
      if (place) place.instances++;
      else known.places.push({ role: role.role, instances: 1, of: alive.length });
      const own = held.memory_bytes - held.shared_bytes;
      if (own + held.shared_bytes > known.ownBytes + known.sharedBytes) [known.ownBytes, known.sharedBytes] = [own, held.shared_bytes];
      known.sinceUs = Math.min(known.sinceUs ?? Infinity, held.since_us);
    }
  }
  return [...rows.values()];
}

/** `12 MB`, `0.3 MB`, `1.2 GB`. */
export function megabytes(bytes: number): string {
  const mb = bytes / 2 ** 20;
  if (mb >= 1000) return `${(mb / 1024).toFixed(1)} GB`;
  return mb >= 10 ? `${Math.round(mb)} MB` : `${mb.toFixed(1)} MB`;
}
