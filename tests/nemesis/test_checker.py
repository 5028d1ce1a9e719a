"""The checker: histories that it must condemn, each by its rule and only by that; and the same without the fault."""

from __future__ import annotations

from collections.abc import Sequence

from amp.testing.nemesis.checker import judge, lags
from amp.testing.nemesis.history import (
    DONE,
    FAILED,
    UNKNOWN,
    AnyRecord,
    Journal,
    Life,
    Odd,
    Placed,
    Post,
    Read,
    Sample,
    Write,
)

A, B = "n1.1", "n2.1"


def write(value: int, began: float, ended: float, outcome: str = DONE, *, seq: int = 0, sensor: str = "s") -> Write:
    return Write(value, "e", sensor, A, began, ended, outcome, 204, seq or value + 1, 1)


def placed(*values: int, sensor: str = "s") -> list[Placed]:
    return [Placed(value + 1, "e", sensor, value) for value in values]


def read(values: dict[str, int], began: float, *, master: bool = True) -> Read:
    return Read("e", values, A, began, began + 0.1, master, 1, 9)


def said(node: str, term: int, began: float, ended: float, state: str = "MASTER") -> Sample:
    return Sample(node, state, term, began, ended)


LIVES = [Life(A, "id1", 1.0), Life(B, "id2", 1.0)]


def rules(records: Sequence[AnyRecord], writes: Sequence[Placed] = (), posts: Sequence[Post] = ()) -> list[str]:
    return [each.rule for each in judge(records, Journal(list(posts), list(writes))).violations]


# ---- writes


def test_a_good_history_is_not_condemned() -> None:
    records = [
        write(1, 1.0, 2.0),
        write(2, 3.0, 4.0),
        write(3, 3.5, 5.0, UNKNOWN),
        write(4, 3.5, 5.0, UNKNOWN),
        write(5, 3.5, 5.0, FAILED),
        read({}, 1.5),
        read({"s": 1}, 2.5),
        read({"s": 2}, 4.5),
        read({"s": 4}, 4.5),
        said(A, 1, 1.0, 1.1),
        said(B, 1, 1.0, 1.1, "HOT_STANDBY"),
    ]
    verdict = judge(records, Journal([], placed(1, 2, 4)))
    assert verdict.violations == []
    assert (verdict.counts[DONE], verdict.counts[UNKNOWN], verdict.counts["unknown, done"]) == (2, 2, 1)
    assert verdict.counts["reads of a master"] == 4


def test_an_acknowledged_write_that_is_gone() -> None:
    assert rules([write(1, 1.0, 2.0), write(2, 3.0, 4.0)], placed(1)) == ["lost"]


def test_a_refused_write_that_was_done() -> None:
    assert rules([write(1, 1.0, 2.0, FAILED)], placed(1)) == ["undone"]


def test_a_write_that_was_done_twice() -> None:
    assert rules([write(1, 1.0, 2.0, seq=3)], [*placed(1), Placed(3, "e", "s", 1)]) == ["twice"]


def test_an_answer_that_came_before_its_write() -> None:
    assert rules([write(4, 1.0, 2.0, seq=4)], placed(4)) == ["ahead"]


def test_writes_out_of_the_order_that_clients_saw() -> None:
    later_first = [Placed(2, "e", "s", 2), Placed(3, "e", "s", 1)]
    assert rules([write(1, 1.0, 2.0, seq=9), write(2, 3.0, 4.0, seq=9)], later_first) == ["order"]


def test_writes_at_the_same_time_may_have_any_order() -> None:
    later_first = [Placed(2, "e", "s", 2), Placed(3, "e", "s", 1)]
    assert rules([write(1, 1.0, 3.5, seq=9), write(2, 3.0, 4.0, seq=9)], later_first) == []


def test_an_unknown_write_may_land_after_its_client_gave_up() -> None:
    late = [Placed(2, "e", "s", 2), Placed(3, "e", "s", 1)]
    assert rules([write(1, 1.0, 2.0, UNKNOWN), write(2, 3.0, 4.0, seq=9)], late) == []


