/** Light, dark, or as the system has it. */
import { ActionIcon, type MantineColorScheme, Menu, useMantineColorScheme } from "@mantine/core";
import { CheckIcon, MoonIcon, SunIcon, SystemIcon } from "#components/icons.tsx";

const SCHEMES: { scheme: MantineColorScheme; word: string; Icon: typeof SunIcon }[] = [
  { scheme: "light", word: "Light", Icon: SunIcon },
  { scheme: "dark", word: "Dark", Icon: MoonIcon },
  { scheme: "auto", word: "System", Icon: SystemIcon },
];

export function SchemeMenu() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const chosen = SCHEMES.find((s) => s.scheme === colorScheme);
  const Icon = chosen?.Icon ?? SystemIcon;
  return (
    <Menu
      withInitialFocusPlaceholder={false}
      position="bottom-end"
      width={160}
      transitionProps={{ duration: 120 }}
    >
      <Menu.Target>
        <ActionIcon
          variant="subtle"
          color="var(--ink-soft)"
          size={36}
          aria-label={`Theme: ${chosen?.word ?? "System"}`}
        >
          <Icon size={18} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {SCHEMES.map((s) => (
          <Menu.Item
            key={s.scheme}
            leftSection={<s.Icon />}
            rightSection={s.scheme === colorScheme ? <CheckIcon /> : null}
            onClick={() => setColorScheme(s.scheme)}
          >
            {s.word}
            {s.scheme === colorScheme && <span className="away"> (chosen)</span>}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
