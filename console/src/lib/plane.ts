/**
 * The plane's condition as the server tells it (`GET /v1/ha/plane`, event `ha`), and what each condition means for the
 * person who reads it. Values in, sentences out: no clock, no network.
 */

export type NodeState =
  | "MASTER"
  | "HOT_STANDBY"
  | "STANDBY"
  | "HOT_BACKUP"
  | "INITIALIZING"
  | "FAILED"
  | "TERMINATED";

/** One node as the answering node sees it. `age_s`: seconds since it was heard of; `seen_ms`: its own wall clock. */
export interface NodeView {
  id: string;
  instance: string;
  uri: string | null;
  state: NodeState;
  mode: string;
  priority: number;
  version: string;
  term: number | null;
  seq: number | null;
  lag: number | null;
  seen_ms: number | null;
  age_s: number | null;
  started_ms: number | null;
  is_self: boolean;
  is_master: boolean;
}

/** The plane as the answering node sees it at `now_ms`. */
export interface HaStatus {
  node: string;
  instance: string;
  plane: string | null;
  plane_name: string | null;
  state: NodeState;
  mode: string;
  persist_mode: string;
  term: number;
  seq: number;
  in_office: boolean;
  fenced: boolean;
  loaded: boolean;
  lease_s: number | null;
  candidate_at_s: number | null;
  master: string | null;
  master_uri: string | null;
  priority: number;
  heartbeat_timeout_s: number;
  poll_period_s: number;
  store: string;
  nodes: NodeView[];
  history: [NodeState, number][];
  problem: string | null;
  verdict: string;
  now_ms: number;
  started_ms: number;
  shutting_down: boolean;
  version: string;
}

/** The six states that anything shown can be in; each has one glyph, one colour pair. */
export type Tone = "ok" | "busy" | "warning" | "failed" | "stopped" | "unknown";

/** What a node is, as a glyph's tone and a word. */
export function nodeWord(node: Pick<NodeView, "state">): { tone: Tone; word: string } {
  return (
    NODE_WORDS[node.state] ?? { tone: "unknown", word: String(node.state).toLowerCase().replaceAll("_", " ") }
  );
}

const NODE_WORDS: Record<NodeState, { tone: Tone; word: string }> = {
  MASTER: { tone: "ok", word: "master" },
  HOT_STANDBY: { tone: "ok", word: "hot standby" },
  STANDBY: { tone: "ok", word: "standby" },
  HOT_BACKUP: { tone: "ok", word: "hot backup" },
  INITIALIZING: { tone: "busy", word: "starting" },
  FAILED: { tone: "failed", word: "failed" },
  TERMINATED: { tone: "stopped", word: "terminated" },
};

/** True where applications can be read here: the master, and the copies that follow it. */
export function readable(status: HaStatus): boolean {
  return status.loaded && ["MASTER", "HOT_STANDBY", "HOT_BACKUP"].includes(status.state);
}

/** The console's page on another node, or null where its address is unknown or is no web address. */
export function pageOn(uri: string | null | undefined, path: string): string | null {
  if (!uri) return null;
  try {
    const url = new URL(uri);
    if (url.protocol !== "http:" && url.protocol !== "https:") return null;
    return url.origin + url.pathname.replace(/\/+$/, "") + path;
  } catch {
    return null;
  }
}

/** What the answering node is, in one or two sentences, and where to go for the master. */
export interface Standing {
  kind: "master" | "alone" | "copy" | "empty" | "electing" | "starting" | "stopping" | "fenced" | "failed";
  tone: Tone;
  sentence: string;
  meaning: string;
}

/** Say what the node that serves this page is, and what that means for what one sees and does here. */
export function standing(status: HaStatus): Standing {
  if (status.state === "FAILED")
    return {
      kind: "failed",
      tone: "failed",
      sentence: "This server has failed and takes no part in the plane.",
      meaning: `${status.problem ? `${ended(status.problem)} ` : ""}Applications keep running.`,
    };
  if (status.fenced)
    return {
      kind: "fenced",
      tone: "failed",
      sentence: "This server was master, lost its lease, and does nothing until it has seen who leads.",
      meaning: "Applications keep running. Changes are refused here.",
    };
  if (status.shutting_down || status.state === "TERMINATED")
    return {
      kind: "stopping",
      tone: "warning",
      sentence: "This server is shutting down.",
      meaning: "Applications keep running; another server takes over their management.",
    };
  if (status.state === "MASTER")
    return status.mode === "DISABLED"
      ? {
          kind: "alone",
          tone: "ok",
          sentence: "This server works alone: high availability is disabled.",
          meaning: "Nothing takes over when it stops.",
        }
      : {
          kind: "master",
          tone: "ok",
          sentence: "This server is the high-availability master.",
          meaning: "It manages the applications, and changes are made here.",
        };
  if (status.state === "INITIALIZING")
    return {
      kind: "starting",
      tone: "busy",
      sentence: "This server is starting.",
      meaning: "It reads the plane and decides what it is to be.",
    };
  if (status.master === null)
    return {
      kind: "electing",
      tone: "busy",
      sentence: "No master: electing.",
      meaning: "Applications keep running; changes wait until a master is in office.",
    };
  if (status.state === "STANDBY")
    return {
      kind: "empty",
      tone: "warning",
      sentence: NOT_MASTER,
      meaning: "As a standby it holds no state: applications cannot be read here.",
    };
  const lag = status.nodes.find((n) => n.is_self)?.lag;
  const behind =
    lag === null || lag === undefined ? "of unknown age" : lag === 0 ? "up to date" : `${lag} behind`;
  return {
    kind: "copy",
    tone: "warning",
    sentence: NOT_MASTER,
    meaning:
      status.state === "HOT_BACKUP"
        ? `What you see is a read-only copy, ${behind}. A hot backup does not become master.`
        : `What you see is a read-only copy, ${behind}. Make changes on the master.`,
  };
}

const NOT_MASTER = "This server is not the high-availability master.";

function ended(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

/** How safe the plane is, as a tone for the verdict: leaderless, alone, or protected by another that may lead. */
export function safety(status: HaStatus): Tone {
  if (status.state === "FAILED" || status.fenced) return "failed";
  if (status.master === null) return status.state === "MASTER" ? "warning" : "busy";
  const heirs = status.nodes.filter(
    (n) => !n.is_master && (n.state === "HOT_STANDBY" || n.state === "STANDBY") && !overdue(n, status, 0),
  );
  return heirs.length > 0 ? "ok" : "warning";
}

/** True when a node that says it lives has not been heard of for the heartbeat timeout. `elapsed_s`: since the status. */
export function overdue(node: NodeView, status: HaStatus, elapsed_s: number): boolean {
  if (node.is_self || node.state === "TERMINATED" || node.state === "FAILED" || node.age_s === null)
    return false;
  return node.age_s + elapsed_s > status.heartbeat_timeout_s;
}

/** The order of the table: the master, then who would follow it first: by state, by priority, by id. */
export function inOrder(nodes: readonly NodeView[]): NodeView[] {
  const rank: Record<string, number> = {
    HOT_STANDBY: 2,
    STANDBY: 3,
    HOT_BACKUP: 4,
    INITIALIZING: 5,
    FAILED: 6,
    TERMINATED: 7,
  };
  const of = (n: NodeView) => (n.is_master ? 0 : (rank[n.state] ?? 1));
  return [...nodes].sort(
    (a, b) =>
      of(a) - of(b) ||
      b.priority - a.priority ||
      a.id.localeCompare(b.id) ||
      a.instance.localeCompare(b.instance),
  );
}
