"""The models' planted bugs are run and documented, their rules exist, and what the checker says is read rightly."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = {path.stem: path.read_text() for path in sorted((ROOT / "models").glob("*.pml"))}
DOCS = (ROOT / "docs/explanation/how-we-test-failover.md").read_text().partition("## The exhaustive models")[2]
DONE = """
State-vector 84 byte, depth reached 99, errors: 0
    4711 states, stored
"""
CAUGHT = """
pan:1: assertion violated (acting<=1) (at depth 38)
Warning: Search not completed
State-vector 84 byte, depth reached 99, errors: 1
     815 states, stored
"""


@pytest.fixture(scope="module")
def check() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_models", ROOT / "bin/check_models.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_every_planted_bug_is_run(check: ModuleType) -> None:
    planted = {(name, bug) for name, text in SOURCES.items() for bug in re.findall(r"\bBUG_(\w+)", text)}
    assert {(what.split()[0], bug) for bug, what in check.CAUGHT} == planted


def test_every_rule_that_a_model_names_is_one_of_the_protocol() -> None:
    rules = set(re.findall(r'<a id="(\w+)">', (ROOT / "docs/reference/protocol.md").read_text()))
    for text in (*SOURCES.values(), DOCS):
        # C1 is also the name of a bug, that breaks it.
        named = {rule.lower() for rule in re.findall(r"\b([ARCTESL]\d)\b", text)}
        assert named
        assert named <= rules


def test_every_planted_bug_is_documented(check: ModuleType) -> None:
    said = DOCS.replace("1 to 10", " ".join(map(str, range(1, 11)))).replace("11 to 14", "11 12 13 14")
    for bug, _ in check.CAUGHT:
        assert re.search(rf"\b{bug}\b", said), bug


def test_a_run_holds_only_if_all_states_were_seen(check: ModuleType) -> None:
    run = check.Run("lease")
    whole = check.read(run, DONE, 1.0)
    assert whole.good
    assert whole.states == 4711
    assert "holds" in whole.line()
    cut = check.read(run, "error: max search depth too small\n" + DONE, 1.0)
    assert not cut.good
    assert "NOT ALL STATES" in cut.line()


def test_a_fault_is_good_only_where_a_bug_was_planted(check: ModuleType) -> None:
    broken = check.read(check.Run("lease"), CAUGHT, 1.0)
    assert not broken.good
    assert "BROKEN: assertion violated (acting<=1)" in broken.line()
    assert check.read(check.Run("lease", "11"), CAUGHT, 1.0).good
    missed = check.read(check.Run("lease", "11"), DONE, 1.0)
    assert not missed.good
    assert "NOT CAUGHT" in missed.line()


def test_no_verdict_is_an_error(check: ModuleType) -> None:
    with pytest.raises(RuntimeError, match="no verdict"):
        check.read(check.Run("lease"), "pan: out of memory", 1.0)
