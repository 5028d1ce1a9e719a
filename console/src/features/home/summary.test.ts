import { expect, test } from "vitest";
import { application } from "../../../test/mock/applications.ts";
import type { ApplicationState } from "../../lib/api.ts";
import { headline, tally, worstFirst } from "./summary.ts";

const apps = (...states: ApplicationState[]) => states.map((s, i) => application(`id${i}`, `app${i}`, s));

test.each<[ApplicationState[], string, string]>([
  [[], "stopped", "Nothing is deployed yet."],
  [["RUNNING"], "ok", "The one application is running."],
  [["RUNNING", "RUNNING"], "ok", "Both applications are running."],
  [["RUNNING", "RUNNING", "RUNNING"], "ok", "All 3 applications are running."],
  [["RUNNING", "STARTING", "RUNNING"], "busy", "2 of 3 applications are running; 1 starting."],
  [["STOPPED"], "stopped", "0 of 1 application is running; 1 stopped."],
  [["RUNNING", "ERROR"], "failed", "1 of 2 applications is on fire: app1."],
  [
    ["ERROR", "ERROR", "ERROR", "ERROR"],
    "failed",
    "4 of 4 applications are on fire: app0, app1, app2 and 1 more.",
  ],
])("%j", (states, tone, sentence) => expect(headline(apps(...states))).toEqual({ tone, sentence }));

test("the worst comes first", () => {
  const all = apps("STOPPED", "RUNNING", "ERROR", "STARTING");
  expect(tally(all).map((t) => t.word)).toEqual(["on fire", "starting", "running", "stopped"]);
  expect(worstFirst(all).map((a) => a.id)).toEqual(["id2", "id3", "id1", "id0"]);
});
