/** Every node of the plane as this server sees it: the table of the tutorial, live. Narrow, each row becomes a block. */
import { CopyCommand, CopyId } from "#components/Copyable.tsx";
import { Crown } from "#components/icons.tsx";
import { StatusMark } from "#components/StatusMark.tsx";
import { useTint } from "#hooks/useTint.ts";
import { type HaStatus, inOrder, type NodeView, nodeWord, overdue, pageOn } from "#lib/plane.ts";
import { ago, moment } from "#lib/words.ts";
import css from "./Nodes.module.css";

const COLUMNS = ["Node", "Status", "Priority", "URI", "Last seen", "Term", "Lag", "Version", "Mode"];

export function Nodes({ plane, elapsed_s }: { plane: HaStatus; elapsed_s: number }) {
  return (
    <>
      {/* The roles are said again, because a block on a narrow screen would lose them. */}
      {/* biome-ignore lint/a11y/noRedundantRoles: see above */}
      <table className={css.table} role="table" aria-label="Nodes of the plane" data-testid="nodes">
        {/* biome-ignore lint/a11y/noRedundantRoles: see above */}
        <thead role="rowgroup">
          {/* biome-ignore lint/a11y/noRedundantRoles: see above */}
          <tr role="row">
            {COLUMNS.map((name) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        {/* biome-ignore lint/a11y/noRedundantRoles: see above */}
        <tbody role="rowgroup">
          {inOrder(plane.nodes).map((node) => (
            <Row key={`${node.id} ${node.instance}`} node={node} plane={plane} elapsed_s={elapsed_s} />
          ))}
        </tbody>
      </table>
      {plane.nodes.length === 1 && plane.mode !== "DISABLED" && (
        <div className={css.alone}>
          <p>
            Nothing takes over when this server fails. Make a second one, give it the same{" "}
            <code>persistenceLocation</code> and <code>persistenceDir</code> in its{" "}
            <code>etc/org.apache.brooklyn.osgilauncher.cfg</code>, and start it.
          </p>
          <CopyCommand command="amp init second --port 8082" />
        </div>
      )}
    </>
  );
}

function Row({ node, plane, elapsed_s }: { node: NodeView; plane: HaStatus; elapsed_s: number }) {
  const late = overdue(node, plane, elapsed_s);
  const { tone, word } = late ? { tone: "unknown" as const, word: "not heard of" } : nodeWord(node);
  const link = pageOn(node.uri, "/about");
  const gone = node.state === "TERMINATED";
  return (
    // biome-ignore lint/a11y/noRedundantRoles: a block on a narrow screen would lose its role
    <tr role="row" data-master={node.is_master} data-gone={gone} data-node={node.id}>
      <th scope="row" data-label="Node">
        <span className={css.node}>
          <CopyId id={node.id} what="node id" />
          {node.is_self && <span className={css.self}>this server</span>}
        </span>
      </th>
      <Cell label="Status" watch={word}>
        <span className={css.status}>
          <StatusMark tone={tone} word={word} />
          {node.is_master && <Crown />}
        </span>
      </Cell>
      <Cell label="Priority" watch={node.priority} figure>
        {node.priority}
      </Cell>
      <Cell label="URI" watch={node.uri}>
        {link ? (
          <a className={css.uri} href={link} title={`The console of ${node.id}`}>
            {node.uri}
          </a>
        ) : (
          (node.uri ?? "–")
        )}
      </Cell>
      <td data-label="Last seen" title={node.seen_ms === null ? "never" : moment(node.seen_ms)}>
        {lastSeen(node, plane, elapsed_s)}
      </td>
      <Cell label="Term" watch={node.term} figure>
        {node.term ?? "–"}
      </Cell>
      <Cell label="Lag" watch={node.lag} figure>
        {node.lag ?? "–"}
      </Cell>
      <td data-label="Version">{node.version || "–"}</td>
      <td data-label="Mode">
        <code>{node.mode}</code>
      </td>
    </tr>
  );
}

interface CellProps {
  label: string;
  watch: unknown;
  figure?: boolean;
  children: React.ReactNode;
}

/** A cell that is tinted for a moment when what it shows has changed. */
function Cell({ label, watch, figure = false, children }: CellProps) {
  const tinted = useTint(watch);
  return (
    <td data-label={label} data-tinted={tinted} className={figure ? css.figure : undefined}>
      {children}
    </td>
  );
}

/** This server is seen for as long as it answers; of the others, how long ago it learnt of them. */
function lastSeen(node: NodeView, plane: HaStatus, elapsed_s: number): string {
  if (node.is_self) return elapsed_s < 6 ? "now" : ago(elapsed_s);
  if (node.age_s !== null) return ago(node.age_s + elapsed_s);
  return node.seen_ms === null ? "never" : ago((plane.now_ms - node.seen_ms) / 1000 + elapsed_s);
}
