/// Browser tests: one Chromium, one file after the other, against the mock server or the node that AMP_CONSOLE_URL names.
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: process.env.AMP_CONSOLE_URL
      ? ["e2e/node.e2e.ts"]
      : process.env.SCREENSHOTS
        ? ["e2e/screenshots.e2e.ts"]
        : ["e2e/*.e2e.ts"],
    exclude: process.env.AMP_CONSOLE_URL
      ? []
      : ["e2e/node.e2e.ts", ...(process.env.SCREENSHOTS ? [] : ["e2e/screenshots.e2e.ts"])],
    fileParallelism: false,
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
