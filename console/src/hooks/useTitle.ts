/** Names the browser's tab after the page. */
import { useEffect } from "react";

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · AMP`;
  }, [title]);
}
