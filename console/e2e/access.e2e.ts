/// What holds for every page: axe, layout shift, the keyboard alone, 360 px, no other origin, the size of the first load.
import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { AxeBuilder } from "@axe-core/playwright";
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { election, plane, SECOND } from "../test/mock/plane.ts";
import { until, watchedPage } from "./browser.ts";
import { stage } from "./stage.ts";

const set = stage();

async function serious(page: Page): Promise<string[]> {
  const found = await new AxeBuilder({ page }).options({ resultTypes: ["violations"] }).analyze();
  return found.violations
    .filter((v) => v.impact === "serious" || v.impact === "critical")
    .flatMap((v) => v.nodes.map((n) => `${v.id}: ${n.target.join(" ")} ${n.failureSummary}`));
}

describe.each(["light", "dark"] as const)("axe finds nothing serious (%s)", (scheme) => {
  test("log-in", async () => {
    const { page } = await watchedPage(set.browser, { scheme });
    await page.goto(`${set.mock.url}/login?reason=ended`);
    await page.getByRole("heading").waitFor();
    expect(await serious(page)).toEqual([]);
  });

  test("home, with an open menu", async () => {
    const { page } = await set.enter("/", { scheme });
    await page.getByTestId("applications").waitFor();
    expect(await serious(page)).toEqual([]);
    await page.getByRole("button", { name: /^Theme/ }).click();
    await page.getByRole("menuitem", { name: /Dark/ }).waitFor();
    expect(await serious(page)).toEqual([]);
  });

  test("about: master, standby, election, lost, narrow", async () => {
    const { page } = await set.enter("/about", { scheme });
    expect(await serious(page)).toEqual([]);
    set.mock.tell(plane(SECOND, Date.now()));
    await page.getByTestId("master-link").waitFor();
    expect(await serious(page)).toEqual([]);
    set.mock.tell(election(SECOND, Date.now()));
    await page.getByText("No master: electing.").waitFor();
    await page.setViewportSize({ width: 360, height: 740 });
    expect(await serious(page)).toEqual([]);
    await page.setViewportSize({ width: 1440, height: 900 });
    await page.route("**/v1/**", (route) => route.abort());
    set.mock.cut();
    await page.getByRole("alert").waitFor();
    expect(await serious(page)).toEqual([]);
  });
});

test.each([
  ["/", 1440],
  ["/about", 1440],
  ["/about", 1024],
  ["/about", 360],
  ["/", 360],
])("nothing jumps while %s loads and lives at %d px", async (path, width) => {
  set.mock.state.plane = plane(SECOND, Date.now());
  const { page, shifts } = await set.enter("/", { width, height: 800 });
  // A fresh load with the session: no key or click excuses a shift.
  await page.goto(set.mock.url + path);
  const ready = path === "/" ? "applications" : "nodes";
  await page.getByTestId(ready).waitFor();
  for (const lag of [3, 0]) {
    const now = Date.now();
    const told = plane(SECOND, now);
    set.mock.tell({ ...told, nodes: told.nodes.map((n) => ({ ...n, lag })) });
    await page.getByTestId("cluster-chip").getByText(`lag ${lag}`).waitFor();
  }
  set.mock.tell(election(SECOND, Date.now()));
  await page.getByText("No master: electing.").waitFor();
  expect(await shifts()).toEqual([]);
});

test.each(["/", "/about", "/login"])("%s has no sideways scroll at 360 px", async (path) => {
  const { page } =
    path === "/login"
      ? await watchedPage(set.browser, { width: 360, height: 740 })
      : await set.enter(path, { width: 360, height: 740 });
  if (path === "/login") await page.goto(set.mock.url + path);
  await page.getByRole("heading").first().waitFor();
  const over = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  expect(over).toBeLessThanOrEqual(0);
});

test("the keyboard alone: log in, go to About, change the theme, log out; the focus is always seen", async () => {
  const { page } = await watchedPage(set.browser);
  await page.goto(`${set.mock.url}/login`);
  const focused = () =>
    page.evaluate(
      () => document.activeElement?.textContent || document.activeElement?.getAttribute("aria-label") || "",
    );
  const ring = () => page.evaluate(() => getComputedStyle(document.activeElement as Element).outlineStyle);
  const tabTo = async (name: RegExp) => {
    for (let i = 0; i < 30; i++) {
      await page.keyboard.press("Tab");
      expect(await ring()).toBe("solid");
      if (name.test(await focused())) return;
    }
    throw new Error(`Tab never came to ${name}`);
  };
  await until(
    () => page.evaluate(() => document.activeElement?.getAttribute("name")),
    (name) => name === "user",
  );
  await page.keyboard.type("admin");
  await page.keyboard.press("Tab");
  await page.keyboard.type("correct horse");
  await page.keyboard.press("Enter");
  await page.getByTestId("applications").waitFor();

  await tabTo(/^About$/);
  await page.keyboard.press("Enter");
  await page.getByTestId("nodes").waitFor();

  await tabTo(/^Theme/);
  await page.keyboard.press("Enter");
  await until(focused, (name) => name === "Light");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await until(
    () => page.evaluate(() => document.documentElement.getAttribute("data-mantine-color-scheme")),
    (scheme) => scheme === "dark",
  );
  await page.reload();
  await page.getByTestId("nodes").waitFor();
  expect(await page.evaluate(() => document.documentElement.getAttribute("data-mantine-color-scheme"))).toBe(
    "dark",
  );

  await tabTo(/^User admin/);
  await page.keyboard.press("Enter");
  await until(focused, (name) => name === "Log out");
  await page.keyboard.press("Enter");
  await page.getByText("You are logged out.").waitFor();
});

test("nothing is asked of another origin", async () => {
  const { page } = await watchedPage(set.browser);
  const elsewhere: string[] = [];
  page.on("request", (request) => {
    if (!request.url().startsWith(set.mock.url) && !request.url().startsWith("data:"))
      elsewhere.push(request.url());
  });
  await page.goto(`${set.mock.url}/login`);
  await page.getByRole("heading").waitFor();
  expect(elsewhere).toEqual([]);
});

test("the first load has less than 250 kB of JavaScript, compressed", () => {
  const folder = resolve("../src/amp/server/console/assets");
  const sizes = readdirSync(folder)
    .filter((name) => name.endsWith(".js"))
    .map((name) => gzipSync(readFileSync(resolve(folder, name))).length);
  expect(sizes.reduce((a, b) => a + b, 0)).toBeLessThan(250_000);
});
