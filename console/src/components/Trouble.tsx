/** What went wrong in a full sentence, what it means, the request's id, and another try. */
import { Button } from "@mantine/core";
import { ApiError } from "#lib/api.ts";
import { Glyph } from "./StatusMark.tsx";
import css from "./Trouble.module.css";

interface Props {
  sentence: string;
  meaning: string;
  error: Error;
  onRetry: () => void;
}

export function Trouble({ sentence, meaning, error, onRetry }: Props) {
  const id = error instanceof ApiError ? error.requestId : null;
  return (
    <div className={css.trouble} role="alert">
      <p className={css.sentence}>
        <Glyph tone="failed" />
        {sentence}
      </p>
      <p className={css.meaning}>{meaning}</p>
      <details>
        <summary>Details</summary>
        <p>{error.message}</p>
        {id && (
          <p>
            Request <code>{id}</code>
          </p>
        )}
      </details>
      <Button variant="default" size="xs" onClick={onRetry}>
        Retry
      </Button>
    </div>
  );
}
