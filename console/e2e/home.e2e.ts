import { expect, test } from "vitest";
import { application } from "../test/mock/applications.ts";
import { MASTER, node, plane, THIRD } from "../test/mock/plane.ts";
import { until } from "./browser.ts";
import { stage } from "./stage.ts";

const set = stage();

test("applications are summed up in a sentence, and follow the model", async () => {
  const { page, said } = await set.enter("/");
  const headline = page.getByTestId("headline");
  await until(
    () => headline.innerText(),
    (text) => text === "The one application is running.",
  );
  set.mock.state.applications = [
    application("yqv1n1zb2e", "web", "RUNNING"),
    application("h2k8d0xw3p", "billing", "ERROR"),
  ];
  set.mock.send("model", { seq: 1874, changes: [] });
  await until(
    () => headline.innerText(),
    (text) => text === "1 of 2 applications is on fire: billing.",
  );
  expect(await page.getByTestId("applications").locator("tbody tr").first().innerText()).toContain("on fire");
  expect(said).toEqual([]);
});

test("with nothing deployed it says so and gives the command", async () => {
  set.mock.state.applications = [];
  const { page } = await set.enter("/");
  await page.getByText("Nothing is deployed yet.").waitFor();
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.getByRole("button", { name: "Copy the command amp deploy examples/app.yaml" }).click();
  await page.getByText("Copied").waitFor();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe("amp deploy examples/app.yaml");
});

test("a standby explains itself and links to the master, and asks nothing that is refused", async () => {
  const now = Date.now();
  set.mock.state.plane = plane(THIRD, now, {
    nodes: [node(MASTER, "MASTER", now), node(THIRD, "STANDBY", now, { lag: null })],
  });
  const { page, said } = await set.enter("/");
  await page.getByText("Applications cannot be read on this server.").waitFor();
  expect(await page.getByRole("link", { name: /See them on the master/ }).getAttribute("href")).toBe(
    "http://10.0.4.11:8081/",
  );
  expect(said).toEqual([]);
});

test("applications that cannot be read give a sentence, the request's id and another try", async () => {
  const { page } = await set.enter("/about");
  await page.route("**/v1/applications", (route) =>
    route.fulfill({ status: 500, headers: { "X-Request-Id": "r-17" }, json: { message: "It broke." } }),
  );
  await page.getByRole("link", { name: "Home" }).first().click();
  const trouble = page.getByRole("alert");
  await trouble.waitFor();
  expect(await trouble.innerText()).toContain("The applications could not be read.");
  await trouble.getByText("Details").click();
  expect(await trouble.innerText()).toContain("r-17");
  await page.unroute("**/v1/applications");
  await trouble.getByRole("button", { name: "Retry" }).click();
  await page.getByTestId("applications").waitFor();
});
