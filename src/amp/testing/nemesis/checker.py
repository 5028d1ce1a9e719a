"""Judges a history against the journal that it left behind. Pure.

The journal gives all writes a total order, so nothing has to be searched for: each rule is a look-up. A verdict lists
*proofs* only. What each one takes, and what is no proof:

- `lost` (S3): a write that was answered 2xx is not in the journal.
- `undone` (S3): a write that was answered as definitely not done is in it. An unknown one may be in it or not.
- `twice` (S3): a write is in it more than once.
- `order` (S1): a write ended before another began, and comes after it. Writes that overlap in time may have any order.
- `ahead` (S3): an answer names a position (`AMP-Seq`) before that of its own write: it was given too early.
- `dirty` (S1): a read shows a value that is not in the journal, or values that no prefix of it yields.
- `stale` (S5): a read began after a write was acknowledged and does not show it, though its node said MASTER, in one
  term, on one connection, before and after. Without both answers it is no proof: a standby may lag.
- `two masters` (S2, S4): two runs answered MASTER in one term; or one answered MASTER in a lower term to a question
  that was *sent after* another's MASTER in a higher term had been *received*. An answer is true at some moment between
  question and answer; where these intervals overlap, the order of the moments is not known: no proof. A leader that
  falls silent and says MASTER again in its own term is none either: had anyone been elected, it could not.
- `term back`: a run says MASTER in a lower term than it said MASTER in before; or names a lower term than before while
  it says that it is a standby or master (while it loads anew, it has none).
- `acted` (S4): a command of a run comes after one of a run that led a higher term, in the file to which all append.
  A command belongs to the highest term for which its run had stood (`at` of its election) when it says it ran, so that
  what is in doubt counts as allowed. A command of a run that was never elected is a proof by itself.
- `once`: a phase of a deployment (install, customize, launch) ran more than once.
- `chain` (S1, S2): a segment is missing, or does not follow the one before it: another writer, or another history.
- `odd`: what was recorded as such.

One thing is told apart from `acted`: a node frozen between its look at the lease and the first byte sends that byte
when it is let go on. No clock can prevent it; only a fence on the target can. Commands within `DOOR` of a thaw of
their run count as `at the door`, which is reported and is no proof against the lease.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from amp.testing.nemesis.history import (
    DONE,
    FAILED,
    Act,
    AnyRecord,
    Journal,
    Life,
    Odd,
    Read,
    Sample,
    Thaw,
    Write,
)

#: Seconds after a thaw in which an action may still be one whose lease was looked at before the freeze.
DOOR = 0.5
#: Phases of a deployment, each of which runs once.
ONCE = ("install", "customize", "launch")
_OFFICIAL = ("MASTER", "HOT_STANDBY", "STANDBY", "HOT_BACKUP")


@dataclass(frozen=True, slots=True)
class Violation:
    """A proof of a broken promise: the rule, a sentence, and the records that it rests on."""

    rule: str
    text: str
    evidence: tuple[object, ...] = ()

    def __str__(self) -> str:
        return f"{self.rule}: {self.text}"


@dataclass(slots=True)
class Verdict:
    """What the checker found. `counts`: how much was looked at, so that a verdict on nothing is seen as such."""

    violations: list[Violation] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, rule: str, text: str, *evidence: object) -> None:
        """Note a proof."""
        self.violations.append(Violation(rule, text, evidence))


def lags(records: Iterable[AnyRecord]) -> list[int]:
    """Answer how many segments each read of a node that did not lead was behind what had been acknowledged by then."""
    writes, reads = [], []
    for each in records:
        if isinstance(each, Write) and each.outcome == DONE:
            writes.append((each.ended, each.seq))
        elif isinstance(each, Read) and not each.master:
            reads.append(each)
    acked = _Progress(writes)
    return [max(0, acked.by(each.began) - each.seq) for each in reads]


def judge(records: Iterable[AnyRecord], journal: Journal) -> Verdict:
    """Judge a history."""
    by_kind: defaultdict[type, list[AnyRecord]] = defaultdict(list)
    for record in records:
        by_kind[type(record)].append(record)
    writes = [each for each in by_kind[Write] if isinstance(each, Write)]
    samples = [each for each in by_kind[Sample] if isinstance(each, Sample)]
    acts = [each for each in by_kind[Act] if isinstance(each, Act)]
    verdict = Verdict()
    places = _check_writes(verdict, writes, journal)
    _check_order(verdict, writes, places)
    _check_reads(verdict, [each for each in by_kind[Read] if isinstance(each, Read)], writes, places, journal)
    _check_masters(verdict, samples)
    _check_terms(verdict, samples)
    lives = {each.id: each.node for each in by_kind[Life] if isinstance(each, Life)}
    thaws = [each for each in by_kind[Thaw] if isinstance(each, Thaw)]
    _check_acts(verdict, acts, journal, lives, thaws)
    _check_once(verdict, acts)
    for damage in journal.damage:
        verdict.add("chain", damage)
    for odd in by_kind[Odd]:
        if isinstance(odd, Odd):
            verdict.add("odd", odd.what, odd)
    verdict.counts["terms"] = sum(post.kind == "elect" for post in journal.posts)
    return verdict


def _check_writes(verdict: Verdict, writes: Sequence[Write], journal: Journal) -> dict[int, int]:
    """Compare each write's answer with the journal; answers the place of each value in the total order."""
    seen = Counter(placed.value for placed in journal.writes)
    places = {placed.value: place for place, placed in enumerate(journal.writes)}
    for value, times in seen.items():
        if times > 1:
            verdict.add("twice", f"the write {value} is in the journal {times} times")
    for write in writes:
        verdict.counts[write.outcome] += 1
        place = places.get(write.value)
        if write.outcome == DONE and place is None:
            verdict.add("lost", f"{write.node} acknowledged {write.value}, and it is not in the journal", write)
        elif write.outcome == DONE and place is not None and write.seq < journal.writes[place].seq:
            at = journal.writes[place].seq
            verdict.add("ahead", f"{write.value} was answered at {write.seq}, but is segment {at}", write)
        elif write.outcome == FAILED and place is not None:
            verdict.add("undone", f"{write.node} said that {write.value} was not done, and it was", write)
        elif write.outcome not in (DONE, FAILED):
            verdict.counts["unknown, done"] += place is not None
    return places


