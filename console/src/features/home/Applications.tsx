/** The applications as a table, and what stands in its place where there are none or where they cannot be read. */
import { CopyCommand, CopyId } from "#components/Copyable.tsx";
import { StatusMark } from "#components/StatusMark.tsx";
import { useTint } from "#hooks/useTint.ts";
import type { Application } from "#lib/api.ts";
import { type HaStatus, pageOn } from "#lib/plane.ts";
import { shortId } from "#lib/words.ts";
import css from "./Applications.module.css";
import { stateWord, worstFirst } from "./summary.ts";

export function Applications({ apps }: { apps: readonly Application[] }) {
  return (
    <table className={css.table} data-testid="applications">
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col">Status</th>
          <th scope="col">Type</th>
          <th scope="col">Id</th>
        </tr>
      </thead>
      <tbody>
        {worstFirst(apps).map((app) => (
          <Row key={app.id} app={app} />
        ))}
      </tbody>
    </table>
  );
}

function Row({ app }: { app: Application }) {
  const { tone, word } = stateWord(app.status);
  const tinted = useTint(app.status);
  const type = app.spec.type ?? "";
  return (
    <tr>
      <th scope="row">{app.spec.name}</th>
      <td data-tinted={tinted}>
        <StatusMark tone={tone} word={word} />
      </td>
      <td className={css.type} title={type}>
        {type.split(".").pop() || "–"}
      </td>
      <td>
        <CopyId id={app.id} what="application id" />
      </td>
    </tr>
  );
}

export function NoApplications() {
  return (
    <div className={css.instead}>
      <p>
        The plane manages nothing. Deploy the example from a shell on this machine, and it appears here at
        once.
      </p>
      <CopyCommand command="amp deploy examples/app.yaml" />
    </div>
  );
}

export function NotReadHere({ plane }: { plane: HaStatus }) {
  const link = pageOn(plane.master_uri, "/");
  return (
    <div className={css.instead}>
      <p>
        {plane.state === "STANDBY"
          ? "A standby holds no state until it becomes master: it starts lean, and reads the journal when it is elected."
          : "This server has not read the journal to its end yet, or takes no part in the plane."}{" "}
        The applications are not affected.
      </p>
      {link && (
        <a href={link}>
          See them on the master <code>{shortId(plane.master ?? "")}</code>
        </a>
      )}
    </div>
  );
}
