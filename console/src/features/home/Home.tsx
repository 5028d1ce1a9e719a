/** The first page: is anything wrong with what runs, and with the plane that looks after it? */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Bar, Rows } from "#components/Loading.tsx";
import { Panel } from "#components/Panel.tsx";
import { Glyph, StatusMark } from "#components/StatusMark.tsx";
import { Trouble } from "#components/Trouble.tsx";
import { usePlane } from "#hooks/usePlane.ts";
import { useTitle } from "#hooks/useTitle.ts";
import { ApiError } from "#lib/api.ts";
import { readable, safety } from "#lib/plane.ts";
import { applicationsQuery } from "#lib/queries.ts";
import { Applications, NoApplications, NotReadHere } from "./Applications.tsx";
import css from "./Home.module.css";
import { headline, tally } from "./summary.ts";

export function Home() {
  useTitle("Home");
  const { plane } = usePlane();
  const apps = useQuery({ ...applicationsQuery, enabled: plane !== null && readable(plane) });
  const refused = apps.error instanceof ApiError && apps.error.status === 403;
  const closed = (plane !== null && !readable(plane)) || refused;
  const known = closed ? undefined : apps.data;
  const top = closed
    ? { tone: "unknown" as const, sentence: "Applications cannot be read on this server." }
    : known
      ? headline(known)
      : null;

  return (
    <div className={css.page}>
      <div className={css.top}>
        <h1 data-testid="headline">
          {top ? (
            <>
              <Glyph tone={top.tone} />
              <span>{top.sentence}</span>
            </>
          ) : (
            <Bar width={320} height={20} />
          )}
        </h1>
        <Link to="/about" className={css.verdict} data-testid="verdict">
          {plane ? (
            <>
              <Glyph tone={safety(plane)} />
              <span>{plane.verdict}</span>
            </>
          ) : (
            <Bar width={260} />
          )}
        </Link>
      </div>
      <Panel title="Applications" aside={<Counts apps={known} />}>
        <div className={css.hold}>
          {closed && plane ? (
            <NotReadHere plane={plane} />
          ) : known ? (
            known.length === 0 ? (
              <NoApplications />
            ) : (
              <Applications apps={known} />
            )
          ) : apps.error ? (
            <Trouble
              sentence="The applications could not be read."
              meaning="They keep running; only this list is missing."
              error={apps.error}
              onRetry={() => void apps.refetch()}
            />
          ) : (
            <Rows rows={3} />
          )}
        </div>
      </Panel>
    </div>
  );
}

function Counts({ apps }: { apps: Parameters<typeof tally>[0] | undefined }) {
  if (!apps || apps.length === 0) return null;
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
