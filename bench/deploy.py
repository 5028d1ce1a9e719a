"""Deployments: how many a second with 16 clients, and how many entities a second of one blueprint, durable."""

from __future__ import annotations

import time
from collections.abc import Iterator

from bench import load
from bench.load import Ask
from bench.nodes import Home, directory_lines, homes, processor, workplace
from bench.table import Row, judged, spread

CLIENTS, SECONDS, ROUNDS = 16, 4.0, 3
PLAN = "name: bench {n}\nservices:\n- type: basic-startable\n  name: one\n"
LARGE = 5_000


def rows() -> Iterator[Row]:
    """Measure small deployments, then large ones."""
    with workplace() as work, homes(work, directory_lines(work), 1) as (home,):
        home.start()
        home.await_state("MASTER", 60)
        ask = Ask("POST", "/v1/applications", PLAN, "application/x-yaml")
        done = []
        for _ in range(ROUNDS):
            done.append(load.run(home.port, [ask], clients=CLIENTS, seconds=SECONDS, pid=home.pid))
            _await_quiet(home)
        if failed := [each.statuses for each in done if each.failed("201")]:
            raise SystemExit(f"some deployments failed: {failed}")
        yield judged(
            "deployments/s, 16 clients, one entity each, durable", [each.rate for each in done], ">= 500/s",
            lambda rate: rate >= 500, unit="/s", digits=0, more=done[len(done) // 2].said(),
        )  # fmt: skip
    with workplace() as work, homes(work, directory_lines(work), 1) as (home,):
        home.start()
        home.await_state("MASTER", 60)
        rates, used = zip(*(_large(home) for _ in range(ROUNDS)), strict=True)
        more = f"{spread([each / LARGE * 1e6 for each in used], ' µs', 0)} of processor each"
        yield judged(
            f"entities/s of one blueprint with {LARGE:,}, durable", rates, ">= 5,000/s", lambda rate: rate >= 5000,
            unit="/s", digits=0, more=more,
        )  # fmt: skip


def _large(home: Home) -> tuple[float, float]:
    """Deploy one large blueprint; answer entities a second until the answer, and the processor time."""
    services = "\n".join(f"- type: basic-entity\n  name: e{number}" for number in range(LARGE))
    before, began = processor(home.pid), time.perf_counter()
    status, said = home.ask("POST", "/v1/applications", f"name: large\nservices:\n{services}\n".encode(), "text/yaml")
    took = time.perf_counter() - began
    if status != 201:
        raise SystemExit(f"the large blueprint was refused: {status} {said}")
    used = processor(home.pid) - before
    _await_quiet(home)
    return LARGE / took, used


def _await_quiet(home: Home) -> None:
    """Wait until what was begun has ended: the node uses next to no processor time."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        before = processor(home.pid)
        time.sleep(1)
        if processor(home.pid) - before < 0.1:
            return
