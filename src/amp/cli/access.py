"""What the client commands have in common: which server to ask and as whom, how to print, how long to wait."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from cyclopts import Parameter

from amp.cli.client import DEFAULT_URL, Client
from amp.cli.node import seconds
from amp.kit.errors import Invalid

Output = Annotated[
    Literal["table", "json"], Parameter(name=["--output", "-o"], help="table for people, json for scripts")
]
Patience = Annotated[str | None, Parameter(help="wait no longer than this, such as 90s or 10m; default: no limit")]
Detach = Annotated[bool, Parameter(negative="", help="do not wait until it is done")]


@Parameter(name="*")
@dataclass(frozen=True)
class Access:
    """Which server to ask, and as whom."""

    url: Annotated[str, Parameter(env_var="AMP_URL", help="the server's address; or several, with commas")] = (
        DEFAULT_URL
    )
    user: Annotated[str | None, Parameter(env_var="AMP_USER", help="who asks")] = None
    password: Annotated[
        str | None,
        Parameter(
            env_var="AMP_PASSWORD",
            show_env_var=True,
            help="the password; better in AMP_PASSWORD, since other users of this machine can read command lines",
        ),
    ] = None

    def client(self) -> Client:
        """Make the client."""
        first, *others = [each.strip() for each in self.url.split(",") if each.strip()] or [self.url]
        return Client(first, self.user, self.password, others=tuple(others))


ANYWHERE = Access()


def limit_of(timeout: str | None) -> float | None:
    """Read the value of --timeout; answers seconds. Raises: Invalid."""
    if timeout is None:
        return None
    limit = seconds(timeout)
    if limit is None:
        raise Invalid(f"--timeout {timeout} is not a time: write 90s or 10m")
    return limit
