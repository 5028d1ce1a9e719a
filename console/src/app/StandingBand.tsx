/**
 * Says what the node is that serves this page and what that means here; a band, never a wall. Its space is there from
 * the start, so that an election moves nothing. A node that does not answer is said first: the rest is then old.
 */
import { UnstyledButton } from "@mantine/core";
import { OpenIcon } from "#components/icons.tsx";
import { Glyph } from "#components/StatusMark.tsx";
import { useAge, useLive, useLiveAgent, usePlane } from "#hooks/usePlane.ts";
import { type HaStatus, pageOn, standing } from "#lib/plane.ts";
import { clock, duration, shortId } from "#lib/words.ts";
import css from "./StandingBand.module.css";

export function StandingBand() {
  const { plane } = usePlane();
  const { freshness, heardWall } = useAge();
  const { trouble, attempt } = useLive();
  const silent = freshness === "stale" && heardWall !== null;
  const lost = trouble !== null && (attempt > 1 || silent);
  if (lost || silent) return <Lost plane={plane} since={heardWall} />;
  if (!plane) return <div className={css.band} data-kind="unknown" />;
  return <Known plane={plane} />;
}

function Known({ plane }: { plane: HaStatus }) {
  const { elapsed_s } = usePlane();
  const { kind, tone, sentence, meaning } = standing(plane);
  const master = kind === "copy" || kind === "empty" || kind === "failed" || kind === "fenced";
  const link = master ? pageOn(plane.master_uri, "/about") : null;
  const left = plane.candidate_at_s === null ? null : plane.candidate_at_s - elapsed_s;
  return (
    <div
      className={css.band}
      data-kind={kind}
      data-tone={tone}
      data-testid="standing"
      role={tone === "ok" ? undefined : "status"}
    >
      <Glyph tone={tone} />
      {/* Another sentence is another paragraph: it takes the place of the last one and moves nothing. */}
      <p key={sentence + meaning}>
        <strong>{sentence}</strong> {meaning}
        {kind === "electing" && left !== null && (
          <span aria-hidden="true"> This server stands {left >= 1 ? `in ${duration(left)}` : "now"}.</span>
        )}
        {master && !link && plane.master && " The master has told no address of its own."}
      </p>
      {link && (
        <a href={link} data-testid="master-link">
          Open master <code>{shortId(plane.master ?? "")}</code> <OpenIcon size={14} />
        </a>
      )}
    </div>
  );
}

function Lost({ plane, since }: { plane: HaStatus | null; since: number | null }) {
  const live = useLiveAgent();
  const others = (plane?.nodes ?? [])
    .filter((n) => !n.is_self && n.state !== "TERMINATED" && n.state !== "FAILED")
    .map((n) => ({ node: n, link: pageOn(n.uri, "/about") }))
    .filter((o) => o.link !== null);
  return (
    <div className={css.band} data-kind="lost" data-tone="failed" data-testid="standing" role="alert">
      <Glyph tone="failed" />
      <p>
        <strong>
          This server does not answer{since === null ? "." : `: last heard at ${clock(since)}.`}
        </strong>{" "}
        Applications keep running; the console keeps trying.
      </p>
      <span className={css.ways}>
        {others.map(({ node, link }) => (
          <a key={`${node.id}${node.instance}`} href={link ?? ""}>
            Open <code>{shortId(node.id)}</code> <OpenIcon size={14} />
          </a>
        ))}
        <UnstyledButton className={css.again} onClick={() => live.retry()}>
          Try now
        </UnstyledButton>
      </span>
    </div>
  );
}
