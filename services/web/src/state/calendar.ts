/** Images a day as a calendar: weeks are columns, Monday on top. Pure, so that it can be tested. */
import type { Day } from '../api/types';

export interface CalendarDay extends Day {
  /** 0 (none) to 4 (most). */
  level: number;
  week: number;
  weekday: number;
}

const MS = 86_400_000;
const monday = (ms: number) => Math.floor(ms / MS + 3) - (Math.floor(ms / MS + 3) % 7);

/** Every day from the first to the last; days that are missing have no image. */
export function calendar(days: readonly Day[]): CalendarDay[] {
  if (days.length === 0) return [];
  const counts = new Map(days.map((day) => [day.day, day.images]));
  const times = days.map((day) => Date.parse(day.day)).filter(Number.isFinite);
  const [first, last] = [Math.min(...times), Math.max(...times)];
  const most = Math.max(1, ...counts.values());
  const all: CalendarDay[] = [];
  for (let ms = first; ms <= last; ms += MS) {
    const day = new Date(ms).toISOString().slice(0, 10);
    const images = counts.get(day) ?? 0;
    all.push({
      day,
      images,
      level: images === 0 ? 0 : Math.min(4, 1 + Math.floor((images / most) * 3.999)),
      week: (monday(ms) - monday(first)) / 7,
      weekday: Math.floor(ms / MS + 3) % 7,
    });
  }
  return all;
}
