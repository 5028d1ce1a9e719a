/** Mantine dressed in the tokens: its controls take their colours from `tokens.css`, so that there is one source. */
import { createTheme, localStorageColorSchemeManager, type MantineColorsTuple } from "@mantine/core";

const accent: MantineColorsTuple = [
  "#ecebfa",
  "#d8d5f5",
  "#bdb8f0",
  "#a59cf5",
  "#8d83ea",
  "#7469dc",
  "#5145c4",
  "#4439ab",
  "#382f90",
  "#2b2472",
];

export const theme = createTheme({
  fontFamily: "var(--sans)",
  fontFamilyMonospace: "var(--mono)",
  colors: { accent },
  primaryColor: "accent",
  primaryShade: { light: 6, dark: 3 },
  autoContrast: true,
  defaultRadius: 6,
  cursorType: "pointer",
  respectReducedMotion: true,
  fontSizes: { xs: "12px", sm: "14px", md: "14px", lg: "16px", xl: "20px" },
});

/** Where the choice of light, dark or system is kept; `public/scheme.js` reads the same key before the first paint. */
export const schemeKept = localStorageColorSchemeManager({ key: "amp-color-scheme" });
