import { describe, expect, test } from "vitest";
import { ago, count, duration, setting, shortId } from "./words.ts";

describe("durations have at most two units", () => {
  test.each([
    [-3, "0 s"],
    [0.9, "0 s"],
    [59.9, "59 s"],
    [60, "1 m"],
    [192, "3 m 12 s"],
    [7_512, "2 h 5 m"],
    [86_400, "1 d"],
    [97_200, "1 d 3 h"],
  ])("%d s is %s", (seconds, said) => expect(duration(seconds)).toBe(said));
});

test("settings are told exactly", () => {
  expect([setting(30), setting(0.5), setting(1.5), setting(0.05)]).toEqual([
    "30 s",
    "500 ms",
    "1.5 s",
    "50 ms",
  ]);
});

test("what was less than a second ago is now", () => {
  expect([ago(0), ago(0.99), ago(1)]).toEqual(["now", "now", "1 s ago"]);
});

test("ids are shortened in the middle, and only when long", () => {
  expect(shortId("kq3vx81m2a")).toBe("kq3vx81m2a");
  expect(shortId("0123456789abcdef")).toBe("01234…cdef");
});

test("counts agree with their noun", () => {
  expect([count(0, "node"), count(1, "node"), count(2, "node")]).toEqual(["0 nodes", "1 node", "2 nodes"]);
});
