"""A machine that waits for an answer sleeps until there is something to do."""

from amp.ha import events as ev
from amp.ha.machine import Identity, Machine, Phase
from amp.ha.modes import HaMode
from amp.kit.clock import Reading
from amp.store.objects import Outcome

POLL = 1.0
AT = Reading(100.0, 100.0, 100.0)


def test_a_winner_that_waits_for_the_boundary_does_not_spin() -> None:
    identity = Identity("n1", "i", "p", "name", "address", "1.0.0", HaMode.AUTO, timeout=30.0, poll=POLL)
    machine = Machine(identity, lambda: "nonce")
    machine.handle(ev.Started(), AT)
    (read,) = machine.handle(ev.Loaded(None), AT)
    assert isinstance(read, ev.Get)
    (boundary,) = machine.handle(ev.Got(read.ticket, None), AT)
    assert isinstance(boundary, ev.ReadBoundary)
    create = next(
        each for each in machine.handle(ev.BoundaryRead(boundary.ticket, 0), AT) if isinstance(each, ev.Create)
    )
    machine.handle(ev.Created(create.seq, create.attempt, Outcome.DONE), AT)

    assert machine.phase is Phase.LEADING
    assert not machine.in_office  # its election may be litter in a deleted slot
    assert machine.wake_in(AT) >= POLL
