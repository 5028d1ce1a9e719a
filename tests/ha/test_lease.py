"""Lease arithmetic: a leader must not underestimate time, a standby must not overestimate it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amp.ha.lease import SHARE, Lease, Sighting, leader_elapsed, standby_elapsed
from amp.kit.clock import Reading

ZERO = Reading(100.0, 50.0, 1_000.0)


@pytest.mark.parametrize(
    ("now", "leader", "standby"),
    [
        (Reading(110.0, 60.0, 1_010.0), 10.0, 10.0),
        (Reading(110.0, 60.0, 4_600.0), 3_600.0, 10.0),  # the wall clock was set forward
        (Reading(110.0, 60.0, 400.0), 10.0, 10.0),  # and back
        (Reading(710.0, 60.0, 1_010.0), 610.0, 10.0),  # suspended for ten minutes
    ],
)
def test_which_clock_counts(now: Reading, leader: float, standby: float) -> None:
    assert leader_elapsed(ZERO, now) == leader
    assert standby_elapsed(ZERO, now) == standby


def test_a_lease_ends_before_the_wait_for_it_does() -> None:
    at_lease_end = Reading(100.0 + SHARE * 30, 50.0 + SHARE * 30, 1_000.0 + SHARE * 30)
    assert Lease(ZERO, 30.0).left(at_lease_end) == 0
    assert not Sighting(1, ZERO, 30.0).over(at_lease_end, 30.0)


def test_a_lower_timeout_binds_when_it_is_sent() -> None:
    lease = Lease(ZERO, 30.0)
    assert lease.left(ZERO, bound=3.0) == pytest.approx(2.4)
    assert lease.left(ZERO, bound=60.0) == pytest.approx(24.0)


def test_a_standby_waits_for_the_longer_of_both_timeouts() -> None:
    seen = Sighting(1, ZERO, 30.0)
    later = Reading(110.0, 60.0, 1_010.0)
    assert not seen.over(later, own_timeout=3.0)
    assert Sighting(1, ZERO, 3.0).over(later, own_timeout=10.0)


@given(
    slow=st.floats(0.9, 1.0),
    fast=st.floats(1.0, 1.08),
    timeout=st.floats(2.0, 60.0),
    flight=st.floats(0.0, 5.0),
)
def test_clocks_within_a_fifth_never_overlap(slow: float, fast: float, timeout: float, flight: float) -> None:
    """The lease begins when the append is sent, the wait when it is seen, `flight` seconds of true time later."""
    lease_ends = SHARE * timeout / slow
    wait_ends = flight + timeout / fast
    assert lease_ends < wait_ends
