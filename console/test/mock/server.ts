/// A node's console contract without a node: log-in, the plane, applications, the event stream; and the built console.
/// Tests hold the handle: they set what it tells, cut or silence its streams, and end it.
import { randomBytes } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import type { Application } from "../../src/lib/api.ts";
import type { HaStatus } from "../../src/lib/plane.ts";

export interface MockState {
  plane: HaStatus;
  applications: Application[];
}

export interface Mock {
  url: string;
  state: MockState;
  /** Tell all who follow. */
  send(event: string, data: unknown): void;
  /** Set the plane and tell it. */
  tell(plane: HaStatus): void;
  /** End the streams; new ones are taken. */
  cut(): void;
  /** Keep the streams open and say nothing more, until `false`. */
  silence(on: boolean): void;
  /** Forget all sessions, as a restarted node does. */
  forget(): void;
  stop(): Promise<void>;
}

const KINDS: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2",
};

/** The policy that a node sends with the console: nothing from elsewhere, no script in the page. */
const POLICY =
  "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'self'";

export async function startMock(state: MockState, files: string, port = 0): Promise<Mock> {
  const sessions = new Map<string, string>();
  const streams = new Set<ServerResponse>();
  let silent = false;

  const session = (request: IncomingMessage) => {
    const cookie = /(?:^|; )AMP_SESSION=([^;]+)/.exec(request.headers.cookie ?? "")?.[1];
    return cookie && sessions.has(cookie) ? cookie : null;
  };
  const json = (response: ServerResponse, body: unknown, status = 200) => {
    response.writeHead(status, { "Content-Type": "application/json", "X-Request-Id": "mock-1" });
    response.end(JSON.stringify(body));
  };
  const refuse = (response: ServerResponse, status: number, text: string) => {
    response.writeHead(status, { "Content-Type": "text/plain", "X-Request-Id": "mock-1" });
    response.end(text);
  };

  const login = (request: IncomingMessage, response: ServerResponse) => {
    const given = Buffer.from(
      (request.headers.authorization ?? "").replace(/^Basic /, ""),
      "base64",
    ).toString();
    if (given !== "admin:correct horse") return refuse(response, 401, "Unauthorized");
    const id = randomBytes(16).toString("hex");
    const token = randomBytes(8).toString("hex");
    sessions.set(id, token);
    response.setHeader("Set-Cookie", [
      `AMP_SESSION=${id}; Path=/; HttpOnly; SameSite=Strict`,
      `CSRF-TOKEN=${token}; Path=/; SameSite=Strict`,
    ]);
    json(response, { user: "admin" });
  };

  const stream = (response: ServerResponse) => {
    response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
    streams.add(response);
    response.on("close", () => streams.delete(response));
    write(response, "hello", { node: state.plane.node, term: state.plane.term, seq: state.plane.seq });
    write(response, "ha", state.plane);
  };
  const write = (response: ServerResponse, event: string, data: unknown) => {
    if (!silent) response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  };
  const send = (event: string, data: unknown) => {
    for (const each of streams) write(each, event, data);
  };

  const answer = (request: IncomingMessage, response: ServerResponse) => {
    const path = new URL(request.url ?? "/", "http://mock").pathname;
    if (!path.startsWith("/v1/")) return page(path, response, files);
    if (request.headers["x-requested-with"] !== "AMP-Console")
      return refuse(response, 400, "not the console");
    if (path === "/v1/login") return login(request, response);
    const id = session(request);
    if (!id) return refuse(response, 401, "Unauthorized");
    if (request.method !== "GET" && request.headers["x-csrf-token"] !== sessions.get(id))
      return refuse(response, 403, "X-CSRF-TOKEN header is required");
    switch (path) {
      case "/v1/logout":
        sessions.delete(id);
        response.setHeader("Set-Cookie", [
          "AMP_SESSION=; Path=/; Max-Age=0",
          "CSRF-TOKEN=; Path=/; Max-Age=0",
        ]);
        return json(response, {});
      case "/v1/server/user":
        return json(response, "admin");
      case "/v1/server/version":
        return json(response, {
          version: "0.1.0",
          buildSha1: "d741a5f0c2",
          buildBranch: "main",
          features: [],
        });
      case "/v1/ha/plane":
        return json(response, state.plane);
      case "/v1/events/stream":
        return stream(response);
      case "/v1/applications":
        return state.plane.loaded
          ? json(response, state.applications)
          : json(
              response,
              { message: "request is only permitted against an active primary or hot standby server" },
              403,
            );
      default:
        return refuse(response, 404, "");
    }
  };

  const server = createServer(answer);
  await new Promise<void>((ready) => server.listen(port, "127.0.0.1", ready));
  const ticks = setInterval(
    () => send("tick", { now_ms: Date.now(), seq: state.plane.seq, term: state.plane.term }),
    5000,
  );
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    state,
    send,
    tell(plane) {
      state.plane = plane;
      send("ha", plane);
    },
    cut() {
      for (const each of streams) each.end();
    },
    silence(on) {
      silent = on;
    },
    forget: () => sessions.clear(),
    async stop() {
      clearInterval(ticks);
      for (const each of streams) each.end();
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

function page(path: string, response: ServerResponse, files: string): void {
  const wanted = join(files, normalize(path));
  const file = extname(path) && existsSync(wanted) ? wanted : join(files, "index.html");
  response.writeHead(200, {
    "Content-Type": KINDS[extname(file)] ?? "application/octet-stream",
    "Content-Security-Policy": POLICY,
  });
  createReadStream(file).pipe(response);
}
