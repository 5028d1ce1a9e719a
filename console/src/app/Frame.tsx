/** What stands around every page: rail, bar, and the band that says what the node is which serves the page. */
import { Outlet } from "@tanstack/react-router";
import { useEffect } from "react";
import { useLiveAgent } from "#hooks/usePlane.ts";
import css from "./Frame.module.css";
import { Rail } from "./Rail.tsx";
import { StandingBand } from "./StandingBand.tsx";
import { TopBar } from "./TopBar.tsx";

export function Frame() {
  const live = useLiveAgent();
  useEffect(() => {
    live.start();
    return () => live.stop();
  }, [live]);
  return (
    <div className={css.frame}>
      <a className={css.skip} href="#content">
        Skip to the content
      </a>
      <Rail />
      <TopBar />
      <div className={css.below}>
        <StandingBand />
        <main id="content" className={css.content} tabIndex={-1}>
          <Outlet />
        </main>
      </div>
    </div>
  );
}
