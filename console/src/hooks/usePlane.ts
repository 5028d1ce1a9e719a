/** What pages read of the live stream: the plane, its age, and the connection. */
import { createContext, use, useSyncExternalStore } from "react";
import { type Freshness, freshness } from "#lib/freshness.ts";
import type { Live, LiveState } from "#lib/live.ts";
import type { HaStatus } from "#lib/plane.ts";
import { useNow } from "./useNow.ts";

export const LiveContext = createContext<Live | null>(null);

export function useLiveAgent(): Live {
  const live = use(LiveContext);
  if (!live) throw new Error("no live agent above this component");
  return live;
}

export function useLive(): LiveState {
  const live = useLiveAgent();
  return useSyncExternalStore(live.subscribe, live.state);
}

export interface Age {
  age_s: number | null;
  freshness: Freshness;
  /** Wall clock of this browser when the node was last heard. */
  heardWall: number | null;
}

/** Seconds since the node last said anything, and what to make of it. */
export function useAge(): Age {
  const { heardAt, heardWall } = useLive();
  const now = useNow();
  const age_s = heardAt === null ? null : Math.max(0, now - heardAt) / 1000;
  return { age_s, freshness: freshness(age_s), heardWall };
}

/** The plane as last told, and the seconds since then: add them to what the node said about ages. */
export function usePlane(): { plane: HaStatus | null; elapsed_s: number } {
  const { plane, planeAt } = useLive();
  const now = useNow();
  return { plane, elapsed_s: planeAt === null ? 0 : Math.max(0, now - planeAt) / 1000 };
}
