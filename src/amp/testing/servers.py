"""Real S3 servers for tests and for the tutorial's script: started on loopback, ready, with a bucket, stopped again.

Each runs in the foreground as our child, with a fresh directory, and is stopped by SIGTERM to its own pid. Programs
are looked for in the folder AMP_TOOLS, by default `.tools` of the project; a missing one is `Missing`, so that a test
can skip with the reason. `python -m amp.testing.servers` runs one for a script, see `amp.testing.servercli`.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from amp.kit.clock import Clock, SystemClock
from amp.kit.errors import Missing, Unavailable
from amp.kit.secret import Secret
from amp.store.place import CloudStore
from amp.testing.signing import signed_request

_READY = 60.0  # seconds that a server has to come up; two busy cores are slow
_PATIENCE = 0.05
_BUCKET_THERE = ("BucketAlreadyOwnedByYou", "BucketAlreadyExists")


@dataclass(frozen=True, slots=True)
class S3Server:
    """A running server and how to reach its bucket."""

    endpoint: str
    bucket: str
    region: str
    identity: str
    credential: Secret
    pid: int

    def place(self, prefix: str = "") -> CloudStore:
        """Answer the address of a store in its bucket."""
        return CloudStore("s3", self.bucket, prefix, self.region, self.endpoint, self.identity, self.credential)


@dataclass(frozen=True, slots=True)
class Plan:
    """How to start a server's program. `grace`: seconds from SIGTERM to SIGKILL."""

    command: list[str]
    environment: dict[str, str]
    grace: float = 10.0


@contextlib.contextmanager
def running(
    kind: str,
    directory: Path,
    *,
    port: int | None = None,
    bucket: str = "amp",
    region: str = "eu-west-1",
    identity: str = "amptest",
    credential: Secret | None = None,
    clock: Clock | None = None,
) -> Iterator[S3Server]:
    """Run a server (`ministack`, `seaweedfs`, `versitygw`, `s3rver`) with data and log in `directory`, which is made.

    s3rver knows one identity, and ignores conditions: it is there to be refused.
    Raises: Missing, when its program is not installed; Unavailable, when it does not come up.
    """
    secret = credential or Secret("amptestsecret")
    plans: dict[str, Callable[..., Plan]] = {
        "ministack": _ministack, "seaweedfs": _seaweedfs, "versitygw": _versitygw, "s3rver": _s3rver,
    }  # fmt: skip
    if kind not in plans:
        raise Missing(f"unknown test server: {kind} (known: {', '.join(plans)})")
    if kind == "s3rver":
        identity, secret = "S3RVER", Secret("S3RVER")
    directory.mkdir(parents=True, exist_ok=True)
    listen = port or free_ports(1)[0]
    if port is not None:
        _must_be_free(port)
    plan = plans[kind](directory, listen, region, identity, secret)
    with child(plan, directory) as process:
        server = S3Server(f"http://127.0.0.1:{listen}", bucket, region, identity, secret, process.pid)
        await_ready(kind, process, directory, clock or SystemClock(), lambda: _objection(server, clock))
        yield server


