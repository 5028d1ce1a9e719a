/** The way in. It says why one is here, why a try failed, and leads back to where one wanted to go. */
import { Button, PasswordInput, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useRouter, useSearch } from "@tanstack/react-router";
import { type KeyboardEvent, type SyntheticEvent, useRef, useState } from "react";
import { Mark } from "#components/icons.tsx";
import { Glyph } from "#components/StatusMark.tsx";
import { useTitle } from "#hooks/useTitle.ts";
import { ApiError, api } from "#lib/api.ts";
import { userQuery } from "#lib/queries.ts";
import css from "./Login.module.css";
import { safeTarget } from "./target.ts";

export interface LoginSearch {
  /** Where the person wanted to go. */
  to?: string;
  /** Why the person is here: the session ended, or they logged out. */
  reason?: "ended" | "out";
}

const REASONS = {
  ended:
    "Your session on this server has ended: it restarted, or you logged out elsewhere. Nothing was lost.",
  out: "You are logged out.",
};

function refusal(error: Error): string {
  if (error instanceof ApiError && error.status === 0)
    return "This server does not answer. It may be stopped or starting; applications keep running.";
  if (error instanceof ApiError && error.status === 401)
    return "This user and password are not known here. Check both; the password was printed when the server was made.";
  return error.message;
}

export function Login() {
  useTitle("Log in");
  const { to, reason } = useSearch({ from: "/login" });
  const router = useRouter();
  const queries = useQueryClient();
  const [caps, setCaps] = useState(false);
  const password = useRef<HTMLInputElement>(null);

  const enter = useMutation({
    mutationFn: ({ user, word }: { user: string; word: string }) => api.login(user, word),
    onSuccess: async () => {
      await queries.fetchQuery({ ...userQuery, staleTime: 0 });
      router.history.push(safeTarget(to));
    },
    onError: () => password.current?.select(),
  });

  const submit = (event: SyntheticEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    enter.mutate({ user: String(form.get("user")), word: String(form.get("password")) });
  };
  const watchCaps = (event: KeyboardEvent) => setCaps(event.getModifierState("CapsLock"));

  return (
    <main className={css.page}>
      <form className={css.form} onSubmit={submit} aria-labelledby="login-title">
        <div className={css.brand}>
          <Mark size={36} />
          <div>
            <h1 id="login-title">Log in to AMP</h1>
            <p>
              Server <code>{window.location.host}</code>
            </p>
          </div>
        </div>
        <TextInput
          name="user"
          label="User"
          autoComplete="username"
          size="md"
          withAsterisk={false}
          required
          autoFocus
          spellCheck={false}
        />
        <PasswordInput
          ref={password}
          name="password"
          label="Password"
          autoComplete="current-password"
          size="md"
          withAsterisk={false}
          required
          onKeyDown={watchCaps}
          onKeyUp={watchCaps}
          aria-describedby="caps"
          visibilityToggleButtonProps={{ "aria-label": "Show the password" }}
        />
        <p id="caps" className={css.caps} role="status">
          {caps && (
            <>
              <Glyph tone="warning" /> Caps Lock is on.
            </>
          )}
        </p>
        <Button variant="filled" type="submit" size="md" fullWidth loading={enter.isPending}>
          Log in
        </Button>
        <div className={css.word}>
          {enter.isError ? (
            <p role="alert" data-testid="login-error">
              <Glyph tone="failed" />
              <span>{refusal(enter.error)}</span>
            </p>
          ) : (
            reason && (
              <p role="status">
                <Glyph tone="stopped" />
                <span>{REASONS[reason]}</span>
              </p>
            )
          )}
        </div>
      </form>
    </main>
  );
}
