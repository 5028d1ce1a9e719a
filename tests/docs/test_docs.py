"""The documents hold together: links resolve, examples can be deployed, and every word that a user meets is explained.

Checked elsewhere: routes (`tests/server/test_docs.py`), commands and keys (`tests/cli`), types, sensors and effectors
(`tests/blueprint/test_reference_page.py`).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from amp import __version__
from amp.blueprint.parse import parse_application
from amp.entities.types import standard_registry
from amp.ha.modes import HaMode, NodeState, PersistMode
from amp.testing.sim.planted import PLANTED
from amp.testing.simwork.planted import PLANTED as WORK_PLANTED

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "packaging").glob("*.md")])
#: The longest that the pages for newcomers and contributors may get, in lines.
LENGTHS = {"ARCHITECTURE.md": 150, "CONTRIBUTING.md": 100}

_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]*`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def links(page: Path) -> Iterator[str]:
    prose = _CODE.sub("", _FENCE.sub("", page.read_text()))
    yield from (target for target in _LINK.findall(prose) if "://" not in target)


def anchors(page: Path) -> set[str]:
    """Name the headings of a page as GitHub does, and the anchors that it sets itself."""
    text = _FENCE.sub("", page.read_text())
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    named = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
    return named | set(re.findall(r'<a id="([^"]+)"></a>', text))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in links(page):
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{name(page)} links to {target}, which is not there"
        if anchor:
            assert anchor in anchors(there), f"{name(page)} links to {target}, but {name(there)} has no such heading"


def test_a_broken_link_would_be_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A `b` c\n```\n[no](link)\n```\n`[no](link)` [x](gone.md#there) [y](https://example.org)\n")
    assert list(links(page)) == ["gone.md#there"]
    assert anchors(page) == {"a-b-c"}


@pytest.mark.parametrize("page", [page for page in PAGES if DOCS in page.parents], ids=name)
def test_every_page_is_reached_from_the_index(page: Path) -> None:
    index = DOCS / "README.md"
    reached, ahead = {index}, [index]
    while ahead:
        at = ahead.pop()
        for target in links(at):
            there = (at.parent / target.partition("#")[0]).resolve() if not target.startswith("#") else at
            if there.suffix == ".md" and there not in reached and there.exists():
                reached.add(there)
                ahead.append(there)
    assert page in reached


@pytest.mark.parametrize("blueprint", sorted((ROOT / "examples").rglob("*.yaml")), ids=name)
def test_examples_can_be_deployed(blueprint: Path) -> None:
    assert parse_application(blueprint.read_text(), standard_registry()).name


@pytest.mark.parametrize("page", [ROOT / "README.md"], ids=name)
def test_blueprints_on_pages_can_be_deployed(page: Path) -> None:
    found = re.findall(r"^```yaml\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    assert found
    for text in found:
        assert parse_application(text, standard_registry()).name == "Example"


@pytest.mark.parametrize("word", [*NodeState], ids=str)
def test_states_are_explained(word: NodeState) -> None:
    assert f"\n| `{word}` |" in (DOCS / "reference" / "glossary.md").read_text()


@pytest.mark.parametrize("word", [*HaMode, *PersistMode], ids=str)
def test_modes_are_explained(word: HaMode | PersistMode) -> None:
    assert f"\n| `{word}` |" in (DOCS / "reference" / "configuration.md").read_text()
    assert f"`{word}`" in (DOCS / "reference" / "glossary.md").read_text()


def test_planted_bugs_are_listed() -> None:
    page = (DOCS / "reference" / "simulator.md").read_text().split("## Planted bugs")[1]
    listed = {int(number) for number in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)}
    assert listed == {bug.number for bug in PLANTED}


def test_planted_bugs_in_the_work_are_listed() -> None:
    page = (DOCS / "reference" / "simulator.md").read_text().split("## Work under bad luck")[1]
    assert set(re.findall(r"^\| `([a-z-]+)` \|", page, re.MULTILINE)) == set(WORK_PLANTED)


def test_the_index_of_decisions_is_whole() -> None:
    folder = DOCS / "decisions"
    records = sorted(path.name for path in folder.glob("[0-9]*.md"))
    assert list(links(folder / "README.md")) == records
    for path in records:
        text = (folder / path).read_text()
        assert len(text.splitlines()) <= 40, path
        assert all(f"**{part}.**" in text for part in ("Problem", "Choice", "Alternatives", "Consequences")), path


@pytest.mark.parametrize(("page", "longest"), LENGTHS.items())
def test_short_pages_stay_short(page: str, longest: int) -> None:
    assert len((ROOT / page).read_text().splitlines()) <= longest


def test_the_changelog_knows_this_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == __version__
    assert f"\n## {__version__}\n" in (ROOT / "CHANGELOG.md").read_text()


def test_make_targets_that_are_named_exist() -> None:
    targets = set(re.findall(r"^([a-z0-9]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        text = page.read_text()
        code = "\n".join([*_FENCE.findall(text), *_CODE.findall(text)])
        named = set(re.findall(r"^`?make ([a-z0-9]+)", code, re.MULTILINE))
        assert named <= targets, f"{name(page)} names {named - targets}"


def test_messages_in_the_guide_are_those_of_the_program() -> None:
    """A few words of each, as they stand in the sources, so that a changed message changes the guide."""
    page = (DOCS / "howto" / "troubleshooting.md").read_text()
    source = "\n".join(path.read_text() for path in (ROOT / "src" / "amp").rglob("*.py"))
    for words in MESSAGES:
        assert words in page, f"not in the guide: {words}"
        assert words in source, f"not in the program any more: {words}"


MESSAGES = (
    "there is no key before the value",
    "save the file as UTF-8, or write the character as an escape",
    "is a bad escape",
    "needs a store that all nodes share",
    "removes the state, which only a master may do",
    "must be at least 2s and two poll periods",
    "no location of this name",
    "is still the example's",
    "needs a bucket: add the line",
    "mount it or make it first",
    "the credentials are wrong",
    "does not exist (",
    "the connection is refused",
    "lets a second create overwrite the first",
    "is a file, not a directory",
    "but the store holds the plane",
    "is master already",
    "but there is no master",
    "but there is no state in",
    "is in use on",
    "is not an address of this machine",
    "already running from",
    "is the home of an AMP server already",
    "was left over by pid",
    "it did not get to serve within",
)


def test_rules_that_the_sources_cite_are_explained() -> None:
    """Comments name rules of the protocol by number, such as E5; each has an anchor on its page."""
    page = anchors(DOCS / "reference" / "protocol.md")
    for path in (ROOT / "src" / "amp" / "ha").glob("*.py"):
        for rule in re.findall(r"\b(?:A[1-4]|[RC][1-4]|T[1-7]|E[1-9]|U[1-3])\b", path.read_text()):
            assert rule.lower() in page, f"{name(path)} cites {rule}, which docs/reference/protocol.md does not have"
