import { expect, test } from "vitest";
import { safeTarget } from "./target.ts";

test.each([
  ["/about", "/about"],
  ["/about?x=1#y", "/about?x=1#y"],
  [undefined, "/"],
  ["", "/"],
  ["//elsewhere.example", "/"],
  ["/\\elsewhere.example", "/"],
  ["https://elsewhere.example", "/"],
  ["/login?to=/login", "/"],
])("a login for %s leads to %s", (to, target) => expect(safeTarget(to)).toBe(target));
