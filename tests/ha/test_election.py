"""When to stand, and when a winner may act, as tables."""

import pytest

from amp.ha.election import Ground, Outlook, Plane, condition, wait_to_stand
from amp.ha.lease import Sighting
from amp.ha.members import Record, Roster, Seen, rank_of, ranked, successor_of
from amp.kit.clock import Reading
from amp.store.segment import Header, Member, Position

AT = Reading(100.0, 100.0, 100.0)


def later(seconds: float) -> Reading:
    return Reading(100.0 + seconds, 100.0 + seconds, 100.0 + seconds)


def head(kind: str = "commit", **fields: object) -> Position:
    values = {"plane": "p", "seq": 7, "term": 3, "node": "old", "nonce": "", "prev": "", "timeout_ms": 30_000}
    return Position(Header(kind=kind, **{**values, **fields}), "h")  # type: ignore[arg-type]


def member(id: str, **fields: object) -> Member:
    return Member(id=id, version="1.0.0", **fields)  # type: ignore[arg-type]


MEMBERS = (member("old", state="MASTER"), member("a"), member("b"), member("me"))


def outlook(last: Position | None, members: tuple[Member, ...] = MEMBERS) -> Outlook:
    return Outlook("me", last, Sighting(7, AT, 30.0) if last else None, members, 30.0, 1.0)


@pytest.mark.parametrize(
    ("unlucky", "members", "wait"),
    [
        (False, MEMBERS, 0.0),  # the proof of its earlier run's death is enough
        (True, MEMBERS, 32.0),  # who died of leading lets the others go first
        (True, (member("old"), member("me")), 0.0),  # there are none
    ],
)
def test_a_proven_death_is_no_haste_for_who_died_of_leading(
    unlucky: bool, members: tuple[Member, ...], wait: float
) -> None:
    view = Outlook("me", head(), Sighting(7, AT, 30.0), members, 30.0, 1.0, frozenset({"old"}), last=unlucky)
    assert wait_to_stand(view, AT) == wait


def test_who_died_of_leading_ranks_last() -> None:
    assert [each.id for each in ranked([member("me", last=True, priority=9), member("z")])] == ["z", "me"]


@pytest.mark.parametrize(
    ("position", "news", "is_so"),
    [
        (None, False, Plane.NONE),
        (head("resign"), True, Plane.NONE),
        (head(), False, Plane.UNDECIDED),
        (head("elect"), False, Plane.UNDECIDED),
        (head(), True, Plane.ALIVE),
    ],
)
def test_what_the_end_of_the_journal_says(position: Position | None, news: bool, is_so: Plane) -> None:
    assert condition(position, news) is is_so


@pytest.mark.parametrize(
    ("last", "members", "wait"),
    [
        (None, (), 0.0),  # an empty plane
        (head(), (member("me"),), 30.0),  # the only candidate waits for the time-out alone
        (head(), MEMBERS, 32.0),  # two before me
        (head(), (member("old"), *(member(c) for c in "abcdef"), member("me")), 33.0),  # three polls at most
        (head(), (), 30.0),  # nobody is listed
        (head("resign", successor="me"), MEMBERS, 0.0),
        (head("resign", successor="a"), MEMBERS, 3.0),  # one poll, and one for each before me
        (head("resign"), MEMBERS, 0.0),  # nobody was named: nobody needs to be waited for
    ],
)
def test_how_long_a_candidate_waits(last: Position | None, members: tuple[Member, ...], wait: float) -> None:
    assert wait_to_stand(outlook(last, members), AT) == pytest.approx(wait)
    assert wait_to_stand(outlook(last, members), later(wait)) <= 1e-9


def record(over: int | None) -> Record:
    return Record("old", "i", "p", "old", "", "AUTO", "HOT_STANDBY", 0, "1.0.0", 1, over=over)


@pytest.mark.parametrize(
    ("before", "over", "after", "clear"),
    [
        (None, None, 0.0, True),  # (e)
        (head("resign", clean=True), None, 0.0, True),  # (b)
        (head("resign", clean=False), None, 0.0, False),  # it was never in office: no proof of those before it
        (head("resign", clean=False), None, 30.0, True),  # (a)
        (head(in_office=True), 3, 0.0, True),  # (c)
        (head(in_office=False), 3, 0.0, False),  # one that was never in office cannot say so
        (head(in_office=True), 2, 0.0, False),  # an earlier term
        (head(in_office=True), None, 29.9, False),
        (head(in_office=True), None, 30.0, True),  # (a)
    ],
)
def test_when_a_winner_may_act(before: Position | None, over: int | None, after: float, clear: bool) -> None:
    ground = Ground(before, Sighting(7, AT, 30.0) if before else None)
    roster = Roster({"old": Seen(record(over), AT, 0)})
    assert ground.is_clear(later(after), 3.0, roster) is clear


def test_the_order_of_candidates() -> None:
    wanted = [
        member("a", priority=5),
        Member(id="b", version="1.1.0"),
        Member(id="c", version="1.0.0"),
        Member(id="d", version="1.0.0", hot=False),
        Member(id="e", version="2.0.0-SNAPSHOT"),
        Member(id="f", version="3.0.0", priority=-1),
    ]
    assert ranked(reversed(wanted)) == wanted


def test_only_candidates_count_before_one() -> None:
    members = [
        member("old", state="HOT_STANDBY"),
        member("backup", mode="HOT_BACKUP", state="HOT_BACKUP"),
        member("dead", state="FAILED"),
        member("alone", mode="DISABLED"),
        member("a"),
        member("me"),
    ]
    assert rank_of("me", members, gone="old") == 1
    assert rank_of("stranger", members, gone="old") == 2
    assert successor_of("old", members) == "a"
    assert successor_of("a", members[:4]) == "old"
    assert successor_of("old", members[:4]) is None
