"""Judges what commands did on the machine, and what became of deployments. Pure.

All commands append to one file, so their order is known. A command belongs to the highest term for which its run had
stood (`at` of its election, back on the true clock) when it says it ran, so that what is in doubt counts as allowed.

- `acted` (S4): a command began after one of a higher term. Commands of effectors are fenced on the machine, by their
  term and by their verdict: none of a lower term begins after one of a higher, however long its leader was frozen.
  A look at a process is not fenced: a leader frozen between its look at the lease and the first byte sends that byte
  when it is let go on, and no clock can prevent it. Looks within `DOOR` of a thaw of their run, and commands within it
  that only looks of a higher term came before, count as `at the door`, which is reported and is no proof. A command of
  a run that was never elected is a proof by itself. A command may end at any time: it began under its own term.
- `once`: a phase of a deployment began, or ended, more than once.
- `deployment`: one that was accepted does not run in the end, or its phases did not each begin and end, in their
  order; or its output, as its tasks tell it, is not whole.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from amp.testing.nemesis.deployments import PHASES, whole_output
from amp.testing.nemesis.history import Act, AnyRecord, Deployment, Journal, Life, Step, Thaw
from amp.testing.nemesis.verdict import Verdict

#: Seconds after a thaw in which a look may still be one whose lease was looked at before the freeze.
DOOR = 0.5
#: What a command says of itself that is no effector's.
LOOK = "check"
END = "-end"
_EDGE = 0.05  # seconds between a step of a clock and the note of it
_ORDER = [word for phase in PHASES for word in (phase, phase + END)]


def check_deeds(verdict: Verdict, records: Iterable[AnyRecord], journal: Journal) -> None:
    """Add the proofs that commands and deployments give."""
    records = list(records)
    acts = [each for each in records if isinstance(each, Act)]
    _check_acts(verdict, acts, _offices(records, journal), [each for each in records if isinstance(each, Thaw)])
    phases = defaultdict[str, list[str]](list)
    for act in acts:
        if act.name.startswith("deployed") and act.phase != LOOK:
            phases[act.name].append(act.phase)
    _check_once(verdict, phases)
    for each in records:
        if isinstance(each, Deployment) and each.app:
            verdict.counts["deployments"] += 1
            _check_deployment(verdict, each, phases[each.name])


class _Offices:
    """Which run stood for which terms, and when. `nameless`: somebody was elected of whom no run is known."""

    def __init__(self) -> None:
        self._stood = defaultdict[str, list[tuple[float, int]]](list)
        self.nameless = False

    def add(self, run: str, wall: float, term: int) -> None:
        self._stood[run].append((wall, term))

    def term(self, act: Act) -> int | None:
        """Answer the term of a command; None where its run had not been elected."""
        return max((term for wall, term in self._stood[act.node] if wall <= act.wall), default=None)


def _offices(records: Sequence[AnyRecord], journal: Journal) -> _Offices:
    lives = {each.id: each.node for each in records if isinstance(each, Life)}
    steps = defaultdict[str, list[Step]](list)
    for each in records:
        if isinstance(each, Step):
            steps[each.server].append(each)
    found, floor = _Offices(), float("-inf")
    for post in journal.posts:
        if post.kind == "elect":
            run = lives.get(post.node)
            if run is None:
                found.nameless = True
            else:
                at = true_time(post.wall, steps[run.partition(".")[0]], floor)
                found.add(run, at, post.term)
                floor = max(floor, at)
    return found


def true_time(wall: float, steps: Sequence[Step], floor: float = float("-inf")) -> float:
    """Answer when a clock with these steps showed `wall`: the earliest of the moments when it did, from `floor` on."""
    times = sorted((each.wall, each.ahead) for each in steps)
    spans = zip([(float("-inf"), 0.0), *times], [*(time for time, _ in times), float("inf")], strict=True)
    fits = [wall - ahead for (begin, ahead), end in spans if begin - _EDGE <= wall - ahead <= end + _EDGE]
    return min((each for each in fits if each >= floor - _EDGE), default=max(wall, floor))


def _check_acts(verdict: Verdict, acts: Sequence[Act], offices: _Offices, thaws: Sequence[Thaw]) -> None:
    latest: tuple[int, Act] | None = None  # of the highest term until now
    fenced: tuple[int, Act] | None = None  # likewise, of those that are fenced
    for act in acts:
        if act.phase.endswith(END):
            continue
        verdict.counts["commands"] += 1
        term = offices.term(act)
        if term is None:
            if not offices.nameless:
                verdict.add("acted", f"{act.node} ran {act.phase} of {act.name} and had never been elected", act)
            continue
        look = act.phase == LOOK
        higher = latest if latest is not None and term < latest[0] else None
        barred = fenced if not look and fenced is not None and term < fenced[0] else None
        thawed = any(thaw.node == act.node and 0 <= act.wall - thaw.wall <= DOOR for thaw in thaws)
        if higher is not None and barred is None and thawed:
            verdict.counts["commands at the door"] += 1
        elif before := barred or higher:
            text = f"{act.node} (term {term}) ran {act.phase} of {act.name} {act.wall - before[1].wall:.3f} s after"
            verdict.add("acted", f"{text} {before[1].node} (term {before[0]}) had begun to act", before[1], act)
        if latest is None or term >= latest[0]:
            latest = (term, act)
        if not look and (fenced is None or term >= fenced[0]):
            fenced = (term, act)


def _check_once(verdict: Verdict, phases: Mapping[str, Sequence[str]]) -> None:
    for name, begun in phases.items():
        for phase, times in Counter(begun).items():
            verdict.counts["phases of deployments"] += not phase.endswith(END)
            if times > 1:
                verdict.add("once", f"{phase} of {name} ran {times} times")


def _check_deployment(verdict: Verdict, made: Deployment, phases: Sequence[str]) -> None:
    name = made.name
    if made.state != "RUNNING":
        text = f"{name} ({made.app}) was accepted and is {made.state or 'in no state'} after"
        verdict.add(
            "deployment", f"{text} {made.ended - made.began:.0f} s; it ran {' '.join(phases) or 'nothing'}", made
        )
        return
    if list(dict.fromkeys(phases)) != _ORDER:
        verdict.add("deployment", f"{name} ({made.app}) runs, and its phases were: {' '.join(phases)}", made)
    for phase in PHASES:
        if made.output.get(phase, "") != whole_output(phase, name):
            verdict.add("deployment", f"the output of {phase} of {name} is not whole", made)
