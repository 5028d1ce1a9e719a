/** Decides where a login leads: to a page of this console and nowhere else. */

/** Answer `to` if it is a path of this console, else the home page. */
export function safeTarget(to: string | undefined): string {
  if (!to?.startsWith("/") || /^\/[/\\]/.test(to) || to.startsWith("/login")) return "/";
  return to;
}
