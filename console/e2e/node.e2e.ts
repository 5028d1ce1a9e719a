/// The console against real nodes: AMP_CONSOLE_URL (and AMP_STANDBY_URL, if there is one), AMP_USER, AMP_PASSWORD.
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { logIn, openBrowser, until, watchedPage } from "./browser.ts";

const URL_ = (process.env.AMP_CONSOLE_URL ?? "").replace(/\/+$/, "");
const STANDBY = (process.env.AMP_STANDBY_URL ?? "").replace(/\/+$/, "");
const USER = process.env.AMP_USER ?? "admin";
const PASSWORD = process.env.AMP_PASSWORD ?? "";
const STANDBY_PASSWORD = process.env.AMP_STANDBY_PASSWORD ?? PASSWORD;

let browser: Browser;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(async () => {
  await browser.close();
});

async function about(url: string, password: string) {
  const watched = await watchedPage(browser);
  await watched.page.goto(`${url}/about`);
  await logIn(watched.page, USER, password);
  await watched.page.getByTestId("nodes").waitFor();
  return watched;
}

test("a wrong password is refused in a sentence and opens no box of the browser's own", async () => {
  const { page } = await watchedPage(browser);
  await page.goto(`${URL_}/login`);
  await logIn(page, USER, "not the password");
  expect(await page.getByTestId("login-error").textContent()).toContain("not known here");
});

test("the about page shows the nodes of the plane, and stays live", async () => {
  const { page, said } = await about(URL_, PASSWORD);
  const told = (await page.evaluate(async () => {
    const answer = await fetch("/v1/ha/plane", { headers: { "X-Requested-With": "AMP-Console" } });
    return answer.json();
  })) as { nodes: { id: string; state: string }[]; node: string };
  await until(
    () => page.getByTestId("nodes").locator("tbody tr").count(),
    (rows) => rows === told.nodes.length,
  );
  for (const node of told.nodes) await page.locator(`tr[data-node="${node.id}"]`).first().waitFor();
  expect(await page.getByTestId("cluster-chip").innerText()).toContain(told.node);
  // The server must speak often enough that a healthy plane never looks old.
  const chip = page.getByTestId("connection-chip");
  const end = Date.now() + 14_000;
  while (Date.now() < end) {
    expect(await chip.getAttribute("data-state")).toBe("live");
    await new Promise((next) => setTimeout(next, 500));
  }
  expect(said).toEqual([]);
});

test("the home page sums up the applications", async () => {
  const { page } = await about(URL_, PASSWORD);
  await page.getByRole("link", { name: "Home" }).first().click();
  await until(
    () => page.getByTestId("headline").innerText(),
    (text) => text.length > 0,
  );
});

describe.skipIf(!STANDBY)("a standby", () => {
  test("says that it is not the master, with a working link to the one that is", async () => {
    const { page } = await about(STANDBY, STANDBY_PASSWORD);
    const band = page.getByTestId("standing");
    await until(
      () => band.innerText(),
      (text) => text.includes("This server is not the high-availability master."),
    );
    const link = page.getByTestId("master-link");
    expect(new URL((await link.getAttribute("href")) ?? "").port).toBe(new URL(URL_).port);
    await link.click();
    await page.getByRole("heading").first().waitFor();
    expect(new URL(page.url()).port).toBe(new URL(URL_).port);
  });
});
