/** The console's few line icons, 16 px, drawn in the colour of the text beside them. They say nothing on their own. */
import type { ReactNode } from "react";

function icon(paths: ReactNode) {
  return function Icon({ size = 16 }: { size?: number }) {
    return (
      <svg
        width={size}
        height={size}
        viewBox="0 0 16 16"
        fill="none"
        stroke="currentColor"
        strokeWidth="1.4"
        strokeLinecap="round"
        strokeLinejoin="round"
        aria-hidden="true"
        focusable="false"
      >
        {paths}
      </svg>
    );
  };
}

export const HomeIcon = icon(
  <path d="M2.5 7.2 8 2.6l5.500 4.600M4 6.500v6.700h8V6.500M6.700 13.200V9.600h2.600v3.600" />,
);
export const AboutIcon = icon(
  <>
    <circle cx="8" cy="3.600" r="1.900" />
    <circle cx="3.500" cy="12" r="1.900" />
    <circle cx="12.500" cy="12" r="1.900" />
    <path d="M7.100 5.300 4.400 10.300M8.900 5.300l2.700 5M5.400 12h5.200" />
  </>,
);
export const CopyIcon = icon(
  <>
    <rect x="5.500" y="5.500" width="8" height="8" rx="1.600" />
    <path d="M10.500 5.500V4A1.500 1.500 0 0 0 9 2.500H4A1.500 1.500 0 0 0 2.500 4v5A1.500 1.500 0 0 0 4 10.500h1.500" />
  </>,
);
export const CheckIcon = icon(<path d="m3 8.600 3.300 3.200L13 4.600" />);
export const OpenIcon = icon(<path d="M6.500 3.500h-3v9h9v-3M9.500 3h3.500v3.500M13 3 7.500 8.500" />);
export const SunIcon = icon(
  <>
    <circle cx="8" cy="8" r="2.800" />
    <path d="M8 1.500v1.300M8 13.200v1.300M1.500 8h1.300M13.200 8h1.300M3.400 3.400l.900.900M11.700 11.700l.900.900M3.400 12.600l.900-.900M11.700 4.300l.900-.900" />
  </>,
);
export const MoonIcon = icon(
  <path d="M13.300 9.600A5.700 5.700 0 0 1 6.400 2.700a5.700 5.700 0 1 0 6.900 6.900Z" />,
);
export const SystemIcon = icon(
  <>
    <rect x="2" y="3" width="12" height="8" rx="1.400" />
    <path d="M6 13.500h4M8 11v2.500" />
  </>,
);
export const UserIcon = icon(
  <>
    <circle cx="8" cy="5.500" r="2.600" />
    <path d="M3 13.500c.600-2.600 2.500-3.900 5-3.900s4.400 1.300 5 3.900" />
  </>,
);
export const LogOutIcon = icon(<path d="M6.500 2.500h-3v11h3M7 8h6.500M11 5.500 13.500 8 11 10.500" />);
export const LockIcon = icon(
  <path d="M8 2.500 12.500 8h-2.300v2.500H5.800V8H3.500L8 2.500ZM5.800 13h4.400" />,
);

/** The master's mark: always beside the word. */
export function Crown() {
  return (
    <svg width="14" height="12" viewBox="0 0 14 12" fill="currentColor" aria-hidden="true" focusable="false">
      <path d="M1 2.600 4 5.400 7 .800l3 4.600 3-2.800-1.200 6.600H2.200L1 2.600ZM2.200 10.200h9.600v1.200H2.200z" />
    </svg>
  );
}

/** The product's mark: three nodes that share a plane, one of them leading. */
export function Mark({ size = 24 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 24 24" fill="none" aria-hidden="true" focusable="false">
      <path
        d="M12 7.500 6.200 16.600M12 7.500l5.800 9.100M7.500 18h9"
        stroke="var(--accent)"
        strokeWidth="1.600"
      />
      <circle cx="5.200" cy="18" r="2.500" stroke="var(--accent)" strokeWidth="1.600" />
      <circle cx="18.800" cy="18" r="2.500" stroke="var(--accent)" strokeWidth="1.600" />
      <circle cx="12" cy="5.800" r="3.400" fill="var(--accent)" />
    </svg>
  );
}
