/** The sentence that a page opens with. What is no longer known to be true is told in the past, without colour. */
import { useAge } from "#hooks/usePlane.ts";
import type { Tone } from "#lib/plane.ts";
import { clock } from "#lib/words.ts";
import { Bar } from "./Loading.tsx";
import { Glyph } from "./StatusMark.tsx";
import css from "./Verdict.module.css";

export function Verdict({ tone, text }: { tone: Tone; text: string | null }) {
  const { freshness, heardWall } = useAge();
  const stale = freshness === "stale" && heardWall !== null;
  if (text === null)
    return (
      <span className={css.verdict}>
        <Bar width={320} height={18} />
      </span>
    );
  return (
    <span className={css.verdict} data-stale={stale}>
      <Glyph tone={stale ? "unknown" : tone} />
      <span>
        {stale && `At ${clock(heardWall)}: `}
        {text}
      </span>
    </span>
  );
}
