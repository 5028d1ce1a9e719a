import { expect, test } from "vitest";
import { logIn, until, watchedPage } from "./browser.ts";
import { stage } from "./stage.ts";

const set = stage();

test("a wrong password is refused in a sentence, and the right one leads where one wanted to go", async () => {
  const { page, said } = await watchedPage(set.browser);
  await page.goto(`${set.mock.url}/about`);
  await page.getByRole("heading", { name: "Log in to AMP" }).waitFor();
  expect(new URL(page.url()).pathname).toBe("/login");
  expect(said).toEqual([]); // nothing was asked that had to be refused

  await logIn(page, "admin", "wrong");
  expect(await page.getByTestId("login-error").textContent()).toContain(
    "This user and password are not known here.",
  );

  await logIn(page);
  await page.getByTestId("nodes").waitFor();
  expect(new URL(page.url()).pathname).toBe("/about");
  expect(said.filter((s) => !s.includes("401"))).toEqual([]);
});

test("Caps Lock is told", async () => {
  const { page } = await watchedPage(set.browser);
  await page.goto(`${set.mock.url}/login`);
  const password = page.getByLabel("Password", { exact: true });
  await password.focus();
  expect(await page.getByText("Caps Lock is on.").count()).toBe(0);
  await password.evaluate((field) =>
    field.dispatchEvent(new KeyboardEvent("keydown", { key: "A", modifierCapsLock: true, bubbles: true })),
  );
  await page.getByText("Caps Lock is on.").waitFor();
});

test("logging out ends the session, and a page address leads back to the log-in", async () => {
  const { page, said } = await set.enter("/");
  await page.getByRole("button", { name: /^User admin/ }).click();
  await page.getByRole("menuitem", { name: "Log out" }).click();
  await page.getByText("You are logged out.").waitFor();
  await page.goto(`${set.mock.url}/about`);
  await page.getByRole("heading", { name: "Log in to AMP" }).waitFor();
  expect(said).toEqual([]);
});

test("a session that ended leads to the log-in, which says why and leads back", async () => {
  const { page } = await set.enter("/about");
  set.mock.forget();
  set.mock.cut();
  await page.getByText("Your session on this server has ended").waitFor();
  await logIn(page);
  await until(
    async () => new URL(page.url()).pathname,
    (path) => path === "/about",
  );
});

test("a server that does not answer is told, not blamed on the password", async () => {
  const { page } = await watchedPage(set.browser);
  await page.goto(`${set.mock.url}/login`);
  await page.route("**/v1/login", (route) => route.abort());
  await logIn(page);
  expect(await page.getByTestId("login-error").textContent()).toContain("This server does not answer.");
});
