/** What is asked of the node once or after a change, by the name under which the answer is kept. */
import { queryOptions } from "@tanstack/react-query";
import { ApiError, api } from "#lib/api.ts";
import { dropToken, token } from "#lib/token.ts";

/** Who is logged in, or null. A browser without a session's token does not ask: the answer is known. */
export const userQuery = queryOptions({
  queryKey: ["user"],
  queryFn: async ({ signal }) => {
    if (token() === null) return null;
    try {
      return await api.user(signal);
    } catch (cause) {
      if (cause instanceof ApiError && cause.status === 401) {
        dropToken();
        return null;
      }
      throw cause;
    }
  },
  staleTime: Number.POSITIVE_INFINITY,
});

export const versionQuery = queryOptions({
  queryKey: ["version"],
  queryFn: ({ signal }) => api.version(signal),
  staleTime: Number.POSITIVE_INFINITY,
});

export const applicationsQuery = queryOptions({
  queryKey: ["applications"],
  queryFn: ({ signal }) => api.applications(signal),
});
