/// Planes for the mock server, in the shape that a node tells them. Times hang on the moment that is given.
import type { HaStatus, NodeState, NodeView } from "../../src/lib/plane.ts";

export const MASTER = "kq3vx81m2a";
export const SECOND = "t7b0wz5e9d";
export const THIRD = "c5hn2r8y4f";

const URIS: Record<string, string> = {
  [MASTER]: "http://10.0.4.11:8081",
  [SECOND]: "http://10.0.4.12:8081",
  [THIRD]: "http://10.0.4.13:8081",
};

export function node(id: string, state: NodeState, now: number, more: Partial<NodeView> = {}): NodeView {
  return {
    id,
    instance: `${id}0001`,
    uri: URIS[id] ?? null,
    state,
    mode: "AUTO",
    priority: 0,
    version: "0.1.0",
    term: 42,
    seq: 1873,
    lag: 0,
    seen_ms: now - 400,
    age_s: 0.4,
    started_ms: now - 7_512_000,
    is_self: false,
    is_master: state === "MASTER",
    ...more,
  };
}

/** A plane of three as `self` sees it, with `MASTER` in office. */
export function plane(self: string, now: number, more: Partial<HaStatus> = {}): HaStatus {
  const nodes = (
    more.nodes ?? [
      node(MASTER, "MASTER", now, { priority: 10 }),
      node(SECOND, "HOT_STANDBY", now, { priority: 5 }),
      node(THIRD, "HOT_STANDBY", now, { age_s: 1.2, seen_ms: now - 1200 }),
    ]
  ).map((n) => ({ ...n, is_self: n.id === self }));
  const own = nodes.find((n) => n.is_self);
  const leads = own?.is_master ?? false;
  const master = nodes.find((n) => n.is_master);
  return {
    node: self,
    instance: `${self}0001`,
    plane: "p4mz81kd0s",
    plane_name: "production",
    state: own?.state ?? "INITIALIZING",
    mode: own?.mode ?? "AUTO",
    persist_mode: "AUTO",
    term: 42,
    seq: 1873,
    in_office: leads,
    fenced: false,
    loaded: own?.state !== "STANDBY",
    lease_s: leads ? 27.4 : null,
    candidate_at_s: leads ? null : 29.6,
    master: master?.id ?? null,
    master_uri: master?.uri ?? null,
    priority: own?.priority ?? 0,
    heartbeat_timeout_s: 30,
    poll_period_s: 1,
    store: "aws-s3:eu-west-1 my-s3-bucket-name",
    history: [
      [own?.state ?? "INITIALIZING", now - 7_508_000],
      ["INITIALIZING", now - 7_512_000],
    ],
    problem: null,
    verdict: "1 master, 2 hot standbys: can lose two nodes",
    now_ms: now,
    started_ms: now - 7_512_000,
    shutting_down: false,
    version: "0.1.0",
    ...more,
    nodes,
  };
}

/** The moment after a master fell silent, as `self` (a standby) sees it. */
export function election(self: string, now: number): HaStatus {
  return plane(self, now, {
    nodes: [
      node(MASTER, "MASTER", now, { age_s: 30.8, seen_ms: now - 30_800, is_master: false, priority: 10 }),
      node(SECOND, "HOT_STANDBY", now, { priority: 5 }),
      node(THIRD, "HOT_STANDBY", now),
    ],
    master: null,
    master_uri: null,
    candidate_at_s: 0.6,
    verdict: "No master: electing, 2 hot standbys may lead",
  });
}
