import { expect, test } from "vitest";
import { backoff, freshness } from "./freshness.ts";

test.each([
  [null, "stale"],
  [0, "fresh"],
  [5.9, "fresh"],
  [6, "ageing"],
  [11.9, "ageing"],
  [12, "stale"],
  [3600, "stale"],
])("data of age %s is %s", (age, judged) => expect(freshness(age)).toBe(judged));

test("pauses double from half a second to eight, and lots spread them", () => {
  expect([0, 1, 2, 3, 4, 5, 30].map((n) => backoff(n, 1))).toEqual([0.5, 1, 2, 4, 8, 8, 8]);
  expect(backoff(4, 0)).toBe(4);
});
