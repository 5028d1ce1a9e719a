/// Builds the console into the Python package, where the server finds it; serves it with a proxy to a node while one works on it.
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const node = process.env.AMP_CONSOLE_URL ?? "http://127.0.0.1:8081";

export default defineConfig({
  plugins: [react()],
  build: {
    outDir: "../src/amp/server/console",
    emptyOutDir: true,
    target: "es2022",
    // Fonts stay files of their own: the page's policy allows fonts from its own origin only.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 700,
  },
  server: { proxy: { "/v1": { target: node, changeOrigin: true } } },
  test: { include: ["src/**/*.test.ts"] },
});