def test_a_write_that_one_acknowledged_and_another_wrote() -> None:
    posts = [Post(2, 1, "commit", "id1", 100.0), Post(3, 2, "commit", "id2", 101.0)]
    assert rules([*LIVES, write(1, 1.0, 2.0)], placed(1), posts) == []
    assert rules([*LIVES, write(2, 1.0, 2.0)], placed(2), posts) == ["foreign"]


# ---- reads


def test_a_master_that_misses_what_was_acknowledged() -> None:
    writes = [write(1, 1.0, 2.0), write(2, 3.0, 4.0)]
    assert rules([*writes, read({"s": 1}, 4.5)], placed(1, 2)) == ["stale"]
    assert rules([*writes, read({}, 4.5)], placed(1, 2)) == ["stale"]


def test_a_standby_may_lag_and_a_read_may_come_before_the_answer() -> None:
    writes = [write(1, 1.0, 2.0), write(2, 3.0, 4.0)]
    assert rules([*writes, read({"s": 1}, 4.5, master=False), read({"s": 1}, 3.9)], placed(1, 2)) == []


def test_a_read_of_what_is_not_durable() -> None:
    assert rules([write(1, 1.0, 2.0, UNKNOWN), read({"s": 1}, 1.5)]) == ["dirty"]


def test_a_read_of_values_that_were_never_true_together() -> None:
    # b=2 was set after a=1 had become a=3.
    order = [*placed(1, sensor="a"), *placed(3, sensor="a"), *placed(2, sensor="b")]
    assert rules([read({"a": 1, "b": 2}, 1.0, master=False)], order) == ["dirty"]
    assert rules([read({"a": 3, "b": 2}, 1.0, master=False), read({"a": 3}, 1.0, master=False)], order) == []


def test_how_far_standbys_are_behind() -> None:
    writes = [write(1, 1.0, 2.0, seq=12), write(2, 3.0, 4.0, seq=20)]
    reads = [read({}, began, master=False) for began in (1.5, 2.5, 4.5)]  # each at segment 9
    assert lags([*writes, *reads, read({}, 4.5)]) == [0, 3, 11]


# ---- masters


def test_two_masters_of_one_term() -> None:
    assert rules([said(A, 1, 1.0, 1.1), said(B, 1, 1.05, 1.2)]) == ["two masters"]


def test_a_master_that_says_so_after_its_successor() -> None:
    assert rules([said(B, 2, 5.0, 5.1), said(A, 1, 5.2, 5.3)]) == ["two masters"]
    # ... and when the successor has fallen silent since.
    assert rules([said(B, 2, 5.0, 5.1), said(A, 1, 9.2, 9.3)]) == ["two masters"]


def test_answers_that_overlap_in_time_prove_nothing() -> None:
    assert rules([said(B, 2, 5.0, 5.3), said(A, 1, 5.2, 5.4)]) == []


def test_a_handover_and_back() -> None:
    assert rules([said(A, 1, 1.0, 1.1), said(B, 2, 5.0, 5.1), said(A, 3, 8.0, 8.1)]) == []


def test_a_term_that_goes_back() -> None:
    assert rules([said(A, 2, 1.0, 1.1, "HOT_STANDBY"), said(A, 1, 2.0, 2.1, "HOT_STANDBY")]) == ["term back"]


def test_a_node_that_loads_anew_has_no_term() -> None:
    assert rules([said(A, 2, 1.0, 1.1), said(A, 0, 2.0, 2.1, "INITIALIZING"), said(A, 3, 3.0, 3.1)]) == []


# ---- what else is wrong


def test_what_no_fault_explains() -> None:
    assert rules([Odd("a status 500", 1.0)]) == ["odd"]


def test_a_journal_that_is_not_whole() -> None:
    verdict = judge([], Journal([], [], ["journal/0000000000000002 is missing"]))
    assert [each.rule for each in verdict.violations] == ["chain"]
