/** Which address shows which page. What needs a session sends to the login page, which sends back. */
import type { QueryClient } from "@tanstack/react-query";
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  Outlet,
  redirect,
} from "@tanstack/react-router";
import { About } from "#features/about/About.tsx";
import { Home } from "#features/home/Home.tsx";
import { Login, type LoginSearch } from "#features/login/Login.tsx";
import { userQuery } from "#lib/queries.ts";
import { Frame } from "./Frame.tsx";
import { Missing, Unreachable } from "./Missing.tsx";

interface Context {
  queries: QueryClient;
}

const root = createRootRouteWithContext<Context>()({ component: Outlet });

const login = createRoute({
  getParentRoute: () => root,
  path: "/login",
  validateSearch: (given: Record<string, unknown>): LoginSearch => ({
    ...(typeof given.to === "string" ? { to: given.to } : {}),
    ...(given.reason === "ended" || given.reason === "out" ? { reason: given.reason } : {}),
  }),
  component: Login,
});

const frame = createRoute({
  getParentRoute: () => root,
  id: "frame",
  beforeLoad: async ({ context, location }) => {
    const user = await context.queries.ensureQueryData(userQuery);
    if (user === null)
      throw redirect({ to: "/login", search: location.href === "/" ? {} : { to: location.href } });
  },
  component: Frame,
  errorComponent: Unreachable,
});

const home = createRoute({ getParentRoute: () => frame, path: "/", component: Home });
const about = createRoute({ getParentRoute: () => frame, path: "/about", component: About });
const missing = createRoute({ getParentRoute: () => frame, path: "$", component: Missing });

const tree = root.addChildren([login, frame.addChildren([home, about, missing])]);

export function makeRouter(queries: QueryClient) {
  return createRouter({
    routeTree: tree,
    context: { queries },
    defaultPreload: false,
    scrollRestoration: true,
  });
}

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof makeRouter>;
  }
}
