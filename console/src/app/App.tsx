/** Makes what the console is made of and puts it together; the only place that does. */
import "@mantine/core/styles/baseline.css";
import "@mantine/core/styles/default-css-variables.css";
import "@mantine/core/styles/global.css";
import "@mantine/core/styles/VisuallyHidden.css";
import "@mantine/core/styles/UnstyledButton.css";
import "@mantine/core/styles/ActionIcon.css";
import "@mantine/core/styles/Button.css";
import "@mantine/core/styles/Loader.css";
import "@mantine/core/styles/Input.css";
import "@mantine/core/styles/PasswordInput.css";
import "@mantine/core/styles/Popover.css";
import "@mantine/core/styles/Menu.css";
import "@mantine/core/styles/Menubar.css";
import "./fonts.css";
import "./tokens.css";
import "./base.css";
import "./controls.css";
import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { LiveContext } from "#hooks/usePlane.ts";
import { ApiError } from "#lib/api.ts";
import { Live } from "#lib/live.ts";
import { applicationsQuery, userQuery } from "#lib/queries.ts";
import { dropToken } from "#lib/token.ts";
import { makeRouter } from "./router.tsx";
import { schemeKept, theme } from "./theme.ts";

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      refetchOnWindowFocus: false,
      // A refusal stays one; only silence is worth another try.
      retry: (failures, error) => failures < 2 && error instanceof ApiError && error.status === 0,
    },
  },
});

const router = makeRouter(queries);

const live = new Live({
  onModel: () => void queries.invalidateQueries({ queryKey: applicationsQuery.queryKey }),
  onSessionEnd: () => {
    dropToken();
    queries.setQueryData(userQuery.queryKey, null);
    void router.navigate({ to: "/login", search: { to: router.state.location.href, reason: "ended" } });
  },
});

export function App() {
  return (
    <MantineProvider theme={theme} colorSchemeManager={schemeKept} defaultColorScheme="auto">
      <QueryClientProvider client={queries}>
        <LiveContext value={live}>
          <RouterProvider router={router} />
        </LiveContext>
      </QueryClientProvider>
    </MantineProvider>
  );
}
