"""Turns a home's files into `amp.settings.Settings`: each value checked, each complaint with file and line.

The rule: a file that says something AMP cannot do stops the start and says where, why and what to write instead; what
is merely odd becomes a warning. It reads only files (and, for the published address, the routing table).
Which file wins is `cli.layers`; stores and users have modules of their own.
"""

from __future__ import annotations

import enum
import ipaddress
import math
import re
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from amp.cli.layers import Layers, nearest, read_layers, where
from amp.cli.options import LAUNCHER, default_of
from amp.cli.properties import Entry
from amp.cli.stores import choose_store
from amp.cli.users import choose_users
from amp.ha.modes import HaMode, PersistMode, combined
from amp.kit.durations import format_duration, parse_duration
from amp.kit.errors import Invalid
from amp.settings import Settings

_Mode = TypeVar("_Mode", bound=enum.StrEnum)
_HOST = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*\.?")
_TIMEOUT, _POLL = "brooklyn.ha.heartbeatTimeout", "brooklyn.ha.pollPeriod"


def route_address() -> str | None:
    """Answer this machine's address on the default route; None where there is no route. Sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address for documentation: a datagram socket only looks up the route
            return str(probe.getsockname()[0])
        except OSError:
            return None


def load(home: Path, environ: Mapping[str, str], route: Callable[[], str | None] = route_address) -> Settings:
    """Read the configuration of the home directory `home`.

    Raises: Invalid, naming file, line and what to write instead.
    """
    layers = read_layers(home.absolute(), environ)
    ha, persist = _modes(layers)
    timeout, poll = _heartbeat(layers)
    host, port = _listening(layers)
    users, anyone = choose_users(layers)
    _refuse_tls(layers)
    name = layers.brooklyn.get("amp.plane.name")
    return Settings(
        home=layers.home,
        ha_mode=ha,
        persist_mode=persist,
        store=None if persist is PersistMode.DISABLED else choose_store(layers),
        heartbeat_timeout=timeout,
        poll_period=poll,
        persist_period=_duration(layers.launcher, "persistPeriod"),
        host=host,
        port=port,
        uri=_uri(layers, host, port, route),
        plane_name=name.value.strip() or None if name else None,
        plane_moved=_flag(layers.brooklyn, "amp.plane.moved"),
        users=users,
        anyone=anyone,
        ignore_persistence_errors=_flag(layers.launcher, "ignorePersistenceErrors"),
        standby_is_hot=_flag(layers.brooklyn, "brooklyn.experimental.feature.defaultStandbyIsHot"),
        forward_writes=_flag(layers.brooklyn, "amp.ha.forwardWrites"),
        node_ca=_file(layers, "amp.node.ca"),
        properties={key: entry.value for key, entry in sorted(layers.brooklyn.items())},
        warnings=tuple(layers.warnings),
    )


def _modes(layers: Layers) -> tuple[HaMode, PersistMode]:
    ha = _choice(layers.launcher, "highAvailabilityMode", HaMode)
    persist = _choice(layers.launcher, "persistMode", PersistMode) or PersistMode(default_of("persistMode"))
    try:
        return combined(ha, persist), persist
    except Invalid as error:
        entry = layers.launcher.get("persistMode") or layers.launcher.get("highAvailabilityMode")
        place = where(entry) if entry else str(layers.home / LAUNCHER)
        raise Invalid(f"{place}: {error.message}") from None


def _choice(entries: Mapping[str, Entry], key: str, modes: type[_Mode]) -> _Mode | None:
    entry = entries.get(key)
    if entry is None or not entry.value.strip():
        return None
    try:
        return modes(entry.value.strip().upper())
    except ValueError:
        near = nearest(entry.value.strip(), modes)
        raise Invalid(
            f"{where(entry)}: {key}={entry.value.strip()} is unknown{f' (is {near} meant?)' if near else ''}: "
            f"the values are {', '.join(modes)}"
        ) from None


def _heartbeat(layers: Layers) -> tuple[float, float]:
    timeout, poll = _duration(layers.brooklyn, _TIMEOUT), _duration(layers.brooklyn, _POLL)
    _duration(layers.brooklyn, "brooklyn.ha.timeoutForInactiveNodeRemovalOnStartup")  # read when it is used
    if timeout >= 2 and timeout >= 2 * poll:
        return timeout, poll
    entry = layers.brooklyn.get(_TIMEOUT) or layers.brooklyn[_POLL]
    least = max(2.0, 2 * poll)
    raise Invalid(
        f"{where(entry)}: {_TIMEOUT} is {format_duration(timeout)} and {_POLL} is {format_duration(poll)}, but the "
        f"timeout must be at least 2s and two poll periods: set it to {format_duration(least)} or more"
        + (", or poll more often" if 2 * poll > 2 else "")
    )


def _duration(entries: Mapping[str, Entry], key: str) -> float:
    entry = entries.get(key)
    if entry is None or not entry.value.strip():
        return parse_duration(default_of(key))
    try:
        seconds = parse_duration(entry.value)
    except Invalid as error:
        raise Invalid(f"{where(entry)}: {key}: {error.message}") from None
    if not math.isfinite(seconds) or seconds <= 0:
        raise Invalid(f"{where(entry)}: {key}={entry.value.strip()} is not more than nothing: write 500ms, 3s or 1m")
    return seconds


def _flag(entries: Mapping[str, Entry], key: str) -> bool:
    entry = entries.get(key)
    text = entry.value.strip().lower() if entry else ""
    if entry and text not in ("", "true", "false"):
        raise Invalid(f"{where(entry)}: {key}={entry.value.strip()} is neither true nor false")
    return (text or default_of(key)) == "true"


def _file(layers: Layers, key: str) -> str | None:
    entry = layers.brooklyn.get(key)
    if entry is None or not entry.value.strip():
        return None
    path = layers.home / Path(entry.value.strip()).expanduser()
    if not path.is_file():
        raise Invalid(f"{where(entry)}: {key}={entry.value.strip()} is not a file that is there")
    return str(path)


def _listening(layers: Layers) -> tuple[str, int]:
    port = 0
    entry = layers.web.get("org.osgi.service.http.port")
    text = entry.value.strip() if entry and entry.value.strip() else default_of("org.osgi.service.http.port")
    if text.isascii() and text.isdigit() and len(text) < 6:
        port = int(text)
    if entry and not 0 < port < 65536:
        raise Invalid(f"{where(entry)}: {entry.key}={text} is not a port: write a number from 1 to 65535")
    addresses = layers.web.get("org.ops4j.pax.web.listening.addresses")
    names = [name.strip() for name in addresses.value.split(",") if name.strip()] if addresses else []
    if addresses and len(names) > 1:
        raise Invalid(
            f"{where(addresses)}: {addresses.key} lists {len(names)} addresses, but AMP listens on one, or on all: "
            "keep one, or write 0.0.0.0"
        )
    if addresses and names and not (_is_address(names[0]) or _HOST.fullmatch(names[0])):
        raise Invalid(f"{where(addresses)}: {addresses.key}={names[0]} is neither an address nor the name of a host")
    return names[0].strip("[]") if names else default_of("org.ops4j.pax.web.listening.addresses"), port


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _uri(layers: Layers, host: str, port: int, route: Callable[[], str | None]) -> str:
    entry = layers.brooklyn.get("amp.node.uri")
    if entry is None or not entry.value.strip():
        name = (route() or "127.0.0.1") if host in ("0.0.0.0", "::") else host  # noqa: S104  # compared, not bound
        return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"
    text = entry.value.strip()
    try:
        parts = urlsplit(text)
        good = (
            parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc
        )
    except ValueError:
        good = False
    if not good:
        raise Invalid(f"{where(entry)}: amp.node.uri={text} is not an address such as http://amp-1.example.org:8081")
    return text.rstrip("/")


def _refuse_tls(layers: Layers) -> None:
    for entries, key, wanted in (
        (layers.web, "org.osgi.service.http.enabled", True),
        (layers.web, "org.osgi.service.http.secure.enabled", False),
        (layers.brooklyn, "brooklyn.webconsole.security.https.required", False),
    ):
        if _flag(entries, key) is not wanted:
            reason = (
                "AMP is operated by HTTP"
                if wanted
                else "AMP does not speak TLS itself: put a proxy that does before it"
            )
            raise Invalid(f"{where(entries[key])}: {key} must be {str(wanted).lower()}: {reason}")
