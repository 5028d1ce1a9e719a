/** A state as shape, word and colour, in this order of weight: without colour nothing is lost. */
import type { Tone } from "#lib/plane.ts";
import css from "./StatusMark.module.css";

const SHAPES: Record<Tone, React.ReactNode> = {
  ok: <circle cx="6" cy="6" r="4.5" fill="currentColor" />,
  busy: (
    <>
      <circle cx="6" cy="6" r="4.2" fill="none" stroke="currentColor" strokeWidth="1.4" />
      <path d="M6 1.800a4.200 4.200 0 0 0 0 8.400z" fill="currentColor" />
    </>
  ),
  warning: <path d="M6 1.200 11.300 10.600H.700z" fill="currentColor" />,
  failed: <path d="m2.200 2.200 7.600 7.600m0-7.600L2.200 9.800" stroke="currentColor" strokeWidth="2.200" />,
  stopped: <circle cx="6" cy="6" r="4.200" fill="none" stroke="currentColor" strokeWidth="1.500" />,
  unknown: (
    <circle
      cx="6"
      cy="6"
      r="4.200"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.600"
      strokeDasharray="1.600 1.700"
    />
  ),
};

/** The shape alone, for places where the word stands beside it already. */
export function Glyph({ tone, still = false }: { tone: Tone; still?: boolean }) {
  return (
    <svg
      className={css.glyph}
      data-tone={tone}
      data-still={still}
      width="12"
      height="12"
      viewBox="0 0 12 12"
      aria-hidden="true"
      focusable="false"
    >
      {SHAPES[tone]}
    </svg>
  );
}

/** `still`: what is past does not turn. */
export function StatusMark({ tone, word, still = false }: { tone: Tone; word: string; still?: boolean }) {
  return (
    <span className={css.mark} data-tone={tone}>
      <Glyph tone={tone} still={still} />
      <span>{word}</span>
    </span>
  );
}
