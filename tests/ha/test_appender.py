"""How an append goes on while its fate is unknown: the same bytes, after pauses that grow and differ between planes."""

from __future__ import annotations

from amp.ha.appender import Append, Need
from amp.kit.clock import Reading
from amp.store.segment import Header, build

NOW = Reading(0.0, 0.0, 0.0)


def append(nonce: str) -> Append:
    header = Header(
        plane="p", seq=7, term=1, kind="commit", node="n", nonce=nonce, prev="0" * 64, timeout_ms=30_000
    )  # fmt: skip
    data, segment = build(header, b"")
    return Append(segment, data, NOW, need=Need.NOTHING)


def pauses(nonce: str) -> list[float]:
    """The pauses before ten tries, each after a slot that was empty."""
    trying, found = append(nonce), []
    for _ in range(10):
        trying.slot_is_empty(NOW)
        found.append(trying.pause())
    return found


def test_pauses_grow_to_a_second_less_a_half_at_most() -> None:
    whole = [0.0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0, 1.0]
    for number in range(200):
        for least, pause in zip(whole, pauses(f"{number:032x}"), strict=True):
            assert least / 2 <= pause <= least


def test_the_first_try_comes_at_once() -> None:
    assert pauses("a" * 32)[0] == 0.0


def test_planes_that_fail_together_do_not_come_back_together() -> None:
    last = {round(pauses(f"{number:032x}")[-1], 2) for number in range(200)}
    assert len(last) > 40
    assert min(last) < 0.55
    assert max(last) > 0.95


def test_the_same_segment_waits_the_same() -> None:
    assert pauses("b" * 32) == pauses("b" * 32)