def _check_order(verdict: Verdict, writes: Sequence[Write], places: dict[int, int]) -> None:
    ends = _Progress((each.ended, places[each.value]) for each in _settled(writes, places))
    for write in writes:
        place = places.get(write.value)
        if place is not None and (before := ends.by(write.began)) > place:
            verdict.add(
                "order", f"{write.value} began after the write at place {before} had ended, is at {place}", write
            )


def _settled(writes: Iterable[Write], places: dict[int, int]) -> list[Write]:
    # A write whose answer never came has not ended when its client gave up.
    return [each for each in writes if each.outcome == DONE and each.value in places]


class _Progress:
    """The highest place that was reached before a moment."""

    def __init__(self, points: Iterable[tuple[float, int]]) -> None:
        self._times: list[float] = []
        self._highest: list[int] = []
        top = -1
        for time, place in sorted(points):
            top = max(top, place)
            self._times.append(time)
            self._highest.append(top)

    def by(self, moment: float) -> int:
        """Answer the highest place strictly before the moment; -1 when there is none."""
        index = bisect_left(self._times, moment)
        return self._highest[index - 1] if index else -1


def _check_reads(
    verdict: Verdict, reads: Sequence[Read], writes: Sequence[Write], places: dict[int, int], journal: Journal
) -> None:
    of_sensor: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for place, placed in enumerate(journal.writes):
        of_sensor[placed.entity, placed.sensor].append(place)
    sensors: defaultdict[str, list[str]] = defaultdict(list)
    for entity, sensor in of_sensor:
        sensors[entity].append(sensor)
    acked = _Progress((each.ended, places[each.value]) for each in _settled(writes, places))
    for read in reads:
        verdict.counts["reads of a master" if read.master else "reads of others"] += 1
        # The read shows a prefix that ends in [first, past): after each value shown, before its sensor's next one.
        first, past = 0, len(journal.writes) + 1
        for sensor in sorted({*sensors[read.entity], *read.values}):
            order, value = of_sensor[read.entity, sensor], read.values.get(sensor)
            here = -1
            if value is not None:
                place = places.get(value, -1)
                if place not in order:
                    verdict.add("dirty", f"{read.node} shows {sensor}={value}, which is not in the journal", read)
                    break
                here = bisect_left(order, place)
                first = max(first, place + 1)
            if here + 1 < len(order):
                past = min(past, order[here + 1] + 1)
        else:
            if first >= past:
                verdict.add("dirty", f"{read.node} shows values of {read.entity} that were never true together", read)
            elif read.master and past <= acked.by(read.began) + 1:
                missed = acked.by(read.began)
                verdict.add("stale", f"{read.node} says MASTER and does not show place {missed}, acknowledged", read)


