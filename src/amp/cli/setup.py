"""The commands that prepare a server: `amp init` and `amp generate-password`. They ask no server."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from amp.cli.exits import OK
from amp.cli.home import make_home
from amp.cli.users import user_lines
from amp.kit.errors import Invalid
from amp.kit.ids import system_entropy


def init(home: Path, /, *, port: int = 8081, host: str = "0.0.0.0") -> int:  # noqa: S104  # as Brooklyn; standbys must reach it
    """Make the home directory of a server, with its files and a user admin whose password is shown once.

    Parameters
    ----------
    home: Path
        an empty directory, or one that is not there yet
    port: int
        the port of REST and console
    host: str
        the address to listen on; 0.0.0.0 is all
    """
    made = make_home(home, port=port, host=host, entropy=system_entropy)
    print(
        f"Made an AMP server in {made.path}\n\n  address   {made.url}\n  user      {made.user}\n"
        f"  password  {made.password}   (kept only as a hash: note it now)\n\n"
        f"Next steps\n  start it        {made.path}/bin/start\n  see its state   {made.path}/bin/status\n"
        f"  configure it    {made.path}/etc/brooklyn.cfg\n"
        f"  make it highly available: set the options in {made.path}/etc/org.apache.brooklyn.osgilauncher.cfg"
    )
    return OK


def generate_password(*, user: str, stdin: Annotated[bool, Parameter(negative="")] = False) -> int:
    """Print the lines for etc/brooklyn.cfg that let a user in; asks for the password twice.

    Parameters
    ----------
    user: str
        who may log in
    stdin: bool
        read the password from standard input (its first line) rather than ask
    """
    if not user or any(c in user for c in ",*") or not user.isprintable():
        raise Invalid(f"--user {user!r} is not a user name: it must not be empty nor hold commas or *")
    if stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    elif not sys.stdin.isatty():
        raise Invalid("there is no terminal to ask for the password: pipe it in, and add --stdin")
    else:
        password = getpass.getpass("Password: ")
        if password and getpass.getpass("Re-enter password: ") != password:
            raise Invalid("Passwords do not match")
    if not password.strip():
        raise Invalid("Password must not be blank")
    print("Please add the following to your etc/brooklyn.cfg:\n")
    print("\n".join(user_lines(user, password, system_entropy)))
    return OK
