/// What each test file of the mock server needs: one browser, one mock, a page that is logged in.
import { resolve } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, beforeEach } from "vitest";
import { application } from "../test/mock/applications.ts";
import { MASTER, plane } from "../test/mock/plane.ts";
import { type Mock, startMock } from "../test/mock/server.ts";
import { type Look, openBrowser, type Watched, watchedPage } from "./browser.ts";

export interface Stage {
  browser: Browser;
  mock: Mock;
  /** Open a page of the console, logged in. */
  enter(path: string, look?: Look): Promise<Watched>;
}

/** Set the stage for this file; the mock tells a master's plane of three at the start of each test. */
export function stage(): Stage {
  const set = {} as Stage;
  beforeAll(async () => {
    set.browser = await openBrowser();
    set.mock = await startMock(
      { plane: plane(MASTER, Date.now()), applications: [] },
      resolve("../src/amp/server/console"),
    );
    set.enter = async (path, look) => {
      const watched = await watchedPage(set.browser, look);
      const cookies = await session(set.mock.url);
      await watched.page.context().addCookies(cookies);
      const token = cookies.find((c) => c.name === "CSRF-TOKEN")?.value ?? "";
      // Once: what the page itself does with the token later stays done.
      await watched.page.addInitScript((given) => {
        if (!sessionStorage.getItem("set")) localStorage.setItem("amp-csrf-token", given);
        sessionStorage.setItem("set", "1");
      }, token);
      await watched.page.goto(set.mock.url + path);
      await watched.page.getByTestId("verdict").waitFor();
      return watched;
    };
  });
  beforeEach(() => {
    set.mock.silence(false);
    set.mock.state.plane = plane(MASTER, Date.now());
    set.mock.state.applications = [application("yqv1n1zb2e", "web", "RUNNING")];
  });
  afterAll(async () => {
    await set.browser.close();
    await set.mock.stop();
  });
  return set;
}

/** Log in without the form, which has tests of its own. */
async function session(url: string) {
  const answer = await fetch(`${url}/v1/login`, {
    method: "POST",
    headers: { Authorization: `Basic ${btoa("admin:correct horse")}`, "X-Requested-With": "AMP-Console" },
  });
  return answer.headers.getSetCookie().map((line) => {
    const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
    return { name, value, url };
  });
}
