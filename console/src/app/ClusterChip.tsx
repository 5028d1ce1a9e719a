/** The plane in one line: what this node is, who leads, in which term, how far behind. Leads to the whole of it. */
import { Link } from "@tanstack/react-router";
import { Crown } from "#components/icons.tsx";
import { Glyph } from "#components/StatusMark.tsx";
import { useAge, usePlane } from "#hooks/usePlane.ts";
import { nodeWord } from "#lib/plane.ts";
import { shortId } from "#lib/words.ts";
import css from "./TopBar.module.css";

export function ClusterChip() {
  const { plane } = usePlane();
  const { freshness, heardWall } = useAge();
  if (!plane)
    return (
      <span className={css.chip} data-testid="cluster-chip">
        <Glyph tone="unknown" />
        <span className={css.quiet}>plane not read yet</span>
      </span>
    );
  const { tone, word } = nodeWord(plane);
  const lag = plane.nodes.find((n) => n.is_self)?.lag;
  return (
    <Link
      to="/about"
      className={css.chip}
      data-testid="cluster-chip"
      data-stale={freshness === "stale" && heardWall !== null}
    >
      <Glyph tone={plane.master === null ? "busy" : tone} />
      <span key={`${word} ${plane.master} ${plane.term} ${lag}`}>
        <code>{shortId(plane.node)}</code> · {word}
        <span className={css.quiet}>
          {plane.master === null && " — no master"}
          {plane.master !== null && plane.master !== plane.node && (
            <span className={css.lead}>
              {" — master "}
              <code>{shortId(plane.master)}</code>
            </span>
          )}
          {" · "}term {plane.term} · lag {lag ?? "–"}
        </span>
      </span>
      {plane.state === "MASTER" && <Crown />}
    </Link>
  );
}
