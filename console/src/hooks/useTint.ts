/** Tells for a moment that a value has changed, so that its cell can be tinted. The first value is no change. */
import { useEffect, useRef, useState } from "react";

export function useTint(value: unknown): boolean {
  const before = useRef(value);
  const [tinted, setTinted] = useState(false);
  useEffect(() => {
    if (before.current === value) return;
    before.current = value;
    setTinted(true);
    const timer = setTimeout(() => setTinted(false), 1200);
    return () => clearTimeout(timer);
  }, [value]);
  return tinted;
}
