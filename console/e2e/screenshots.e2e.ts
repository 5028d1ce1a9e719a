/// Takes the pictures of docs/console, to be looked at by a person. Run by `npm run screenshots`; no part of the tests.
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, test } from "vitest";
import { application } from "../test/mock/applications.ts";
import { election, MASTER, node, plane, SECOND, THIRD } from "../test/mock/plane.ts";
import { type Mock, startMock } from "../test/mock/server.ts";
import { type Look, logIn, openBrowser, until, watchedPage } from "./browser.ts";

const FILES = resolve("../src/amp/server/console");
const OUT = resolve(process.env.SCREENSHOTS ?? "test-results/screenshots");
const APPS = [
  application("yqv1n1zb2e", "web", "RUNNING"),
  application("h2k8d0xw3p", "billing", "RUNNING"),
  application("a9c4r7tq1m", "search index", "STARTING"),
];

let browser: Browser;
let mock: Mock;

beforeAll(async () => {
  mkdirSync(OUT, { recursive: true });
  browser = await openBrowser();
  mock = await startMock({ plane: plane(MASTER, Date.now()), applications: APPS }, FILES);
});
afterAll(async () => {
  await browser.close();
  await mock.stop();
});

async function shoot(name: string, path: string, look: Look, act?: (m: Mock) => Promise<void> | void) {
  const { page } = await watchedPage(browser, look);
  await page.goto(mock.url + path);
  if (!path.startsWith("/login")) {
    await logIn(page);
    await page.getByTestId("verdict").waitFor();
    await page.mouse.move(0, 0);
    await act?.(mock);
    await page.waitForTimeout(1600);
  } else await page.getByLabel("User").waitFor();
  await page.screenshot({ path: join(OUT, `${name}.png`) });
  await page.context().close();
}

const NARROW = { width: 360, height: 740 };
const TALL = { width: 360, height: 1680 };

test("login", async () => {
  await shoot("login-light", "/login", {});
  await shoot("login-dark", "/login?to=%2Fabout&reason=ended", { scheme: "dark" });
  await shoot("login-narrow", "/login", NARROW);
});

test("home", async () => {
  mock.state.plane = plane(MASTER, Date.now());
  await shoot("home-light", "/", {});
  await shoot("home-dark", "/", { scheme: "dark" });
  await shoot("home-narrow", "/", NARROW);
  mock.state.applications = [];
  await shoot("home-empty-light", "/", {});
  mock.state.applications = APPS;
  const now = Date.now();
  mock.state.plane = plane(THIRD, now, {
    nodes: [
      node(MASTER, "MASTER", now),
      node(THIRD, "STANDBY", now, { mode: "STANDBY", seq: null, lag: null }),
    ],
    verdict: "1 master, 1 standby: can lose one node",
  });
  await shoot("home-standby-light", "/", {});
});

test("about on the master", async () => {
  const tell = () => mock.tell(plane(MASTER, Date.now()));
  mock.state.plane = plane(MASTER, Date.now());
  await shoot("about-master-light", "/about", {}, tell);
  await shoot("about-master-dark", "/about", { scheme: "dark" }, tell);
  await shoot("about-master-narrow", "/about", TALL, tell);
  await shoot("about-master-middle", "/about", { width: 1024, height: 900 }, tell);
  const now = Date.now();
  mock.state.plane = plane(MASTER, now, {
    nodes: [node(MASTER, "MASTER", now)],
    verdict: "1 master, no standby: nothing takes over when it fails",
  });
  await shoot("about-alone-light", "/about", {});
});

test("about on a hot standby", async () => {
  mock.state.plane = plane(SECOND, Date.now());
  await shoot("about-standby-light", "/about", {});
  await shoot("about-standby-dark", "/about", { scheme: "dark" });
  await shoot("about-standby-narrow", "/about", TALL);
});

test("about during an election", async () => {
  mock.state.plane = plane(SECOND, Date.now());
  await shoot("about-election-light", "/about", {}, (m) => m.tell(election(SECOND, Date.now())));
  await shoot("about-election-dark", "/about", { scheme: "dark" }, (m) =>
    m.tell(election(SECOND, Date.now())),
  );
});

test("about when the server has died", async () => {
  const other = await startMock({ plane: plane(MASTER, Date.now()), applications: APPS }, FILES);
  for (const scheme of ["light", "dark"] as const) {
    const { page } = await watchedPage(browser, { scheme });
    other.silence(false);
    await page.goto(`${other.url}/about`);
    await logIn(page);
    await page.getByTestId("nodes").waitFor();
    if (scheme === "light") other.silence(true);
    else await other.stop();
    await until(
      () => page.getByTestId("connection-chip").getAttribute("data-state"),
      (s) => s === "stale",
      20_000,
    );
    await page.screenshot({ path: join(OUT, `about-stale-${scheme}.png`) });
    await page.context().close();
  }
}, 60_000);
