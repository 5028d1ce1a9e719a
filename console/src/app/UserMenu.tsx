/** Who is logged in, and the way out. */
import { ActionIcon, Menu } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { LogOutIcon, UserIcon } from "#components/icons.tsx";
import { api } from "#lib/api.ts";
import { userQuery } from "#lib/queries.ts";

export function UserMenu() {
  const { data: user } = useQuery(userQuery);
  const queries = useQueryClient();
  const navigate = useNavigate();
  const leave = useMutation({
    mutationFn: api.logout,
    onSuccess: async () => {
      await navigate({ to: "/login", search: { reason: "out" } });
      queries.clear();
    },
  });
  return (
    <Menu
      withInitialFocusPlaceholder={false}
      position="bottom-end"
      width={220}
      transitionProps={{ duration: 120 }}
      closeOnItemClick={false}
    >
      <Menu.Target>
        <ActionIcon variant="subtle" color="var(--ink-soft)" size={36} aria-label={`User ${user ?? ""}`}>
          <UserIcon size={18} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>Logged in as {user}</Menu.Label>
        <Menu.Item leftSection={<LogOutIcon />} onClick={() => leave.mutate()} disabled={leave.isPending}>
          {leave.isError ? `Still logged in: ${leave.error.message} Try again` : "Log out"}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
