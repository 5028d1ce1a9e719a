/** One tick a second for the whole page, so that all ages step together. */
import { useSyncExternalStore } from "react";

const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;
let now = performance.now();

function subscribe(listener: () => void): () => void {
  if (listeners.size === 0) {
    now = performance.now();
    timer = setInterval(() => {
      now = performance.now();
      for (const each of listeners) each();
    }, 1000);
  }
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) clearInterval(timer);
  };
}

/** The steady clock in ms, as of the last whole step. It never lies before what was received since: see `usePlane`. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => now);
}
