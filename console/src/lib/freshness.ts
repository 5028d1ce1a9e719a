/** How old what one sees may be before the page must say so. The server speaks at least every 5 s. */

export type Freshness = "fresh" | "ageing" | "stale";

/** Past this it is said how old the data is. */
export const SAY_AFTER_S = 5;
/** Past this the data is greyed and called stale: two and a half of the server's signs of life were missed. */
export const STALE_AFTER_S = 12;

/** Judge by whole seconds since the data was last known to be true; null: it never was. */
export function freshness(age_s: number | null): Freshness {
  if (age_s === null || age_s >= STALE_AFTER_S) return "stale";
  return Math.floor(age_s) > SAY_AFTER_S ? "ageing" : "fresh";
}

/** Seconds to wait before try number `attempt` (from 0): doubling from 0.5 to 8, with the last half drawn by lot. */
export function backoff(attempt: number, draw: number): number {
  const most = Math.min(8, 0.5 * 2 ** attempt);
  return most / 2 + (most / 2) * draw;
}
