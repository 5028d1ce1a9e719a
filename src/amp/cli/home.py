"""Makes a home directory: what the tutorial calls an AMP server. Writes files; overwrites none.

The rule: the files hold every option, commented out, with a line on what it means, so that following the tutorial is
to remove a `#`. The password is shown once and kept only as a salted hash.
"""

from __future__ import annotations

import ipaddress
import os
import shlex
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

from amp.cli.options import BROOKLYN, LAUNCHER, OPTIONS, WEB, Option
from amp.cli.users import random_text, user_lines
from amp.kit.errors import Conflict, Invalid
from amp.kit.ids import Entropy, random_id

_SCRIPT = """\
#!/bin/sh
# {what}
HOME_DIR=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd) || exit 1
exec "${{AMP_PYTHON:-{python}}}" -P -m amp.cli.main {command} "$HOME_DIR" "$@"
"""

_SCRIPTS = {
    "start": "Start this AMP server in the background; returns once it serves. `start amp` does the same.",
    "stop": "Stop this AMP server; returns once it is down. What it manages goes on running.",
    "status": "Say whether this AMP server runs. Exit code 0: it does, 3: it does not.",
    "release": "After this AMP server died: tell the others, so that a standby need not wait. For service managers.",
    "launch": "Run this AMP server in the foreground, for service managers and containers.",
}

_TUTORIAL = """\
# --- Store for high availability -----------------------------------------------------------------------------------
# An object store that all nodes of a plane share. The name after `named.` is what persistenceLocation in
# org.apache.brooklyn.osgilauncher.cfg refers to.
#brooklyn.location.named.aws-s3-eu-west-1=aws-s3:eu-west-1
#brooklyn.location.named.aws-s3-eu-west-1.identity=<AWS Identity>
#brooklyn.location.named.aws-s3-eu-west-1.credential=<AWS Credential>
# For a server that is S3-compatible (http:// means plain HTTP and path style):
#brooklyn.location.named.aws-s3-eu-west-1.endpoint=http://127.0.0.1:9000
"""


@dataclass(frozen=True, slots=True)
class NewHome:
    """What was made. `password` is nowhere else."""

    path: Path
    user: str
    password: str
    url: str


def make_home(home: Path, *, port: int, host: str, entropy: Entropy, python: str = sys.executable) -> NewHome:
    """Make a home directory with its files and a user `admin`.

    Raises: Conflict, when the directory is not empty; Invalid, for a bad port or host, or where it cannot be written.
    """
    if not 0 < port < 65536:
        raise Invalid(f"--port {port} is not a port: give a number from 1 to 65535")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise Invalid(f"--host {host} is not an address: give the address to listen on, or 0.0.0.0 for all") from None
    home = home.absolute()
    password = random_text(entropy, 16)
    try:
        _refuse_occupied(home)
        for folder, mode in ((home, 0o755), (home / "etc", 0o755), (home / "bin", 0o755), (home / "data", 0o700)):
            folder.mkdir(mode=mode, parents=True, exist_ok=True)
        _write(home / BROOKLYN, _brooklyn_cfg(user_lines("admin", password, entropy)), 0o600)
        _write(home / LAUNCHER, _commented(LAUNCHER, {}), 0o644)
        web = {"org.osgi.service.http.port": str(port), "org.ops4j.pax.web.listening.addresses": host}
        _write(home / WEB, _commented(WEB, web), 0o644)
        for name, what in _SCRIPTS.items():
            command = "ha release" if name == "release" else name
            script = _SCRIPT.format(what=what, python=_in_double_quotes(python), command=command)
            _write(home / "bin" / name, script, 0o755)
        _write(home / "data" / "instance", random_id(entropy, 16) + "\n", 0o600)
    except OSError as error:
        raise Invalid(f"{error.filename or home}: cannot be made: {error.strerror}") from None
    reached = "127.0.0.1" if address.is_unspecified else host
    return NewHome(
        home, "admin", password, f"http://[{reached}]:{port}" if ":" in reached else f"http://{reached}:{port}"
    )


def _refuse_occupied(home: Path) -> None:
    if home.exists() and not home.is_dir():
        raise Conflict(f"{home} is a file: name a directory that is empty or not there yet")
    if (home / BROOKLYN).exists() or (home / "data" / "instance").exists():
        raise Conflict(f"{home} is the home of an AMP server already: start it with {shlex.quote(str(home))}/bin/start")
    if home.exists() and any(home.iterdir()):
        raise Conflict(f"{home} is not empty and not the home of an AMP server: name another directory")


def _write(path: Path, text: str, mode: int) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(fd, "w") as stream:
        os.fchmod(fd, mode)
        stream.write(text)


def _in_double_quotes(text: str) -> str:
    return "".join("\\" + c if c in '\\"$`' else c for c in text)


def _comment(text: str) -> str:
    return textwrap.fill(text, 110, initial_indent="# ", subsequent_indent="# ", break_long_words=False)


def _commented(file: str, values: dict[str, str]) -> str:
    head = _comment(
        f"{Path(file).name} of this AMP server. Options that are commented out have the default that is named; "
        "remove the # to set one. Lines are key=value, in UTF-8."
    )
    parts = [head]
    for option in OPTIONS:
        if option.file != file:
            continue
        line = f"{option.key}={values[option.key]}" if option.key in values else f"#{option.key}={option.example}"
        parts.append(f"{_comment(option.meaning)}{_default(option)}\n{line}")
    return "\n\n".join(parts) + "\n"


def _brooklyn_cfg(login: list[str]) -> str:
    head = _comment(
        "brooklyn.cfg of this AMP server. It holds secrets: keep its mode at 0600. Lines are key=value, in UTF-8."
    )
    users = (
        _comment("Who may log in. Make another password with: amp generate-password --user admin")
        + "\n"
        + "\n".join(login)
    )
    rest = [
        f"{_comment(option.meaning)}{_default(option)}\n#{option.key}={option.example}"
        for option in OPTIONS
        if option.file == BROOKLYN
        and option.example
        and not option.key.startswith(("brooklyn.location", "brooklyn.web"))
    ]
    return "\n\n".join([head, users, _TUTORIAL.rstrip(), *rest]) + "\n"


def _default(option: Option) -> str:
    return f"\n# Default: {option.default}" if option.default else ""
