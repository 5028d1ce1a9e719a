/**
 * Talks to the node that served this page, and to no other. Every request says that the console asks, so that a refusal
 * carries no challenge and the browser opens no box of its own; writes carry the token of the session's cookie.
 */
import type { HaStatus } from "#lib/plane.ts";
import { dropToken, keepToken, token } from "#lib/token.ts";

/** The server refused or did not answer. `status` 0: no answer. `requestId` as the server gave it, if it did. */
export class ApiError extends Error {
  readonly status: number;
  readonly requestId: string | null;
  constructor(status: number, message: string, requestId: string | null = null) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.requestId = requestId;
  }
}

export interface Version {
  version: string;
  buildSha1: string | null;
  buildBranch: string | null;
}

export type ApplicationState =
  | "ACCEPTED"
  | "STARTING"
  | "RUNNING"
  | "STOPPING"
  | "STOPPED"
  | "DESTROYED"
  | "ERROR"
  | "UNKNOWN";

export interface Application {
  id: string;
  spec: { name: string; type?: string; locations: string[] };
  status: ApplicationState;
}

/** Ask the server. Raises ApiError for every answer but 2xx, with the server's own sentence where it gave one. */
export async function ask(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  headers.set("X-Requested-With", "AMP-Console");
  if (init.method && init.method !== "GET") {
    const own = token();
    if (own) headers.set("X-Csrf-Token", own);
  }
  let answer: Response;
  try {
    answer = await fetch(path, { ...init, headers, credentials: "same-origin", cache: "no-store" });
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
    throw new ApiError(0, "The server does not answer.");
  }
  if (answer.ok) return answer;
  throw new ApiError(answer.status, await sentence(answer), answer.headers.get("X-Request-Id"));
}

async function sentence(answer: Response): Promise<string> {
  const text = await answer.text().catch(() => "");
  try {
    const body: unknown = JSON.parse(text);
    if (body && typeof body === "object" && "message" in body && typeof body.message === "string")
      return body.message;
  } catch {
    // Not JSON: the text is the sentence.
  }
  const plain = text.trim();
  return plain && plain.length < 400 && !plain.startsWith("<")
    ? plain
    : `The server answered ${answer.status}.`;
}

async function read<T>(path: string, signal?: AbortSignal): Promise<T> {
  const answer = await ask(path, { headers: { Accept: "application/json" }, ...(signal ? { signal } : {}) });
  return (await answer.json()) as T;
}

export const api = {
  user: (signal?: AbortSignal) => read<string>("/v1/server/user", signal),
  version: (signal?: AbortSignal) => read<Version>("/v1/server/version", signal),
  plane: (signal?: AbortSignal) => read<HaStatus>("/v1/ha/plane", signal),
  applications: (signal?: AbortSignal) => read<Application[]>("/v1/applications", signal),
  stream: (signal: AbortSignal) =>
    ask("/v1/events/stream?topics=ha,model", { headers: { Accept: "text/event-stream" }, signal }),
  async logout(): Promise<void> {
    await ask("/v1/logout", { method: "POST" });
    dropToken();
  },
  /** Open a session. The name and password may hold any character: they travel as UTF-8. */
  async login(user: string, password: string): Promise<void> {
    const raw = new TextEncoder().encode(`${user}:${password}`);
    const basic = btoa(Array.from(raw, (byte) => String.fromCharCode(byte)).join(""));
    await ask("/v1/login", { method: "POST", headers: { Authorization: `Basic ${basic}` } });
    keepToken();
  },
};
