import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { election, MASTER, node, plane, SECOND, THIRD } from "../test/mock/plane.ts";
import { logIn, until, watchedPage } from "./browser.ts";
import { stage } from "./stage.ts";

const set = stage();

const cell = (page: Page, id: string, label: string) =>
  page.locator(`tr[data-node="${id}"] [data-label="${label}"]`).innerText();

test("the table shows every node as the server tells it", async () => {
  const { page, said } = await set.enter("/about");
  expect(await page.getByTestId("nodes").locator("tbody tr").count()).toBe(3);
  expect(await page.locator("tbody tr").first().getAttribute("data-node")).toBe(MASTER);
  for (const n of set.mock.state.plane.nodes) {
    expect(await cell(page, n.id, "Priority")).toBe(String(n.priority));
    expect(await cell(page, n.id, "Term")).toBe("42");
    expect(await cell(page, n.id, "Lag")).toBe("0");
    expect(await cell(page, n.id, "Version")).toBe("0.1.0");
    expect(await page.locator(`tr[data-node="${n.id}"] a`).getAttribute("href")).toBe(`${n.uri}/about`);
  }
  expect(await cell(page, MASTER, "Status")).toBe("master");
  expect(await cell(page, SECOND, "Status")).toBe("hot standby");
  expect(await page.getByTestId("verdict").innerText()).toBe("1 master, 2 hot standbys: can lose two nodes.");
  expect(await page.getByTestId("cluster-chip").innerText()).toBe(`${MASTER} · master · term 42 · lag 0`);
  expect(said).toEqual([]);
});

test("what the server tells appears without a reload, and a silent node is called so", async () => {
  const { page } = await set.enter("/about");
  await page.evaluate(() => Object.assign(window, { mark: 1 }));
  const now = Date.now();
  const nodes = [
    node(MASTER, "MASTER", now),
    node(SECOND, "HOT_STANDBY", now, { lag: 7 }),
    node(THIRD, "HOT_STANDBY", now, { age_s: 31, seen_ms: now - 31_000 }),
    node("newcomer00", "INITIALIZING", now),
  ];
  set.mock.tell(plane(MASTER, now, { nodes, term: 43 }));
  await until(
    () => cell(page, SECOND, "Lag"),
    (lag) => lag === "7",
  );
  expect(await cell(page, THIRD, "Status")).toBe("not heard of");
  expect(await cell(page, THIRD, "Last seen")).toMatch(/^3\d s ago$/);
  expect(await cell(page, "newcomer00", "Status")).toBe("starting");
  expect(await page.getByTestId("cluster-chip").innerText()).toContain("term 43");
  expect(await page.evaluate(() => (window as unknown as { mark: number }).mark)).toBe(1);
});

test("a standby says that it is not the master, and links to the one that is; the page stays usable", async () => {
  set.mock.state.plane = plane(SECOND, Date.now());
  const { page, said } = await set.enter("/about");
  const band = page.getByTestId("standing");
  expect(await band.innerText()).toContain("This server is not the high-availability master.");
  expect(await page.getByTestId("master-link").getAttribute("href")).toBe("http://10.0.4.11:8081/about");
  expect(await page.getByRole("dialog").count()).toBe(0);
  await page
    .getByRole("button", { name: `Copy node id ${THIRD}` })
    .first()
    .click();
  expect(said).toEqual([]);
});

test("an election is told at once, and its end too", async () => {
  set.mock.state.plane = plane(SECOND, Date.now());
  const { page, shifts } = await set.enter("/about");
  const before = await shifts();
  const band = page.getByTestId("standing");
  set.mock.tell(election(SECOND, Date.now()));
  await until(
    () => band.innerText(),
    (text) => text.startsWith("No master: electing."),
  );
  expect(await page.getByTestId("cluster-chip").innerText()).toContain("no master");
  const now = Date.now();
  set.mock.tell(
    plane(SECOND, now, {
      term: 43,
      nodes: [
        node(SECOND, "MASTER", now, { priority: 5, term: 43 }),
        node(THIRD, "HOT_STANDBY", now, { term: 43 }),
        node(MASTER, "FAILED", now, { priority: 10 }),
      ],
    }),
  );
  await until(
    () => band.innerText(),
    (text) => text.startsWith("This server is the high-availability master."),
  );
  expect(await cell(page, SECOND, "Status")).toBe("master");
  expect(await page.locator("tbody tr").first().getAttribute("data-node")).toBe(SECOND);
  expect((await shifts()).slice(before.length).filter((moved) => !moved.includes("TR "))).toEqual([]); // rows change places
});

test("silence is told past 5 s, and past 12 s everything live is called stale since then", async () => {
  const { page } = await watchedPage(set.browser);
  await page.clock.install();
  await page.goto(`${set.mock.url}/about`);
  await logIn(page);
  await page.getByTestId("nodes").waitFor();
  set.mock.silence(true);
  const chip = page.getByTestId("connection-chip");
  const panel = page.getByRole("region", { name: "High Availability Status" });
  expect(await chip.getAttribute("data-state")).toBe("live");
  expect(await panel.getAttribute("data-stale")).toBe("false");

  await page.clock.fastForward(7_000);
  await until(
    () => panel.getByTestId("panel-age").innerText(),
    (text) => /^\d+ s old$/.test(text),
  );
  expect(await panel.getAttribute("data-stale")).toBe("false");

  await page.clock.fastForward(7_000);
  await until(
    () => panel.getAttribute("data-stale"),
    (stale) => stale === "true",
  );
  expect(await panel.getByTestId("panel-age").innerText()).toMatch(/^stale since \d\d:\d\d:\d\d$/);
  expect(await chip.innerText()).toMatch(/^stale since \d\d:\d\d:\d\d/);
  expect(await page.getByTestId("verdict").innerText()).toMatch(/^At \d\d:\d\d:\d\d: /);

  set.mock.silence(false);
  set.mock.cut();
  await page.clock.fastForward(9_000);
  await until(
    () => chip.getAttribute("data-state"),
    (state) => state === "live",
  );
  expect(await panel.getAttribute("data-stale")).toBe("false");
});

test("a stream that is cut is taken up again by itself", async () => {
  const { page } = await set.enter("/about");
  set.mock.cut();
  const now = Date.now();
  set.mock.state.plane = plane(MASTER, now, { nodes: [node(MASTER, "MASTER", now)] });
  await until(
    () => page.locator("tbody tr").count(),
    (rows) => rows === 1,
  );
  await page.getByText("Nothing takes over when this server fails.").waitFor();
});

test("a server that dies is told, with ways to the others", async () => {
  const { page } = await set.enter("/about");
  let asked = 0;
  await page.route("**/v1/**", (route) => {
    asked += 1;
    return route.abort();
  });
  set.mock.cut();
  const alert = page.getByRole("alert");
  await alert.waitFor();
  expect(await alert.innerText()).toContain("This server does not answer: last heard at");
  expect(await alert.getByRole("link").first().getAttribute("href")).toBe("http://10.0.4.12:8081/about");
  // While the server is away the alert stays, and its button asks again; then it is taken up by itself.
  const before = asked;
  await alert.getByRole("button", { name: "Try now" }).click();
  await until(
    async () => asked,
    (times) => times > before,
  );
  await page.unroute("**/v1/**");
  await until(
    () => page.getByTestId("connection-chip").getAttribute("data-state"),
    (state) => state === "live",
  );
});
