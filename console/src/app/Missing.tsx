/** Pages for an address that names nothing, and for a node that does not answer when the console starts. */
import { Link, useRouter } from "@tanstack/react-router";
import { Trouble } from "#components/Trouble.tsx";
import { useTitle } from "#hooks/useTitle.ts";
import css from "./Frame.module.css";

export function Missing() {
  useTitle("No such page");
  return (
    <div className={css.page}>
      <h1>There is no page at this address.</h1>
      <p>
        Begin at <Link to="/">Home</Link>, or see the plane at <Link to="/about">About</Link>.
      </p>
    </div>
  );
}

export function Unreachable({ error }: { error: unknown }) {
  const router = useRouter();
  useTitle("No answer");
  return (
    <main className={css.lonely}>
      <Trouble
        sentence="This server does not answer."
        meaning="It may be stopped or starting. Applications keep running without it."
        error={error instanceof Error ? error : new Error(String(error))}
        onRetry={() => void router.invalidate()}
      />
    </main>
  );
}
