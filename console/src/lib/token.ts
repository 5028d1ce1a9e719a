/**
 * Keeps the token of the session that this browser has with this very server.
 *
 * The server gives it in a cookie, but cookies know no ports: a log-in at another server of the same machine overwrites
 * it. So it is copied at log-in into the storage of the page's origin, which does know ports.
 */
const KEY = "amp-csrf-token";

function cookie(): string | null {
  const found = document.cookie.split("; ").find((pair) => pair.startsWith("CSRF-TOKEN="));
  return found ? decodeURIComponent(found.slice("CSRF-TOKEN=".length)) : null;
}

/** The token that writes carry, or null where no session can be open. Without storage, the cookie is what there is. */
export function token(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return cookie();
  }
}

/** Take over the token that a log-in has just given. */
export function keepToken(): void {
  const given = cookie();
  try {
    if (given) localStorage.setItem(KEY, given);
  } catch {
    // Storage is switched off: the cookie is read instead.
  }
}

/** Forget the token of a session that has ended. */
export function dropToken(): void {
  try {
    localStorage.removeItem(KEY);
  } catch {
    // Nothing was kept.
  }
}
