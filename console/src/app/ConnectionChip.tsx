/** Whether what one sees is live, and if not, since when and what is being done. */
import { Glyph } from "#components/StatusMark.tsx";
import { useNow } from "#hooks/useNow.ts";
import { useAge, useLive } from "#hooks/usePlane.ts";
import type { Tone } from "#lib/plane.ts";
import { clock, duration } from "#lib/words.ts";
import css from "./TopBar.module.css";

export function ConnectionChip() {
  const live = useLive();
  const { age_s, freshness, heardWall } = useAge();
  const now = useNow();
  let tone: Tone = "ok";
  let word = "live";
  let more = "";
  if (heardWall === null) {
    tone = "busy";
    word = "connecting";
  } else if (freshness === "stale") {
    tone = "unknown";
    word = "stale";
    more = `since ${clock(heardWall)}`;
  } else if (live.link !== "open") {
    tone = "busy";
    word = "reconnecting";
    const left = live.retryAt === null ? 0 : Math.ceil((live.retryAt - now) / 1000);
    more = left > 0 ? `in ${left} s` : "";
  } else if (freshness === "ageing" && age_s !== null) {
    more = `${duration(age_s)} old`;
  }
  return (
    <span className={css.chip} data-testid="connection-chip" data-state={word}>
      <Glyph tone={tone} />
      <span aria-hidden="true">
        {word} <span className={css.quiet}>{more}</span>
      </span>
      <span className="away" role="status">
        {word}
      </span>
    </span>
  );
}
