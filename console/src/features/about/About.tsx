/** The about page of the home module: what this server is, and how the high-availability plane stands. Live. */
import { useQuery } from "@tanstack/react-query";
import { CopyId } from "#components/Copyable.tsx";
import { Facts } from "#components/Facts.tsx";
import { Rows } from "#components/Loading.tsx";
import { Panel } from "#components/Panel.tsx";
import { Verdict } from "#components/Verdict.tsx";
import { usePlane } from "#hooks/usePlane.ts";
import { useTitle } from "#hooks/useTitle.ts";
import { type HaStatus, safety } from "#lib/plane.ts";
import { versionQuery } from "#lib/queries.ts";
import { duration, moment, setting } from "#lib/words.ts";
import css from "./About.module.css";
import { History } from "./History.tsx";
import { Nodes } from "./Nodes.tsx";

export function About() {
  useTitle("About");
  const { plane, elapsed_s } = usePlane();
  if (!plane) return <Loading />;
  return (
    <div className={css.page}>
      <h1 data-testid="verdict">
        <Verdict tone={safety(plane)} text={sentence(plane.verdict)} />
      </h1>
      <Panel title="High Availability Status">
        <Nodes plane={plane} elapsed_s={elapsed_s} />
      </Panel>
      <div className={css.trio}>
        <Panel title="Plane">
          <PlaneFacts plane={plane} />
        </Panel>
        <Panel title="This server">
          <ServerFacts plane={plane} elapsed_s={elapsed_s} />
        </Panel>
        <Panel title="Recent states">
          <History plane={plane} elapsed_s={elapsed_s} />
        </Panel>
      </div>
    </div>
  );
}

/** How many nodes there are is not known yet, so nothing is put below them that would have to move. */
function Loading() {
  return (
    <div className={css.page}>
      <h1>
        <Verdict tone="unknown" text={null} />
      </h1>
      <Panel title="High Availability Status">
        <Rows rows={4} />
      </Panel>
    </div>
  );
}

function sentence(verdict: string): string {
  return /[.!?]$/.test(verdict) ? verdict : `${verdict}.`;
}

function PlaneFacts({ plane }: { plane: HaStatus }) {
  return (
    <Facts
      facts={[
        ["Name", plane.plane_name],
        ["Plane id", plane.plane && <CopyId key="id" id={plane.plane} what="plane id" />],
        ["Master", plane.master ? <CopyId key="m" id={plane.master} what="master id" /> : "none: electing"],
        ["Term", String(plane.term)],
        ["Journal", `segment ${plane.seq}`],
        ["Heartbeat timeout", setting(plane.heartbeat_timeout_s)],
        ["Poll period", setting(plane.poll_period_s)],
        ["Store", <code key="store">{plane.store}</code>],
      ]}
    />
  );
}

function ServerFacts({ plane, elapsed_s }: { plane: HaStatus; elapsed_s: number }) {
  const { data: version } = useQuery(versionQuery);
  const build = [version?.buildBranch, version?.buildSha1?.slice(0, 8)]
    .filter((part) => part && !part.startsWith("UNKNOWN"))
    .join(" ");
  const up = (plane.now_ms - plane.started_ms) / 1000 + elapsed_s;
  const lease = plane.lease_s === null ? null : plane.lease_s - elapsed_s;
  return (
    <Facts
      facts={[
        ["Version", version?.version ?? plane.version],
        ["Build", build ? <code key="build">{build}</code> : "–"],
        ["Node id", <CopyId key="id" id={plane.node} what="node id" />],
        ["HA mode", <code key="mode">{plane.mode}</code>],
        ["Persist mode", <code key="persist">{plane.persist_mode}</code>],
        ["Priority", String(plane.priority)],
        [
          "Lease",
          lease === null ? "none: it does not lead" : lease > 0 ? `${duration(lease)} left` : "run out",
        ],
        [
          "Up for",
          <span key="up" title={`since ${moment(plane.started_ms)}`}>
            {duration(up)}
          </span>,
        ],
      ]}
    />
  );
}
