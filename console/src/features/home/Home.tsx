/** The first page: is anything wrong with what runs, and with the plane that looks after it? */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { Rows } from "#components/Loading.tsx";
import { Panel } from "#components/Panel.tsx";
import { StatusMark } from "#components/StatusMark.tsx";
import { Trouble } from "#components/Trouble.tsx";
import { Verdict } from "#components/Verdict.tsx";
import { usePlane } from "#hooks/usePlane.ts";
import { useTitle } from "#hooks/useTitle.ts";
import { ApiError, type Application } from "#lib/api.ts";
import { type HaStatus, readable, safety, type Tone } from "#lib/plane.ts";
import { applicationsQuery } from "#lib/queries.ts";
import { Applications, NoApplications, NotReadHere } from "./Applications.tsx";
import css from "./Home.module.css";
import { headline, tally } from "./summary.ts";

export function Home() {
  useTitle("Home");
  const { plane } = usePlane();
  const apps = useQuery({ ...applicationsQuery, enabled: plane !== null && readable(plane) });
  const refused = apps.error instanceof ApiError && apps.error.status === 403;
  if (!plane) return <Loading />;
  if (!readable(plane) || refused)
    return (
      <Page plane={plane} tone="unknown" headline="Applications cannot be read on this server.">
        <NotReadHere plane={plane} />
      </Page>
    );
  if (apps.data) {
    const { tone, sentence } = headline(apps.data);
    return (
      <Page plane={plane} tone={tone} headline={sentence} aside={<Counts apps={apps.data} />}>
        {apps.data.length === 0 ? <NoApplications /> : <Applications apps={apps.data} />}
      </Page>
    );
  }
  if (apps.error)
    return (
      <Page plane={plane} tone="unknown" headline="How the applications are is not known.">
        <Trouble
          sentence="The applications could not be read."
          meaning="They keep running; only this list is missing."
          error={apps.error}
          onRetry={() => void apps.refetch()}
        />
      </Page>
    );
  return <Loading />;
}

interface PageProps {
  plane: HaStatus;
  tone: Tone;
  headline: string;
  aside?: ReactNode;
  children: ReactNode;
}

function Page({ plane, tone, headline: sentence, aside, children }: PageProps) {
  return (
    <div className={css.page}>
      <div className={css.top}>
        <h1 data-testid="headline">
          <Verdict tone={tone} text={sentence} />
        </h1>
        <Link to="/about" className={css.verdict} data-testid="verdict">
          <Verdict tone={safety(plane)} text={plane.verdict} />
        </Link>
      </div>
      <Panel title="Applications" aside={aside}>
        {children}
      </Panel>
    </div>
  );
}

/** In the shape of what is to come, and replaced by it whole. */
function Loading() {
  return (
    <div className={css.page}>
      <div className={css.top}>
        <h1>
          <Verdict tone="unknown" text={null} />
        </h1>
        <Verdict tone="unknown" text={null} />
      </div>
      <Panel title="Applications">
        <Rows rows={3} />
      </Panel>
    </div>
  );
}

function Counts({ apps }: { apps: readonly Application[] }) {
  if (apps.length === 0) return null;
  return (
    <ul className={css.counts}>
      {tally(apps).map((t) => (
        <li key={t.word}>
          <StatusMark tone={t.tone} word={`${t.n} ${t.word}`} />
        </li>
      ))}
    </ul>
  );
}
