"""Nodes that call one another, on real servers: writes passed on, promotions, and a start beside a quiet master."""

from __future__ import annotations

import time

import pytest
from homes import Town, until

pytestmark = pytest.mark.process

BLUEPRINT = "name: passed on\nservices:\n- type: org.apache.brooklyn.entity.stock.BasicEntity\n"
YAML = {"Content-Type": "text/yaml"}


def test_writes_are_passed_on_and_a_promotion_calls_the_leader(town: Town) -> None:
    first = town.home().admit("client", "one for all").start("MASTER")
    second = town.home(brooklyn={"amp.ha.forwardWrites": "true"}).admit("client", "one for all").start("HOT_STANDBY")
    headers = {**YAML, "Idempotency-Key": "k-1"}

    answer = second.ask("POST", "applications", content=BLUEPRINT, headers=headers)
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"].startswith(f"{second.url}/v1/applications/")
    seen = second.ask("GET", "applications", headers={"AMP-Min-Seq": answer.headers["amp-seq"]})
    assert [each["spec"]["name"] for each in seen.json()] == ["passed on"]
    assert (
        first.ask("POST", "applications", content=BLUEPRINT, headers=headers).headers["idempotent-replayed"] == "true"
    )

    promoted = second.ask(
        "POST", "server/ha/state", data={"mode": "MASTER"}, headers={"Brooklyn-Allow-Non-Master-Access": "true"}
    )
    assert promoted.json() == "HOT_STANDBY"
    assert second.state() == "MASTER"
    assert "agrees to hand over" in second.log()
    again = second.ask("POST", "applications", content=BLUEPRINT, headers=headers)
    assert (again.status_code, again.headers["idempotent-replayed"]) == (201, "true")
    assert len(second.get("applications")) == 1


QUIET = {"brooklyn.ha.heartbeatTimeout": "240s"}  # a beat comes each 40 s


def test_a_master_that_is_quiet_is_asked_and_not_waited_for(town: Town) -> None:
    first = town.home(brooklyn=QUIET).start("MASTER")
    until(lambda: first.get("ha/plane")["in_office"])
    second = town.home({"highAvailabilityMode": "MASTER"}, QUIET)
    begun = time.monotonic()
    done = second.script("start", "amp")
    took = time.monotonic() - begun
    assert done.returncode != 0
    assert f"node {first.node_id()} is master already at {first.url}" in done.stderr + second.log()
    assert took < 30, "it waited for the next beat"
