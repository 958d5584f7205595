/** Times and ages as people read them. The API speaks microseconds since 1970 UTC. */

const pad = (n: number, width = 2) => String(n).padStart(width, '0');

const date = (us: number) => new Date(us / 1000);

/** `14:03:12`, in the viewer's zone. */
export function clock(us: number): string {
  const d = date(us);
  return `${pad(d.getHours())}:${pad(d.getMinutes())}:${pad(d.getSeconds())}`;
}

/** `UTC+1`, `UTC−3:30`, `UTC`: the viewer's zone at that time; every time is shown in it. */
export function zone(us: number): string {
  const east = -date(us).getTimezoneOffset();
  if (east === 0) return 'UTC';
  const [h, m] = [Math.floor(Math.abs(east) / 60), Math.abs(east) % 60];
  return `UTC${east < 0 ? '−' : '+'}${h}${m ? `:${pad(m)}` : ''}`;
}

/** `2026-11-23 14:03:12 UTC+1`: all that there is to say of a time. */
export function stamp(us: number): string {
  return `${day(us)} ${clock(us)} ${zone(us)}`;
}

/** `2026-11-23`. */
export function day(us: number): string {
  const d = date(us);
  return `${d.getFullYear()}-${pad(d.getMonth() + 1)}-${pad(d.getDate())}`;
}

/** `14:03:12` today, `Nov 22, 14:03` before: the shortest that cannot be misread. */
export function when(us: number, nowUs: number): string {
  if (day(us) === day(nowUs)) return clock(us);
  const d = date(us);
  const month = d.toLocaleString('en', { month: 'short' });
  const year = d.getFullYear() === date(nowUs).getFullYear() ? '' : ` ${d.getFullYear()}`;
  return `${month} ${d.getDate()}${year}, ${pad(d.getHours())}:${pad(d.getMinutes())}`;
}

/** The end of what began at `beganUs`: a clock on the same day, with its date on another. */
export function until(endUs: number, beganUs: number): string {
  return when(endUs, beganUs);
}

/** `42 s`, `5 min`, `3 h 10 min`, `2 d 4 h`: two units at most. */
export function span(seconds: number): string {
  const s = Math.max(0, Math.floor(seconds));
  if (s < 100) return `${s} s`;
  const m = Math.floor(s / 60);
  if (m < 100) return `${m} min`;
  const h = Math.floor(m / 60);
  if (h < 48) return m % 60 ? `${h} h ${m % 60} min` : `${h} h`;
  return h % 24 ? `${Math.floor(h / 24)} d ${h % 24} h` : `${h / 24} d`;
}

/** Age in seconds; a clock that is ahead gives 0, never a negative age. */
export function ageS(us: number, nowUs: number): number {
  return Math.max(0, (nowUs - us) / 1e6);
}

/** `80464.0012`, as logbooks name a chunk; the run alone where there is none. */
export function runChunk(run: number, chunk: number | null): string {
  return chunk === null ? String(run) : `${run}.${pad(chunk, 4)}`;
}

/** `97 %`; what rounds to 100 without being it stays below. */
export function percent(share: number): string {
  const whole = Math.round(share * 100);
  if (whole === 100 && share < 1) return share >= 0.999 ? '> 99.9 %' : `${(Math.floor(share * 1000) / 10).toFixed(1)} %`;
  return `${whole} %`;
}

/** For `<input type="datetime-local">`. */
export function toLocalInput(us: number): string {
  const d = date(us);
  return `${day(us)}T${pad(d.getHours())}:${pad(d.getMinutes())}`;
}

/** From `<input type="datetime-local">`; `null` when it is not a time. */
export function fromLocalInput(text: string): number | null {
  const ms = new Date(text).getTime();
  return Number.isFinite(ms) ? ms * 1000 : null;
}
