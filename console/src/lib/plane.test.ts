import { describe, expect, test } from "vitest";
import { election, MASTER, node, plane, SECOND, THIRD } from "../../test/mock/plane.ts";
import { type HaStatus, inOrder, overdue, pageOn, readable, safety, standing } from "./plane.ts";

const NOW = 1_750_000_000_000;
const seen = (self: string, more: Partial<HaStatus> = {}) => plane(self, NOW, more);

describe("what this server is", () => {
  test.each<[string, HaStatus, string, string]>([
    ["master", seen(MASTER), "master", "ok"],
    ["master without HA", seen(MASTER, { mode: "DISABLED" }), "alone", "ok"],
    ["hot standby", seen(SECOND), "copy", "warning"],
    ["standby", seen(SECOND, { state: "STANDBY", loaded: false }), "empty", "warning"],
    ["hot backup", seen(SECOND, { state: "HOT_BACKUP" }), "copy", "warning"],
    ["election", election(SECOND, NOW), "electing", "busy"],
    ["starting", seen(SECOND, { state: "INITIALIZING" }), "starting", "busy"],
    ["failed", seen(SECOND, { state: "FAILED", problem: "the store refuses" }), "failed", "failed"],
    ["fenced", seen(MASTER, { fenced: true }), "fenced", "failed"],
    ["stopping", seen(MASTER, { shutting_down: true }), "stopping", "warning"],
  ])("%s", (_, status, kind, tone) => expect(standing(status)).toMatchObject({ kind, tone }));

  test("a server that is not master says so in these words", () => {
    expect(standing(seen(SECOND)).sentence).toBe("This server is not the high-availability master.");
    expect(standing(seen(SECOND, { state: "STANDBY" })).sentence).toBe(
      "This server is not the high-availability master.",
    );
  });

  test("a copy says how far behind it is", () => {
    const behind = [node(MASTER, "MASTER", NOW), node(SECOND, "HOT_STANDBY", NOW, { lag: 3 })];
    expect(standing(seen(SECOND)).meaning).toContain("up to date");
    expect(standing(seen(SECOND, { nodes: behind })).meaning).toContain("3 behind");
  });

  test("a failed one gives the reason", () => {
    expect(standing(seen(SECOND, { state: "FAILED", problem: "the store refuses" })).meaning).toMatch(
      /^the store refuses\. /,
    );
  });
});

test("applications are read on the master and on loaded copies only", () => {
  expect(readable(seen(MASTER))).toBe(true);
  expect(readable(seen(SECOND))).toBe(true);
  expect(readable(seen(SECOND, { loaded: false }))).toBe(false);
  expect(readable(seen(SECOND, { state: "STANDBY" }))).toBe(false);
});

describe("how safe the plane is", () => {
  test.each<[string, HaStatus, string]>([
    ["a master and two that follow", seen(MASTER), "ok"],
    ["a master alone", seen(MASTER, { nodes: [node(MASTER, "MASTER", NOW)] }), "warning"],
    [
      "only a backup beside it",
      seen(MASTER, { nodes: [node(MASTER, "MASTER", NOW), node(THIRD, "HOT_BACKUP", NOW)] }),
      "warning",
    ],
    [
      "the other is silent",
      seen(MASTER, { nodes: [node(MASTER, "MASTER", NOW), node(THIRD, "HOT_STANDBY", NOW, { age_s: 31 })] }),
      "warning",
    ],
    ["nobody leads", election(SECOND, NOW), "busy"],
    ["this one failed", seen(SECOND, { state: "FAILED" }), "failed"],
  ])("%s", (_, status, tone) => expect(safety(status)).toBe(tone));
});

test("a node is overdue when its silence passes the heartbeat timeout, seen by time that passes here too", () => {
  const quiet = node(THIRD, "HOT_STANDBY", NOW, { age_s: 25 });
  expect(overdue(quiet, seen(MASTER), 4)).toBe(false);
  expect(overdue(quiet, seen(MASTER), 6)).toBe(true);
  expect(overdue({ ...quiet, state: "TERMINATED" }, seen(MASTER), 60)).toBe(false);
  expect(overdue({ ...quiet, is_self: true }, seen(MASTER), 60)).toBe(false);
});

test("the master comes first, then who would follow it", () => {
  const nodes = [
    node("a", "TERMINATED", NOW),
    node("b", "HOT_STANDBY", NOW),
    node("c", "STANDBY", NOW, { priority: 9 }),
    node("d", "HOT_STANDBY", NOW, { priority: 1 }),
    node("e", "MASTER", NOW),
  ];
  expect(inOrder(nodes).map((n) => n.id)).toEqual(["e", "d", "b", "c", "a"]);
});

test.each([
  ["http://10.0.4.11:8081", "http://10.0.4.11:8081/about"],
  ["http://10.0.4.11:8081/", "http://10.0.4.11:8081/about"],
  ["https://amp.example/one/", "https://amp.example/one/about"],
  ["javascript:alert(1)", null],
  ["10.0.4.11", null],
  [null, null],
])("the console of %s is at %s", (uri, link) => expect(pageOn(uri, "/about")).toBe(link));