@contextlib.contextmanager
def child(plan: Plan, directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start a program in `directory`, with its words in `server.log` there, and stop it by its own pid."""
    with (directory / "server.log").open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 -- the project's own tools
            plan.command,
            env={**os.environ, **plan.environment},
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        _stop(process, plan.grace)


def make_bucket(
    endpoint: str, bucket: str, *, region: str, identity: str, credential: Secret, clock: Clock | None = None
) -> None:
    """Make a bucket; no error when it is there and ours. Raises: Unavailable."""
    body = b""
    if region != "us-east-1":
        body = (
            '<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>"
        ).encode()
    status, text = _send("PUT", f"{endpoint.rstrip('/')}/{bucket}", region, identity, credential, clock, body)
    if status != 200 and not (status == 409 and any(code in text for code in _BUCKET_THERE)):
        raise Unavailable(f"{endpoint}: could not make the bucket {bucket}: {status} {text[:300]}")


def tools() -> Path:
    """Answer the folder of the project's tools."""
    named = os.environ.get("AMP_TOOLS")
    return Path(named) if named else Path(__file__).resolve().parents[3] / ".tools"


def free_ports(count: int) -> list[int]:
    """Find free ports on loopback, no two alike."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _must_be_free(port: int) -> None:
    """Refuse a taken port at once: the server that answers there would pass for ours."""
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(("127.0.0.1", port))
        except OSError as error:
            raise Unavailable(f"port {port} of 127.0.0.1 cannot be used: {error.strerror}: choose another") from error


def _send(
    method: str, url: str, region: str, identity: str, credential: Secret, clock: Clock | None, body: bytes
) -> tuple[int, str]:
    try:
        return signed_request(
            method,
            url,
            region=region,
            identity=identity,
            credential=credential,
            clock=clock or SystemClock(),
            body=body,
        )
    except (OSError, http.client.HTTPException) as error:
        raise Unavailable(f"{url}: no answer: {error}") from error


def node_path() -> dict[str, str]:
    """Answer the environment in which programs of Node run: the system's Node, or the console's."""
    return {"PATH": f"{tools() / 'node/bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}


def program(*names: str) -> str:
    """Answer the first of these tools that is installed. Raises: Missing."""
    for name in names:
        if (tools() / name).is_file():
            return str(tools() / name)
    raise Missing(f"{tools() / names[0]} is not installed (run `make servers`)")


def _ministack(directory: Path, port: int, region: str, identity: str, credential: Secret) -> Plan:
    environment = {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_REGION": region,
        "SERVICES": "s3",
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        "DOCKER_HOST": f"unix://{directory}/no-docker",  # it would look for containers to remove
        "TMPDIR": str(directory),
        "LOG_LEVEL": "WARNING",
    }
    return Plan([program("servers/bin/ministack")], environment)


def _versitygw(directory: Path, port: int, region: str, identity: str, credential: Secret) -> Plan:
    data = directory / "data"
    data.mkdir(exist_ok=True)
    command = [
        program("bin/versitygw"),
        "--port",
        f"127.0.0.1:{port}",
        "--region",
        region,
        "--quiet",
        "posix",
        str(data),
    ]
    return Plan(command, {"ROOT_ACCESS_KEY": identity, "ROOT_SECRET_KEY": credential.reveal()})


def _s3rver(directory: Path, port: int, region: str, identity: str, credential: Secret) -> Plan:
    data = directory / "data"
    data.mkdir(exist_ok=True)
    command = [program("npm/node_modules/.bin/s3rver"), "-d", str(data), "-a", "127.0.0.1", "-p", str(port)]
    return Plan([*command, "-s", "--no-vhost-buckets"], node_path())


def _seaweedfs(directory: Path, port: int, region: str, identity: str, credential: Secret) -> Plan:
    data = directory / "data"
    data.mkdir(exist_ok=True)
    who = {"accessKey": identity, "secretKey": credential.reveal()}
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    config = directory / "s3.json"
    config.write_text(json.dumps({"identities": [{"name": "amp", "credentials": [who], "actions": actions}]}))
    names = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc")
    inner = [f"-{name}={number}" for name, number in zip(names, free_ports(len(names)), strict=True)]
    command = [
        program("servers/bin/weed"), "-logtostderr", "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={data}",
        *inner, "-master.volumeSizeLimitMB=64", "-master.telemetry=false", "-volume.max=100",
        "-filer", "-s3",
        f"-s3.port={port}", f"-s3.port.grpc={free_ports(1)[0]}", f"-s3.config={config}",
        "-s3.port.iceberg=0", "-s3.port.lance=0",
    ]  # fmt: skip
    return Plan(command, {}, grace=1.0)  # it waits for its own streams, which nobody ends


def _objection(server: S3Server, clock: Clock | None) -> str | None:
    """Make the bucket and write an object; answer why that did not work. Raises: Unavailable."""
    make_bucket(
        server.endpoint, server.bucket, region=server.region,
        identity=server.identity, credential=server.credential, clock=clock,
    )  # fmt: skip
    url = f"{server.endpoint}/{server.bucket}/ready"
    status, text = _send("PUT", url, server.region, server.identity, server.credential, clock, b"ready")
    if status != 200:
        return f"{status} {text[:200]}"
    _send("DELETE", url, server.region, server.identity, server.credential, clock, b"")
    return None


def await_ready(
    kind: str, process: subprocess.Popen[bytes], directory: Path, clock: Clock, objection: Callable[[], str | None]
) -> None:
    """Try a server again and again until it works, for an open port proves nothing.

    `objection`: why it does not yet, None when it does, or raises Unavailable. Raises: Unavailable.
    """
    end = clock.read().raw + _READY
    while True:
        try:
            reason = objection()
        except Unavailable as error:
            reason = error.message
        if reason is None:
            return
        if process.poll() is not None:
            raise Unavailable(f"{kind} ended with {process.returncode}: {_tail(directory)}")
        if clock.read().raw > end:
            raise Unavailable(f"{kind} was not ready after {_READY:g} s: {reason}: {_tail(directory)}")
        threading.Event().wait(_PATIENCE)


def _stop(child: subprocess.Popen[bytes], grace: float) -> None:
    if child.poll() is None:
        child.send_signal(signal.SIGTERM)
    try:
        child.wait(grace)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _tail(directory: Path) -> str:
    return (directory / "server.log").read_bytes()[-1000:].decode("utf-8", "replace").strip()


if __name__ == "__main__":
    from amp.testing.servercli import main

    main()
