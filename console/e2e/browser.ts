/// One headless Chromium for a test file, pages that watch themselves, and waiting with a bound.
import { existsSync } from "node:fs";
import { type Browser, chromium, type Page } from "playwright-core";

const CHROMIUM =
  process.env.CHROMIUM ??
  ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);

export async function openBrowser(): Promise<Browser> {
  if (!CHROMIUM) throw new Error("no Chromium found: install Debian's `chromium`, or name one in CHROMIUM");
  return chromium.launch({
    executablePath: CHROMIUM,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--no-first-run",
    ],
  });
}

export interface Watched {
  page: Page;
  /** What the browser's console said in earnest: errors, warnings, failed loads. */
  said: string[];
  /** The layout shifts so far that no key or click explains: how much, and what moved from where to where. */
  shifts(): Promise<string[]>;
}

interface LayoutShift extends PerformanceEntry {
  value: number;
  hadRecentInput: boolean;
  sources: { node: Node | null; previousRect: DOMRectReadOnly; currentRect: DOMRectReadOnly }[];
}

export interface Look {
  scheme?: "light" | "dark";
  width?: number;
  height?: number;
}

export async function watchedPage(browser: Browser, look: Look = {}): Promise<Watched> {
  const context = await browser.newContext({
    viewport: { width: look.width ?? 1440, height: look.height ?? 900 },
    colorScheme: look.scheme ?? "light",
    reducedMotion: "reduce",
    timezoneId: "UTC",
  });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  const said: string[] = [];
  page.on("console", (m) => {
    if (m.type() === "error" || m.type() === "warning") said.push(`${m.type()}: ${m.text()}`);
  });
  page.on("pageerror", (e) => said.push(`page: ${e.message}`));
  await page.addInitScript(() => {
    const seen: string[] = [];
    Object.assign(window, { shifts: seen });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as LayoutShift[]) {
        if (entry.hadRecentInput) continue;
        const moved = entry.sources.map(({ node, previousRect: a, currentRect: b }) => {
          const name =
            node instanceof Element ? `${node.tagName} ${node.className}` : (node?.textContent ?? "gone");
          return `${name} (${a.x},${a.y} to ${b.x},${b.y})`;
        });
        seen.push(`${entry.value.toFixed(4)}: ${moved.join("; ")}`);
      }
    }).observe({ type: "layout-shift", buffered: true });
  });
  return {
    page,
    said,
    shifts: () => page.evaluate(() => (window as unknown as { shifts: string[] }).shifts),
  };
}

export async function logIn(page: Page, user = "admin", password = "correct horse"): Promise<void> {
  await page.getByLabel("User").fill(user);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Log in" }).click();
}

/** Wait until `probe` answers what `accept` takes; say what it answered last when it does not in time. */
export async function until<T>(
  probe: () => Promise<T>,
  accept: (value: T) => boolean,
  within_ms = 8000,
): Promise<T> {
  const end = Date.now() + within_ms;
  for (;;) {
    const value = await probe();
    if (accept(value)) return value;
    if (Date.now() > end) throw new Error(`not in ${within_ms} ms; last: ${JSON.stringify(value)}`);
    await new Promise((next) => setTimeout(next, 50));
  }
}
