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
- `foreign` (S2, S4): a write was acknowledged by a run, and the segment that holds it is of another node.
- `chain` (S1, S2): a segment is missing, or does not follow the one before it: another writer, or another history.
- `odd`: what was recorded as such.

What commands did, and what became of deployments, is judged by `deeds`: `acted`, `once`, `deployment`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from amp.testing.nemesis import deeds
from amp.testing.nemesis.history import DONE, FAILED, AnyRecord, Journal, Life, Odd, Read, Sample, Write
from amp.testing.nemesis.verdict import Verdict

_OFFICIAL = ("MASTER", "HOT_STANDBY", "STANDBY", "HOT_BACKUP")


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
    records = list(records)
    by_kind: defaultdict[type, list[AnyRecord]] = defaultdict(list)
    for record in records:
        by_kind[type(record)].append(record)
    writes = [each for each in by_kind[Write] if isinstance(each, Write)]
    samples = [each for each in by_kind[Sample] if isinstance(each, Sample)]
    verdict = Verdict()
    places = _check_writes(verdict, writes, journal)
    _check_order(verdict, writes, places)
    _check_reads(verdict, [each for each in by_kind[Read] if isinstance(each, Read)], writes, places, journal)
    _check_masters(verdict, samples)
    _check_terms(verdict, samples)
    _check_writers(verdict, writes, places, journal, {e.id: e.node for e in by_kind[Life] if isinstance(e, Life)})
    deeds.check_deeds(verdict, records, journal)
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


def _check_writers(
    verdict: Verdict, writes: Sequence[Write], places: dict[int, int], journal: Journal, lives: dict[str, str]
) -> None:
    wrote = {post.seq: lives.get(post.node) for post in journal.posts}
    for write in _settled(writes, places):
        seq = journal.writes[places[write.value]].seq
        if (by := wrote.get(seq)) is not None and by != write.node:
            verdict.add("foreign", f"{write.node} acknowledged {write.value}, and {by} wrote its segment {seq}", write)


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
