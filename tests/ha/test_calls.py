"""Proofs of calls between nodes: what is taken, once, and what is not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from amp.ha import calls
from amp.ha.calls import Call, Register, answer_mac, is_proven

SECRET, PLANE = "ab" * 32, "plane1"
CALL = Call(PLANE, "caller", "callee", 1, "POST", "/amp/node/ask", b'{"term":3}')


def take(register: Register, call: Call, **said: object) -> Call | str:
    """Make a call, and let it arrive as `said`."""
    there = replace(call, **said)  # type: ignore[arg-type]
    return register.take(SECRET, there.plane, call.header(SECRET), there.method, there.target, there.body)


def counted(register: Register, count: int) -> bool:
    return isinstance(take(register, replace(CALL, count=count)), Call)


def test_a_call_is_taken_once() -> None:
    register = Register("callee")
    assert take(register, CALL) == CALL
    assert take(register, CALL) == "this call was made before"
    assert take(Register("callee"), CALL) == CALL


@pytest.mark.parametrize(
    "said", [{"plane": "plane2"}, {"method": "GET"}, {"target": "/amp/node/standing"}, {"body": b'{"term":4}'}]
)
def test_what_differs_from_what_was_proven_is_refused(said: dict[str, object]) -> None:
    assert "has not proven" in str(take(Register("callee"), CALL, **said))


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "x",
        "1 a b c d",
        "2" + CALL.header(SECRET)[1:],
        "1 caller callee ² 00",
        "1 caller callee " + "9" * 16 + " 0",
    ],
)
def test_what_is_no_proof_is_refused(header: str | None) -> None:
    assert Register("callee").take(SECRET, PLANE, header, "POST", "/", b"") == "this is for nodes of the plane"


def test_another_secret_another_run_or_another_count_is_refused() -> None:
    other = CALL.header("cd" * 32)
    assert "has not proven" in str(Register("callee").take(SECRET, PLANE, other, "POST", CALL.target, CALL.body))
    assert take(Register("later"), CALL) == "this is node later, not callee"
    moved = CALL.header(SECRET).replace(" 1 ", " 2 ")
    assert "has not proven" in str(Register("callee").take(SECRET, PLANE, moved, "POST", CALL.target, CALL.body))


def test_calls_may_overtake_one_another_but_none_comes_twice() -> None:
    register = Register("callee")
    assert [counted(register, n) for n in (5, 3, 4, 9, 8, 3, 9, 7, 8)] == [
        True, True, True, True, True, False, False, True, False,
    ]  # fmt: skip
    assert counted(register, 9 + calls._WINDOW + 1)
    assert not counted(register, 6), "too far behind to be known"
    assert counted(register, 10**14)
    assert not counted(register, 10**14)
    assert counted(register, 10**14 - 1)


def test_so_many_callers_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "_CALLERS", 3)
    register = Register("callee")
    for name in "abcd":
        assert isinstance(take(register, replace(CALL, caller=name)), Call)
    assert len(register._seen) == 3


def test_an_answer_belongs_to_its_call() -> None:
    mac = answer_mac(SECRET, CALL, 200, b"yes")
    assert is_proven(SECRET, CALL, 200, b"yes", mac)
    assert not is_proven(SECRET, CALL, 403, b"yes", mac)
    assert not is_proven(SECRET, CALL, 200, b"no", mac)
    assert not is_proven(SECRET, replace(CALL, count=2), 200, b"yes", mac)
    assert not is_proven("cd" * 32, CALL, 200, b"yes", mac)
    assert not is_proven(SECRET, CALL, 200, b"yes", None)
    assert not is_proven(SECRET, CALL, 200, b"yes", "é")
