/** How ids, durations and moments are written. Pure; every moment comes in as milliseconds since 1970. */

/** Write a duration with at most two units: `4 s`, `3 m 12 s`, `2 h 5 m`, `6 d 3 h`. Negative reads as nothing. */
export function duration(seconds: number): string {
  const s = Math.max(0, Math.floor(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return pair(Math.floor(s / 60), "m", s % 60, "s");
  if (s < 86_400) return pair(Math.floor(s / 3600), "h", Math.floor((s % 3600) / 60), "m");
  return pair(Math.floor(s / 86_400), "d", Math.floor((s % 86_400) / 3600), "h");
}

function pair(big: number, bigUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${big} ${bigUnit}` : `${big} ${bigUnit} ${small} ${smallUnit}`;
}

/** Write a setting's length exactly, without rounding: `30 s`, `500 ms`, `1.5 s`. */
export function setting(seconds: number): string {
  return seconds < 1 ? `${Math.round(seconds * 1000)} ms` : `${Number(seconds.toFixed(3))} s`;
}

/** Write how long ago something was: `now` below one second, else `4 s ago`. */
export function ago(seconds: number): string {
  return seconds < 1 ? "now" : `${duration(seconds)} ago`;
}

const two = (n: number) => String(n).padStart(2, "0");

/** Write the time of day, local: `03:12:07`. */
export function clock(ms: number): string {
  const d = new Date(ms);
  return `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
}

/** Write a moment whole, local: `2026-05-12 03:12:07`. */
export function moment(ms: number): string {
  const d = new Date(ms);
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${clock(ms)}`;
}

/** Shorten an id in the middle; ids of at most 12 characters stay whole. */
export function shortId(id: string): string {
  return id.length <= 12 ? id : `${id.slice(0, 5)}…${id.slice(-4)}`;
}

/** Write a count with its noun: `1 application`, `3 applications`. */
export function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? "" : "s"}`;
}
