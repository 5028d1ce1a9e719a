"""Secrets stay out of texts, and errors end with what was said last."""

from __future__ import annotations

import pytest

from amp.remote.command import is_secret, last_lines, mask, shown


@pytest.mark.parametrize("name", ["DB_PASSWORD", "aws.credential", "MY_SECRET", "ACCESS_KEY", "private-data", "TOKEN"])
def test_names_tell_secrets(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize("name", ["PORT", "PATH", "KEYBOARD", "user"])
def test_other_names_do_not(name: str) -> None:
    assert not is_secret(name)


def test_secret_values_are_masked_wherever_they_stand() -> None:
    env = {"PASSWORD": "swordfish", "OTHER_SECRET": "swordfish2", "PORT": "8080", "PIN_SECRET": "1"}
    assert mask("swordfish2 swordfish at 8080 1", env) == "*** *** at 8080 1"
    assert shown(env) == {"PASSWORD": "***", "OTHER_SECRET": "***", "PORT": "8080", "PIN_SECRET": "***"}


def test_the_last_words_are_few_and_short() -> None:
    text = "\n".join(f"row {n}" for n in range(20)) + "\n\n" + "x" * 500 + "\n"
    assert last_lines(text, lines=2, width=5) == "row 1\nxxxxx"
    assert last_lines("  \n ") == ""
