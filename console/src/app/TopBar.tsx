/** Where one is, how the plane is, how old that is, and who one is. Every part keeps its width while it changes. */
import { Link, useLocation } from "@tanstack/react-router";
import { Mark } from "#components/icons.tsx";
import { ClusterChip } from "./ClusterChip.tsx";
import { ConnectionChip } from "./ConnectionChip.tsx";
import { SchemeMenu } from "./SchemeMenu.tsx";
import css from "./TopBar.module.css";
import { UserMenu } from "./UserMenu.tsx";

const TRAILS: Record<string, string[]> = { "/": ["Home"], "/about": ["Home", "About"] };

export function TopBar() {
  const path = useLocation({ select: (l) => l.pathname.replace(/(.)\/$/, "$1") });
  const trail = TRAILS[path] ?? ["No such page"];
  return (
    <header className={css.bar}>
      <nav className={css.trail} aria-label="Breadcrumb">
        <span className={css.mark}>
          <Mark size={22} />
        </span>
        <ol>
          {trail.map((place, i) => (
            <li key={place}>
              {i < trail.length - 1 ? <Link to="/">{place}</Link> : <span aria-current="page">{place}</span>}
            </li>
          ))}
        </ol>
      </nav>
      <div className={css.cluster}>
        <ClusterChip />
      </div>
      <div className={css.connection}>
        <ConnectionChip />
      </div>
      <div className={css.menus}>
        <SchemeMenu />
        <UserMenu />
      </div>
    </header>
  );
}
