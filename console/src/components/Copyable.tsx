/** Text that is copied whole by its button: an id (shown short) or a command (shown in full). */
import { useEffect, useState } from "react";
import { copy } from "#lib/clipboard.ts";
import { shortId } from "#lib/words.ts";
import css from "./Copyable.module.css";
import { CheckIcon, CopyIcon } from "./icons.tsx";

function useCopied(text: string) {
  const [said, setSaid] = useState("");
  useEffect(() => {
    if (!said) return;
    const timer = setTimeout(() => setSaid(""), 1500);
    return () => clearTimeout(timer);
  }, [said]);
  const act = async () => setSaid((await copy(text)) ? "Copied" : "Select the text and copy it by hand");
  return { said, act };
}

export function CopyId({ id, what }: { id: string; what: string }) {
  const { said, act } = useCopied(id);
  return (
    <button
      type="button"
      className={css.id}
      onClick={act}
      title={`${id}: copy`}
      aria-label={`Copy ${what} ${id}`}
    >
      <code>{shortId(id)}</code>
      <span className={css.icon} data-done={said === "Copied"}>
        {said === "Copied" ? <CheckIcon size={14} /> : <CopyIcon size={14} />}
      </span>
      <span className="away" role="status">
        {said}
      </span>
    </button>
  );
}

export function CopyCommand({ command }: { command: string }) {
  const { said, act } = useCopied(command);
  return (
    <span className={css.command}>
      <code>{command}</code>
      <button type="button" onClick={act} aria-label={`Copy the command ${command}`}>
        {said === "Copied" ? <CheckIcon size={14} /> : <CopyIcon size={14} />}
        <span role="status">{said || "Copy"}</span>
      </button>
    </span>
  );
}