def _check_masters(verdict: Verdict, samples: Sequence[Sample]) -> None:
    masters = [each for each in samples if each.state == "MASTER"]
    verdict.counts["answers MASTER"] = len(masters)
    who: dict[int, str] = {}
    for each in masters:
        if who.setdefault(each.term, each.node) != each.node:
            verdict.add("two masters", f"{who[each.term]} and {each.node} both led term {each.term}", each)
    received = sorted(masters, key=lambda each: each.ended)
    ends = [each.ended for each in received]
    highest: list[Sample] = []
    for each in received:
        highest.append(each if not highest or each.term > highest[-1].term else highest[-1])
    for each in masters:
        index = bisect_left(ends, each.began)
        if index and (other := highest[index - 1]).term > each.term:
            late = each.began - other.ended
            text = f"{each.node} said MASTER of term {each.term}, asked {late:.3f} s after {other.node} said it of term"
            verdict.add("two masters", f"{text} {other.term}", each, other)


def _check_terms(verdict: Verdict, samples: Sequence[Sample]) -> None:
    last: dict[tuple[str, bool], Sample] = {}
    for each in sorted(samples, key=lambda sample: sample.began):
        if each.state not in _OFFICIAL:
            continue
        for key in ((each.node, False), *(((each.node, True),) if each.state == "MASTER" else ())):
            before = last.get(key)
            if before is not None and each.term < before.term and each.began > before.ended:
                verdict.add("term back", f"{each.node} went from term {before.term} to {each.term}", before, each)
            last[key] = each


def _check_acts(
    verdict: Verdict, acts: Sequence[Act], journal: Journal, lives: dict[str, str], thaws: Sequence[Thaw]
) -> None:
    stood: defaultdict[str, list[tuple[float, int]]] = defaultdict(list)
    for post in journal.posts:
        if post.kind == "elect" and post.node in lives:
            stood[lives[post.node]].append((post.wall, post.term))
    nameless = {post.node for post in journal.posts if post.kind == "elect"} - set(lives)
    latest: tuple[int, Act] | None = None
    for act in acts:
        verdict.counts["commands"] += 1
        # `at` of a segment is in whole milliseconds, rounded down.
        terms = [term for wall, term in stood[act.node] if wall <= act.wall]
        if not terms:
            if not nameless:
                verdict.add("acted", f"{act.node} ran {act.phase} of {act.name} and had never been elected", act)
            continue
        term = max(terms)
        if latest is None or term >= latest[0]:
            latest = (term, act)
        elif any(thaw.node == act.node and 0 <= act.wall - thaw.wall <= DOOR for thaw in thaws):
            verdict.counts["commands at the door"] += 1
        else:
            text = f"{act.node} (term {term}) ran {act.phase} of {act.name} {act.wall - latest[1].wall:.3f} s after"
            verdict.add("acted", f"{text} {latest[1].node} (term {latest[0]}) had begun to act", latest[1], act)


def _check_once(verdict: Verdict, acts: Sequence[Act]) -> None:
    deployed = Counter((act.phase, act.name) for act in acts if act.name.startswith("deployed") and act.phase in ONCE)
    verdict.counts["phases of deployments"] = len(deployed)
    for (phase, name), times in deployed.items():
        if times > 1:
            verdict.add("once", f"{phase} of {name} ran {times} times")
