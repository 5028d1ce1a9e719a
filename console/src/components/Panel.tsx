/** A region with a title and a known age. Past 12 s without a sign of life it greys and says since when. */
import type { ReactNode } from "react";
import { useAge } from "#hooks/usePlane.ts";
import { clock, duration } from "#lib/words.ts";
import css from "./Panel.module.css";

interface Props {
  title: string;
  children: ReactNode;
  /** A region that never changes by itself has no age. */
  live?: boolean;
  aside?: ReactNode;
}

export function Panel({ title, children, live = true, aside }: Props) {
  const age = useAge();
  const stale = live && age.freshness === "stale" && age.heardWall !== null;
  const ageing = live && age.freshness === "ageing" && age.age_s !== null;
  return (
    <section className={css.panel} aria-label={title} data-stale={stale}>
      <header>
        <h2>{title}</h2>
        {aside}
        <span className={css.age} data-testid="panel-age">
          {stale && age.heardWall !== null && `stale since ${clock(age.heardWall)}`}
          {ageing && age.age_s !== null && `${duration(age.age_s)} old`}
        </span>
      </header>
      <div className={css.body}>{children}</div>
    </section>
  );
}
