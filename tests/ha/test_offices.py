"""How offices ended, across the runs of a home (E9)."""

from pathlib import Path

from amp.ha.offices import Offices


def test_deaths_in_office_add_up_until_one_office_lasts(tmp_path: Path) -> None:
    path = tmp_path / "offices"
    assert Offices(path).deaths() == 0
    for count in (1, 2, 3):
        Offices(path).taken(f"n{count}", 1_000 * count)
        assert Offices(path).deaths() == count
    Offices(path).settled()
    assert Offices(path).deaths() == 0


def test_the_file_stays_small_and_what_cannot_be_read_says_nothing(tmp_path: Path) -> None:
    offices = Offices(tmp_path / "offices")
    for number in range(50):
        offices.taken("n", number)
    assert 3 <= offices.deaths() <= 11
    (tmp_path / "offices").write_text("{ not json")
    assert offices.deaths() == 0
    Offices(tmp_path / "no" / "such" / "folder").taken("n", 1)  # said in the log; no node fails over it
