/** Sums up the applications in one sentence and in counts. Pure. */
import type { Application, ApplicationState } from "#lib/api.ts";
import type { Tone } from "#lib/plane.ts";
import { count } from "#lib/words.ts";

const WORDS: Record<ApplicationState, { tone: Tone; word: string }> = {
  ACCEPTED: { tone: "stopped", word: "created" },
  STARTING: { tone: "busy", word: "starting" },
  RUNNING: { tone: "ok", word: "running" },
  STOPPING: { tone: "busy", word: "stopping" },
  STOPPED: { tone: "stopped", word: "stopped" },
  DESTROYED: { tone: "stopped", word: "destroyed" },
  ERROR: { tone: "failed", word: "on fire" },
  UNKNOWN: { tone: "unknown", word: "unknown" },
};

/** What an application's state is called, and which glyph it has. */
export function stateWord(state: ApplicationState): { tone: Tone; word: string } {
  return WORDS[state] ?? { tone: "unknown", word: String(state).toLowerCase() };
}

const FIRST: readonly Tone[] = ["failed", "warning", "busy", "unknown", "ok", "stopped"];

/** The counts by word, the worst first. */
export function tally(apps: readonly Application[]): { tone: Tone; word: string; n: number }[] {
  const counts = new Map<string, { tone: Tone; word: string; n: number }>();
  for (const app of apps) {
    const { tone, word } = stateWord(app.status);
    const entry = counts.get(word) ?? { tone, word, n: 0 };
    counts.set(word, { ...entry, n: entry.n + 1 });
  }
  return [...counts.values()].sort((a, b) => FIRST.indexOf(a.tone) - FIRST.indexOf(b.tone));
}

/** The applications with the worst first, then by name. */
export function worstFirst(apps: readonly Application[]): Application[] {
  const rank = (a: Application) => FIRST.indexOf(stateWord(a.status).tone);
  return [...apps].sort((a, b) => rank(a) - rank(b) || a.spec.name.localeCompare(b.spec.name));
}

/** One sentence that says whether anything needs a person. */
export function headline(apps: readonly Application[]): { tone: Tone; sentence: string } {
  if (apps.length === 0) return { tone: "stopped", sentence: "Nothing is deployed yet." };
  const failed = apps.filter((a) => stateWord(a.status).tone === "failed");
  if (failed.length > 0) {
    const names = failed.slice(0, 3).map((a) => a.spec.name);
    const more = failed.length > 3 ? ` and ${failed.length - 3} more` : "";
    return {
      tone: "failed",
      sentence: `${failed.length} of ${count(apps.length, "application")} ${failed.length === 1 ? "is" : "are"} on fire: ${names.join(", ")}${more}.`,
    };
  }
  const running = apps.filter((a) => a.status === "RUNNING").length;
  if (running === apps.length)
    return {
      tone: "ok",
      sentence:
        running === 1
          ? "The one application is running."
          : running === 2
            ? "Both applications are running."
            : `All ${running} applications are running.`,
    };
  const others = tally(apps).filter((t) => t.word !== "running");
  return {
    tone: others[0]?.tone ?? "ok",
    sentence: `${running} of ${count(apps.length, "application")} ${apps.length === 1 || running === 1 ? "is" : "are"} running; ${others
      .map((t) => `${t.n} ${t.word}`)
      .join(", ")}.`,
  };
}
