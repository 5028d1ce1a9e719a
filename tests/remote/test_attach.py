"""What a run directory means, as a table; what is written for a shell, read back by one."""

from __future__ import annotations

import subprocess

import pytest

from amp.remote.attach import Facts, Standing, exports, judge, process_of

BOOT = {"boot": "b\n", "boot_now": "b"}


@pytest.mark.parametrize(
    ("facts", "standing", "exit"),
    [
        (Facts(), Standing.UNDECIDED, None),
        (Facts("nonsense", exit="0\n"), Standing.UNDECIDED, None),
        (Facts(None, "7 7 7", exit="0\n", living=True), Standing.UNDECIDED, None),
        (Facts("void.3"), Standing.VOID, None),
        (Facts("void.3", "7 7 7", exit="0\n", living=True), Standing.VOID, None),
        (Facts("start.3", "7 7 7", living=True, **BOOT), Standing.RUNNING, None),
        (Facts("start.3", "7 7 7", living=True, boot="", boot_now="b"), Standing.RUNNING, None),
        (Facts("start.3", "7 7 7", "b\n", "0\n", living=True, boot_now="b"), Standing.ENDED, 0),
        (Facts("start.3", "7 7 7", "b\n", "137\n", boot_now="b"), Standing.ENDED, 137),
        (Facts("start.3", "7 7 7", "b\n", "killed\n", boot_now="b"), Standing.ENDED, None),
        (Facts("start.3", "7 7 7", "a\n", "0\n", boot_now="b"), Standing.ENDED, 0),
        (Facts("start.3", "7 7 7", "b\n", "", boot_now="b"), Standing.UNKNOWN, None),
        (Facts("start.3", "7 7 7", **BOOT), Standing.UNKNOWN, None),
        (Facts("start.3"), Standing.UNKNOWN, None),
        (Facts("start.3", "7 7 7", "a\n", living=True, boot_now="b"), Standing.UNKNOWN, None),
    ],
)
def test_what_a_run_directory_means(facts: Facts, standing: Standing, exit: int | None) -> None:
    progress = judge(facts)
    assert (progress.standing, progress.exit) == (standing, exit)


def test_a_reboot_is_told_from_a_death() -> None:
    died = Facts("start.3", "7 7 7", "a\n", boot_now="a")
    assert not judge(died).rebooted
    assert judge(Facts("start.3", "7 7 7", "a\n", boot_now="b")).rebooted
    assert judge(died).term == 3


@pytest.mark.parametrize("text", [None, "", "x", "7", "7 7", "7 7 x", "1 1 1", "-7 7 7", "7 7 7 7"])
def test_a_pid_file_that_names_nothing(text: str | None) -> None:
    assert process_of(text) is None
    assert process_of("70 68 900\n") == (70, 900)


@pytest.mark.parametrize("value", ["", "a b", "it's", "'", "''", '$HOME `id` \\ "', "two\nlines", "ü\t*"])
def test_any_value_reaches_the_command_as_it_is(value: str) -> None:
    done = subprocess.run(["/bin/sh", "-c", exports({"A": value}) + 'printf %s "$A"'], capture_output=True, check=True)
    assert done.stdout.decode() == value
