// Times as people read them: UTC, minutes; and tenors in days.

const PATTERN = /^(\d{4})-(\d{2})-(\d{2})(?:[ T](\d{2}):(\d{2})(?::(\d{2}))?)?(?: ?(?:UTC|Z))?$/;

/** Seconds since 1970 as `2026-01-31 08:00`; with seconds where they are not zero. Other text comes back as it is. */
export function timeText(seconds: string): string {
  if (!/^\d{1,12}$/.test(seconds)) return seconds;
  const iso = new Date(Number(seconds) * 1000).toISOString();
  return `${iso.slice(0, 10)} ${iso.slice(11, iso.slice(17, 19) === '00' ? 16 : 19)}`;
}

/** The seconds of `2026-01-31 08:00`, or of a date alone at 08:00, when options expire; `null` for what is no time. */
export function parseTime(text: string): string | null {
  const match = PATTERN.exec(text.trim());
  if (!match) return null;
  const [, year, month, day, hour = '08', minute = '00', second = '00'] = match;
  const stamp = `${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`;
  const time = Date.parse(stamp);
  // Date.parse may roll a 31 February over: what comes back must be what was said.
  if (Number.isNaN(time) || time < 0 || new Date(time).toISOString() !== stamp) return null;
  return String(time / 1000);
}

/** `30 d`, `2.5 d`, `6 h`. */
export function tenorText(now: string, expiry: string): string {
  const seconds = Number(expiry) - Number(now);
  if (!Number.isFinite(seconds)) return '';
  if (seconds <= 0) return 'expired';
  if (seconds < 2 * 86_400) return `${trimmed(seconds / 3600)} h`;
  return `${trimmed(seconds / 86_400)} d`;
}

function trimmed(value: number): string {
  return value.toFixed(1).replace(/\.0$/, '');
}

/** `30 Jan 26`. */
export function dateText(seconds: string): string {
  if (!/^\d{1,12}$/.test(seconds)) return seconds;
  const date = new Date(Number(seconds) * 1000);
  const month = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'][date.getUTCMonth()];
  return `${date.getUTCDate()} ${month} ${String(date.getUTCFullYear()).slice(2)}`;
}
