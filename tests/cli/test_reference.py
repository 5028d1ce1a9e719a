"""The reference names every command, option, exit code and key that there is, with its default."""

from __future__ import annotations

import argparse
import ast
import re
from pathlib import Path

import pytest
from cyclopts import App

import amp.cli
from amp.cli.commands import app
from amp.cli.exits import MEANINGS
from amp.cli.node import NODE_COMMANDS, node_parser
from amp.cli.options import OPTIONS

ROOT = Path(__file__).parents[2]
CLI = (ROOT / "docs/reference/cli.md").read_text()
CONFIGURATION = (ROOT / "docs/reference/configuration.md").read_text()


def sections(text: str) -> dict[str, str]:
    """Split a page into its second-level sections."""
    return {part.partition("\n")[0].strip(): part for part in text.split("\n## ")[1:]}


def client_commands(tree: App, path: tuple[str, ...]) -> dict[tuple[str, ...], App]:
    """Find the commands that do something, by the words that call them."""
    found: dict[tuple[str, ...], App] = {}
    for name in tree:
        if name.startswith("-") or " ".join((*path[1:], name)) in NODE_COMMANDS:
            continue
        command = tree[name]
        if command.default_command is not None:
            found[(*path, name)] = command
        else:
            found |= client_commands(command, (*path, name))
    return found


COMMANDS = client_commands(app, ("amp",))
#: What stands in a usage for options that several commands have, and the section that explains them.
COMMON = {
    "[OPTIONS]": "Options of the commands that ask a server",
    "[STORE OPTIONS]": "Options of the commands that look after a store",
}


def test_the_commands_were_found() -> None:
    assert ("amp", "ha", "status") in COMMANDS
    assert len(COMMANDS) > 15


@pytest.mark.parametrize("words", list(COMMANDS), ids=" ".join)
def test_client_commands(words: tuple[str, ...]) -> None:
    section = sections(CLI)[" ".join(words)]
    common = "".join(sections(CLI)[title] for mark, title in COMMON.items() if mark in section)
    for argument in COMMANDS[words].assemble_argument_collection():
        for name in argument.names:
            if name.startswith("-"):
                assert f"`{name}" in section + common, f"{name} of {' '.join(words)}"


@pytest.mark.parametrize("name", NODE_COMMANDS)
def test_node_commands(name: str) -> None:
    section = sections(CLI)[f"amp {name}"]
    for action in node_parser(name)._actions:
        if not isinstance(action, argparse._HelpAction):
            for word in action.option_strings or [str(action.metavar)]:
                assert word in section, word


def test_every_section_is_a_command() -> None:
    documented = {title for title in sections(CLI) if title.startswith("amp ")}
    assert documented == {" ".join(words) for words in COMMANDS} | {f"amp {name}" for name in NODE_COMMANDS}


def test_exit_codes() -> None:
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", sections(CLI)["Exit codes"], re.MULTILINE)
    assert [(int(code), meaning) for code, meaning in rows] == list(MEANINGS)


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.key)
def test_keys(option: object) -> None:
    key, default, meaning, file = (getattr(option, name) for name in ("key", "default", "meaning", "file"))
    shown = f"`{default}`" if default else "–"
    assert f"| `{key}` | {shown} | {meaning} |" in sections(CONFIGURATION)[file]


def test_every_documented_key_is_known() -> None:
    known = {option.key for option in OPTIONS}
    for title, section in sections(CONFIGURATION).items():
        if title.startswith("etc/"):
            assert {key for key in re.findall(r"^\| `([a-zA-Z][\w.<>]*\.[\w.<>]+)` \|", section, re.MULTILINE)} <= known


def test_every_key_in_the_code_is_documented() -> None:
    """Whatever in the reader looks like a key is in the list of keys (or is the beginning of one)."""
    keys = [option.key for option in OPTIONS]
    internal = {"brooklyn.ha.timeoutForInactiveNodeRemovalOnStartup", "amp.plane.moved", "brooklyn.properties"}
    for path in Path(amp.cli.__path__[0]).glob("*.py"):
        if path.name == "options.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
            if (
                re.fullmatch(r"(brooklyn|org\.osgi|org\.ops4j|amp\.node|amp\.plane)\.[\w.]+", text)
                and text not in internal
            ):
                assert any(re.sub("<[A-Z]+>.*", "", key).startswith(text) or key == text for key in keys), (path, text)
