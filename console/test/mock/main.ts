/// Serves the built console with a made-up plane on http://127.0.0.1:28081 (user `admin`, password `correct horse`).
import { resolve } from "node:path";
import { application } from "./applications.ts";
import { MASTER, plane } from "./plane.ts";
import { startMock } from "./server.ts";

const mock = await startMock(
  { plane: plane(MASTER, Date.now()), applications: [application("yqv1n1zb2e", "web", "RUNNING")] },
  resolve("../src/amp/server/console"),
  28081,
);
setInterval(() => mock.tell(plane(MASTER, Date.now())), 1000);
process.stdout.write(`${mock.url}\n`);
