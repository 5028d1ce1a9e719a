/** What this server was, and for how long; the newest first. */
import { StatusMark } from "#components/StatusMark.tsx";
import { type HaStatus, nodeWord } from "#lib/plane.ts";
import { clock, duration, moment } from "#lib/words.ts";
import css from "./History.module.css";

const SHOWN = 8;

export function History({ plane, elapsed_s }: { plane: HaStatus; elapsed_s: number }) {
  const steps = plane.history.slice(0, SHOWN).map(([state, since], i) => {
    const until = plane.history[i - 1]?.[1] ?? plane.now_ms + elapsed_s * 1000;
    return { state, since, lasted_s: (until - since) / 1000, now: i === 0 };
  });
  if (steps.length === 0) return <p className={css.none}>This server has not told a state yet.</p>;
  return (
    <ol className={css.steps} data-testid="history">
      {steps.map(({ state, since, lasted_s, now }) => (
        <li key={`${state}${since}`}>
          <StatusMark {...nodeWord({ state })} still={!now} />
          <time dateTime={new Date(since).toISOString()} title={moment(since)}>
            {clock(since)}
          </time>
          <span>
            {now ? "for " : ""}
            {lasted_s < 1 ? "less than 1 s" : duration(lasted_s)}
          </span>
        </li>
      ))}
      {plane.history.length > SHOWN && (
        <li className={css.more}>
          {plane.history.length - SHOWN} earlier in <code>/v1/server/ha/metrics</code>
        </li>
      )}
    </ol>
  );
}
