"""Reads a home's files into layers of properties: which file, which line, which one wins.

The rule (low to high): `~/.brooklyn/location-metadata.properties` is below all but brooklyn.cfg; then the global, then
the local properties file, then environment variables whose names are keys. It keeps where each value stands, so that
every later complaint names file and line. It does not know what a key means; that is `cli.config`.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from amp.cli.options import BROOKLYN, LAUNCHER, WEB, known_keys
from amp.cli.properties import Entry, parse_properties
from amp.kit.errors import Invalid

ENVIRONMENT = "the environment"
_PREFIXES = ("brooklyn.", "amp.", "org.apache.brooklyn.")
_SECRET = re.compile(r"password|passwd|credential|secret|private|access\.cert|access\.key|token", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")


@dataclass(frozen=True, slots=True)
class Layers:
    """What the files say. `brooklyn`: the merged properties; `launcher` and `web`: one file each."""

    home: Path
    environ: Mapping[str, str]
    launcher: Mapping[str, Entry]
    web: Mapping[str, Entry]
    brooklyn: Mapping[str, Entry]
    warnings: list[str] = field(default_factory=list)


def read_layers(home: Path, environ: Mapping[str, str]) -> Layers:
    """Read all files of a home and of its user.

    Raises: Invalid, naming the file, for what cannot be read, is malformed or is open to others.
    """
    if not (home / "etc").is_dir():
        raise Invalid(f"{home} is not the home of an AMP server (it has no etc/): make one with: amp init {home}")
    warnings: list[str] = []
    launcher = _substituted(_read(home / LAUNCHER, warnings), home, environ)
    web = _substituted(_read(home / WEB, warnings), home, environ)
    _warn_unknown(launcher.values(), known_keys(LAUNCHER), warnings)
    _warn_unknown(web.values(), known_keys(WEB), warnings)
    brooklyn = _read(home / BROOKLYN, warnings)
    _warn_exposed(home / BROOKLYN, brooklyn.values(), warnings)
    dot_brooklyn = expand("~/.brooklyn", home, environ)
    merged = brooklyn | _read(dot_brooklyn / "location-metadata.properties", warnings)
    for key, default in (
        ("globalBrooklynPropertiesFile", str(dot_brooklyn / "brooklyn.properties")),
        ("localBrooklynPropertiesFile", ""),
    ):
        entry = launcher.get(key)
        name = entry.value.strip() if entry else default
        if not name:
            continue
        path = expand(name, home, environ)
        if entry and key.startswith("local") and not path.exists():
            raise Invalid(f"{entry.where}: {key} names {path}, which is not there: correct it, or remove the line")
        merged |= _read(path, warnings, private=True)
    merged |= {key: Entry(key, value, ENVIRONMENT, 0) for key, value in environ.items() if key.startswith(_PREFIXES)}
    _warn_misspelt(merged.values(), warnings)
    return Layers(home, environ, launcher, web, merged, warnings)


def expand(name: str, home: Path, environ: Mapping[str, str]) -> Path:
    """Make a path of what a file says: `~` is the user's home, what is relative is below the AMP home."""
    if name == "~" or name.startswith("~/"):
        return Path(environ.get("HOME") or Path.home()) / name[2:]
    return home / name


def where(entry: Entry) -> str:
    """Say where an entry stands: `FILE:LINE`, or the environment."""
    return entry.file if entry.file == ENVIRONMENT else entry.where


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Answer the known word that is most like `word`, ignoring case; None when none is."""
    by_lower = {name.lower(): name for name in known}
    found = difflib.get_close_matches(word.lower(), by_lower, 1, 0.6)
    return by_lower[found[0]] if found else None


def _read(path: Path, warnings: list[str], *, private: bool = False) -> dict[str, Entry]:
    try:
        with path.open("rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode & 0o777
            data = stream.read()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise Invalid(f"{path}: cannot be read: {error.strerror}: let the user who runs AMP read it") from None
    if private and mode & 0o077:
        raise Invalid(
            f"{path}: others than its owner have access to it (mode {mode:03o}), but it may hold secrets: "
            f"chmod 600 {path}"
        )
    entries: dict[str, Entry] = {}
    for entry in parse_properties(data, str(path)):
        earlier = entries.get(entry.key)
        if earlier and earlier.value != entry.value:
            warnings.append(
                f"{entry.where}: {entry.key} is set again (first on line {earlier.line}): the last one counts"
            )
        entries[entry.key] = entry
    return entries


def _substituted(entries: dict[str, Entry], home: Path, environ: Mapping[str, str]) -> dict[str, Entry]:
    karaf = {"karaf.etc": home / "etc", "karaf.home": home, "karaf.base": home, "karaf.data": home / "data"}

    def value_of(entry: Entry) -> str:
        def replace(match: re.Match[str]) -> str:
            name = match.group(1)
            if name in karaf:
                return str(karaf[name])
            if name == "brooklyn.persistence.dir":
                return environ.get("BROOKLYN_PERSISTENCE_DIR", "")
            if name.startswith("env:") and name[4:] in environ:
                return environ[name[4:]]
            if name.startswith("env:"):
                raise Invalid(f"{entry.where}: {entry.key}: the environment variable {name[4:]} is not set")
            raise Invalid(
                f"{entry.where}: {entry.key}: ${{{name}}} is unknown: there are ${{karaf.etc}}, ${{karaf.home}}, "
                "${karaf.base}, ${karaf.data} and ${env:NAME}"
            )

        return _PLACEHOLDER.sub(replace, entry.value)

    return {key: Entry(key, value_of(entry), entry.file, entry.line) for key, entry in entries.items()}


def _warn_unknown(entries: Iterable[Entry], known: list[str], warnings: list[str]) -> None:
    for entry in entries:
        if entry.key not in known:
            near = nearest(entry.key, known)
            warnings.append(
                f"{entry.where}: {entry.key} is not known{f': is {near} meant?' if near else ''}; it is ignored"
            )


def _warn_misspelt(entries: Iterable[Entry], warnings: list[str]) -> None:
    """Warn of keys in families that are wholly ours; of other brooklyn.* keys there are too many to judge."""
    known = known_keys(BROOKLYN)
    tolerated = {"amp.plane.moved"}
    families = ("brooklyn.ha.", "amp.node.", "amp.plane.")
    suspects = [e for e in entries if e.key.startswith(families) and e.key not in tolerated and e.key not in known]
    for entry in suspects:
        near = nearest(entry.key, known)
        warnings.append(
            f"{where(entry)}: {entry.key} is not known{f': is {near} meant?' if near else ''}; it is ignored"
        )


def _warn_exposed(path: Path, entries: Iterable[Entry], warnings: list[str]) -> None:
    secret = next((entry for entry in entries if _SECRET.search(entry.key) and entry.value), None)
    if secret and path.stat().st_mode & 0o077:
        warnings.append(
            f"{path}: others than its owner have access to it, but it holds secrets ({secret.key}): chmod 600 {path}"
        )
