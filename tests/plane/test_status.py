"""What people are told about the plane in one sentence."""

import pytest

from amp.kit.ids import NodeId
from amp.plane.status import verdict
from amp.plane.views import NodeView


def node(state: str, age: float = 0.5) -> NodeView:
    return NodeView(
        id=NodeId(state + str(age)), instance="i", uri=None, state=state, mode="AUTO", priority=0, version="1.0.0",
        term=1, seq=9, lag=0, seen_ms=0, age_s=age, started_ms=0, is_self=False, is_master=state == "MASTER",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("nodes", "sentence"),
    [
        (
            [node("MASTER")],
            "1 master, no standby: a failure stops the management of everything until it is started again",
        ),
        ([node("MASTER"), node("HOT_STANDBY")], "1 master, 1 hot standby: can lose one node"),
        (
            [node("MASTER"), node("HOT_STANDBY", 1), node("HOT_STANDBY", 2), node("STANDBY"), node("FAILED")],
            "1 master, 2 hot standbys and 1 standby: can lose 3 nodes",
        ),
        ([node("HOT_STANDBY"), node("TERMINATED")], "No master: 1 hot standby can be elected"),
        ([node("HOT_BACKUP")], "No master: nobody can be elected"),
        (
            [node("MASTER", 18.0), node("HOT_STANDBY")],
            "The master has been silent for 18s: 1 hot standby can take over in 12s",
        ),
        ([node("MASTER", 18.0)], "The master has been silent for 18s: nobody can take over"),
    ],
)
def test_the_verdict(nodes: list[NodeView], sentence: str) -> None:
    assert verdict(tuple(nodes), fenced=False, timeout=30.0) == sentence


def test_a_fenced_node_speaks_of_itself() -> None:
    assert "has lost touch with the store" in verdict((node("FAILED"),), fenced=True, timeout=30.0)
