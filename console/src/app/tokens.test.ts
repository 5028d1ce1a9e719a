import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const text = readFileSync(new URL("./tokens.css", import.meta.url), "utf8");

function tokens(scheme: "light" | "dark"): Map<string, string> {
  const block = new RegExp(`\\[data-mantine-color-scheme="${scheme}"\\] \\{([^}]*)\\}`).exec(text)?.[1] ?? "";
  return new Map([...block.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map((m) => [m[1] ?? "", m[2] ?? ""]));
}

function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const c = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [low = 0, high = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}

const SURFACES = ["page", "panel", "raised", "hover", "accent-tint"];
const TEXTS = ["ink", "ink-soft", "accent", "ok", "busy", "warning", "failed", "stopped", "unknown"];
const STATES = ["ok", "busy", "warning", "failed", "stopped", "unknown"];

test.each(["light", "dark"] as const)("every text colour has 4.5:1 on every surface (%s)", (scheme) => {
  const of = tokens(scheme);
  const pairs = [
    ...SURFACES.flatMap((s) => TEXTS.map((t) => [t, s] as const)),
    ...STATES.map((s) => [s, `${s}-tint`] as const),
    ...STATES.map((s) => ["ink", `${s}-tint`] as const),
    ["on-accent", "accent"] as const,
    ["on-accent", "accent-hover"] as const,
  ];
  const weak = pairs
    .map(([t, s]) => ({
      pair: `${t} on ${s}`,
      ratio: contrast(of.get(t) ?? "#777777", of.get(s) ?? "#777777"),
    }))
    .filter((p) => p.ratio < 4.5);
  expect(weak).toEqual([]);
  expect(of.size).toBeGreaterThan(20);
});
