/** The places of the console. */
import { Link } from "@tanstack/react-router";
import { AboutIcon, HomeIcon, Mark } from "#components/icons.tsx";
import css from "./Rail.module.css";

const PLACES = [
  { to: "/", word: "Home", Icon: HomeIcon },
  { to: "/about", word: "About", Icon: AboutIcon },
] as const;

export function Rail() {
  return (
    <nav className={css.rail} aria-label="Places">
      <div className={css.brand}>
        <Mark size={26} />
        <span>AMP</span>
      </div>
      <ul>
        {PLACES.map(({ to, word, Icon }) => (
          <li key={to}>
            <Link to={to} className={css.place} activeOptions={{ exact: true }} title={word}>
              <Icon size={18} />
              <span>{word}</span>
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}
