/** What is asked of the node once or after a change, by the name under which the answer is kept. */
import { queryOptions } from "@tanstack/react-query";
import { ApiError, api, mayHaveSession } from "#lib/api.ts";

/** Who is logged in, or null. A browser without a session's token does not ask: the answer is known. */
export const userQuery = queryOptions({
  queryKey: ["user"],
  queryFn: async ({ signal }) => {
    if (!mayHaveSession()) return null;
    try {
      return await api.user(signal);
    } catch (cause) {
      if (cause instanceof ApiError && cause.status === 401) return null;
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
