"""Requests a second: reads and writes of one node with 100,000 entities, beside Apache Brooklyn where there is one.

AMP_BENCH_BROOKLYN names a script that runs an Apache Brooklyn: `SCRIPT start NAME --port N --store DIR` and
`SCRIPT stop NAME`, user `admin`, password `p`. It is put under the same load in the same run, after AMP, warmed up for
twice as long; it holds one application, which is in its favour.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import http.client
import json
import os
import statistics
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from amp.store.file import DirectoryObjects
from amp.testing.servers import free_ports
from bench import filled, load
from bench.load import Ask, Outcome
from bench.nodes import Home, directory_lines, homes, workplace
from bench.table import Row, spread

CLIENTS, SECONDS, ROUNDS = 16, 4.0, 3
COUNT = 100_000
BROOKLYN = "AMP_BENCH_BROOKLYN"


def _reads(application: str, entity: str) -> dict[str, Ask]:
    path = f"/v1/applications/{application}/entities/{entity}"
    return {
        "GET entity": Ask("GET", path),
        "GET current-state": Ask("GET", f"{path}/sensors/current-state"),
        "GET ha/state": Ask("GET", "/v1/server/ha/state"),
    }


def rows() -> Iterator[Row]:
    """Measure AMP, then Brooklyn, and compare."""
    with workplace() as work:
        asyncio.run(_fill(work))
        with homes(work, directory_lines(work), 1) as (home,):
            home.start()
            home.await_state("MASTER", 60)
            own = _reads("a0000005", "e00000501")
            seen = {name: _rounds(home, [ask]) for name, ask in own.items()}
            whole = _rounds(home, [Ask("GET", "/v1/applications")], clients=32)
            yield from _writes(home)
    yield from _compared(seen)
    yield _row("list of 1,000 applications, 32 clients", whole, 1000)


def writes() -> Iterator[Row]:
    """Measure the writes of AMP alone."""
    with workplace() as work:
        asyncio.run(_fill(work))
        with homes(work, directory_lines(work), 1) as (home,):
            home.start()
            home.await_state("MASTER", 60)
            yield from _writes(home)


async def _fill(work: Path) -> None:
    objects = DirectoryObjects(work / "store", timeout=60)
    await filled.fill(objects, COUNT)
    await objects.close()


def _writes(home: Home) -> Iterator[Row]:
    for name, part in (("sensor", "sensors/bench.count"), ("config", "config/bench.count")):
        asks = [
            Ask("POST", f"/v1/applications/a{n // 100:07d}/entities/e{n:08d}/{part}", load.NUMBER)
            for n in range(101, 3000, 97)
            if n % 100
        ]
        yield _row(f"POST {name}, {CLIENTS} clients, durable in a directory", _rounds(home, asks), 5000)


def _rounds(home: Home, asks: list[Ask], clients: int = CLIENTS) -> list[Outcome]:
    done = [load.run(home.port, asks, clients=clients, seconds=SECONDS, pid=home.pid) for _ in range(ROUNDS)]
    if failed := [each.statuses for each in done if each.failed("200", "204")]:
        raise SystemExit(f"{asks[0]}: some answers failed: {failed}")
    return done


def _row(name: str, seen: list[Outcome], goal: float) -> Row:
    rates = [each.rate for each in seen]
    figures = f"{spread(rates, '/s', 0)}; {seen[len(seen) // 2].said()}"
    return Row(name, figures, f">= {goal:,.0f}/s", statistics.median(rates) >= goal)


def _compared(seen: dict[str, list[Outcome]]) -> Iterator[Row]:
    script = os.environ.get(BROOKLYN)
    theirs = _of_brooklyn(script) if script else {}
    for name, own in seen.items():
        rates = [each.rate for each in own]
        figures = f"{spread(rates, '/s', 0)}; {own[len(own) // 2].said()}"
        if name in theirs:
            other = [each.rate for each in theirs[name]]
            times = statistics.median(rates) / statistics.median(other)
            said = f"{figures}. Brooklyn: {spread(other, '/s', 0)}: {times:.1f} times"
            yield Row(f"{name}, {CLIENTS} clients", said, "2 x Brooklyn's", times >= 2)
        else:
            yield Row(f"{name}, {CLIENTS} clients", f"{figures}. Brooklyn: not measured", "2 x Brooklyn's")


def _of_brooklyn(script: str) -> dict[str, list[Outcome]]:
    authorization = "Basic " + base64.b64encode(b"admin:p").decode()
    headers = {"Authorization": authorization, "Content-Type": "application/x-yaml", "Accept": "application/json"}
    port, name = free_ports(1)[0], "bench"

    def ask(method: str, path: str, body: str | None = None) -> object:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        data = answer.read()
        return json.loads(data) if answer.status < 300 else None

    with workplace() as work:
        subprocess.run([script, "start", name, "--port", str(port), "--store", str(work)], check=True, timeout=400)
        try:
            until = time.monotonic() + 120
            while ask("GET", "/v1/applications") is None:
                if time.monotonic() > until:
                    raise SystemExit("Brooklyn did not come up")
                time.sleep(0.5)
            plan = "name: bench\nservices:\n- type: org.apache.brooklyn.entity.stock.BasicStartable\n"
            task = ask("POST", "/v1/applications", plan)
            assert isinstance(task, dict)
            application = str(task["entityId"])
            time.sleep(5)
            children = ask("GET", f"/v1/applications/{application}/entities")
            assert isinstance(children, list)
            pid = _listener(port)
            asks = _reads(application, str(children[0]["id"]))

            def measured(one: Ask) -> list[Outcome]:
                spec = {"clients": CLIENTS, "pid": pid, "authorization": authorization}
                load.run(port, [one], seconds=SECONDS * 2, **spec)  # type: ignore[arg-type]  # until it is compiled
                return [load.run(port, [one], seconds=SECONDS, **spec) for _ in range(ROUNDS)]  # type: ignore[arg-type]

            return {each: measured(one) for each, one in asks.items()}
        finally:
            subprocess.run([script, "stop", name], timeout=120)


def _listener(port: int) -> int | None:
    """Answer which process listens on a port."""
    wanted = f":{port:04X}"
    inodes = {
        fields[9]
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for line in Path(table).read_text().splitlines()[1:]
        if (fields := line.split())[1].endswith(wanted) and fields[3] == "0A"
    }
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            for handle in (entry / "fd").iterdir():
                if entry.name.isdigit() and os.readlink(handle).strip("socket:[]") in inodes:
                    return int(entry.name)
    return None
