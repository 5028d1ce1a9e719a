"""The command line of the test servers, for scripts: run one in the foreground, or make a bucket.

    python -m amp.testing.servers s3 --server ministack|seaweedfs|versitygw --dir D [--port N] [--bucket B]
    python -m amp.testing.servers bucket --endpoint U --bucket B --identity I --credential-env VAR [--region R]

`s3` prints one line, `READY http://127.0.0.1:PORT bucket=B`, once the bucket takes objects, and ends by SIGTERM or
Ctrl-C. A secret is never an argument: its environment variable is named instead. Exit codes: 0, or 1 with the reason.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

from amp.kit.errors import AmpError, Invalid
from amp.kit.secret import Secret
from amp.testing.servers import make_bucket, running

_STOPS = {signal.SIGTERM, signal.SIGINT}


def main(arguments: list[str] | None = None) -> None:
    """Run the command. Exits the process."""
    parser = argparse.ArgumentParser(prog="python -m amp.testing.servers", description="S3 servers for tests.")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("s3", help="run a server until SIGTERM")
    run.add_argument("--server", choices=["ministack", "seaweedfs", "versitygw"], default="ministack")
    run.add_argument("--port", type=int, default=None)
    run.add_argument("--dir", type=Path, required=True)
    bucket = commands.add_parser("bucket", help="make a bucket")
    bucket.add_argument("--endpoint", required=True)
    for each in (run, bucket):
        each.add_argument("--bucket", default="amp")
        each.add_argument("--region", default="eu-west-1")
        each.add_argument("--identity", default="amptest")
        each.add_argument("--credential-env", metavar="VAR", default=None)
    options = parser.parse_args(arguments)
    try:
        credential = _credential(options.credential_env)
        if options.command == "bucket":
            make_bucket(
                options.endpoint, options.bucket,
                region=options.region, identity=options.identity, credential=credential,
            )  # fmt: skip
            print(f"MADE {options.endpoint} bucket={options.bucket}")
        else:
            _serve(options, credential)
    except AmpError as error:
        print(error.message, file=sys.stderr)
        sys.exit(1)


def _serve(options: argparse.Namespace, credential: Secret) -> None:
    signal.signal(signal.SIGTERM, _interrupt)  # also while it comes up: the child must be stopped
    try:
        with running(
            options.server, options.dir.absolute(), port=options.port, bucket=options.bucket,
            region=options.region, identity=options.identity, credential=credential,
        ) as server:  # fmt: skip
            print(f"READY {server.endpoint} bucket={server.bucket}", flush=True)
            signal.sigwait(_STOPS)
    except KeyboardInterrupt:
        pass


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _credential(variable: str | None) -> Secret:
    if variable is None:
        return Secret("amptestsecret")
    if variable not in os.environ:
        raise Invalid(f"the environment variable {variable} is not set")
    return Secret(os.environ[variable])
