"""What a command writes is kept whole, also where it is too long for the journal, and on the node that takes over."""

from __future__ import annotations

import pytest
from homes import Home, Town, until

pytestmark = pytest.mark.process

LINES = 40_000  # some 450 kB
BLUEPRINT = f"""
name: talker
location: localhost
services:
- type: org.apache.brooklyn.entity.software.base.VanillaSoftwareProcess
  id: talker
  brooklyn.config:
    customize.command: i=0; while [ $i -lt {LINES} ]; do echo "line $i"; i=$((i+1)); done
    launch.command: sleep 1000 & echo $! > $PID_FILE
"""


def stream_of(home: Home, app: str) -> str:
    """The longest stdout of any task of the application's children."""
    entity = home.get(f"applications/{app}/entities")[0]["id"]
    found = [""]
    for task in home.get(f"applications/{app}/entities/{entity}/activities"):
        for below in home.get(f"activities/{task['id']}/children/recurse").values():
            answer = home.ask("GET", f"activities/{below['id']}/stream/stdout")
            found.append(answer.text if answer.status_code == 200 else "")
    return max(found, key=len)


def test_a_long_output_is_whole_on_the_master_and_on_the_next(town: Town) -> None:
    home = town.home().start("MASTER")
    other = town.home().start("HOT_STANDBY")
    app, _, _ = home.deploy(BLUEPRINT)
    whole = "".join(f"line {number}\n" for number in range(LINES))
    assert stream_of(home, app) == whole
    assert len(list((town.store / "blobs").iterdir())) == 1
    home.kill()
    until(lambda: other.state() == "MASTER", 20)
    assert stream_of(other, app) == whole
    other.ask("DELETE", f"applications/{app}")
    until(lambda: other.ask("GET", f"applications/{app}").status_code == 404)
