"""`amp init` and `amp generate-password`: what is made, that it can be used, and what is refused."""

from __future__ import annotations

import hashlib
import io
import random
import sys
from pathlib import Path

import pytest

from amp.cli.config import load
from amp.cli.home import make_home
from amp.cli.main import run
from amp.cli.options import BROOKLYN, LAUNCHER, OPTIONS, WEB
from amp.cli.properties import parse_properties
from amp.cli.users import random_text, user_lines
from amp.kit.errors import Conflict, Invalid

entropy = random.Random(7).randbytes


def test_a_new_home_can_be_loaded(tmp_path: Path) -> None:
    made = make_home(tmp_path / "h", port=20001, host="127.0.0.1", entropy=entropy)
    settings = load(made.path, {"HOME": str(tmp_path)})
    assert (settings.host, settings.port, settings.uri) == ("127.0.0.1", 20001, made.url)
    (user,) = settings.users
    assert user.name == made.user == "admin"
    assert user.sha256 == hashlib.sha256(f"{user.salt}{made.password}".encode()).hexdigest()
    assert settings.warnings == ()
    assert made.password not in (made.path / BROOKLYN).read_text()
    assert len((made.path / "data/instance").read_text().strip()) == 16


def test_modes_of_the_files(tmp_path: Path) -> None:
    home = make_home(tmp_path / "h", port=20001, host="0.0.0.0", entropy=entropy).path
    assert (home / BROOKLYN).stat().st_mode & 0o777 == 0o600
    assert (home / "data").stat().st_mode & 0o777 == 0o700
    for name in ("start", "stop", "status", "launch"):
        assert (home / "bin" / name).stat().st_mode & 0o111 == 0o111


def test_all_options_of_the_launcher_are_there_commented_out(tmp_path: Path) -> None:
    text = (make_home(tmp_path / "h", port=20001, host="0.0.0.0", entropy=entropy).path / LAUNCHER).read_text()
    assert parse_properties(text.encode(), "f") == []
    lines = text.splitlines()
    for option in OPTIONS:
        if option.file == LAUNCHER:
            assert f"#{option.key}={option.example}" in lines


def test_following_the_tutorial_is_removing_marks(tmp_path: Path) -> None:
    home = make_home(tmp_path / "h", port=20001, host="0.0.0.0", entropy=entropy).path
    wanted = ("highAvailabilityMode", "persistMode", "persistenceLocation", "persistenceDir")
    for file, keys in ((LAUNCHER, wanted), (BROOKLYN, ("brooklyn.location.named",))):
        lines = (home / file).read_text().splitlines()
        text = "\n".join(line[1:] if line.startswith(tuple(f"#{key}" for key in keys)) else line for line in lines)
        (home / file).write_text(text.replace("<AWS Identity>", "AKIA").replace("<AWS Credential>", "s3cr3t"))
    store = load(home, {"HOME": str(tmp_path)}).store
    assert repr(store) == (
        "CloudStore(provider='s3', bucket='my-s3-bucket-name', prefix='', region='eu-west-1', "
        "endpoint='http://127.0.0.1:9000', identity='AKIA', credential=***)"
    )


def test_an_address_for_people(tmp_path: Path) -> None:
    assert make_home(tmp_path / "a", port=20001, host="0.0.0.0", entropy=entropy).url == "http://127.0.0.1:20001"
    assert make_home(tmp_path / "b", port=20001, host="::1", entropy=entropy).url == "http://[::1]:20001"


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    home = tmp_path / "h"
    make_home(home, port=20001, host="0.0.0.0", entropy=entropy)
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    with pytest.raises(Conflict, match="home of an AMP server already"):
        make_home(home, port=20002, host="0.0.0.0", entropy=entropy)
    assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == before
    (tmp_path / "file").write_text("x")
    with pytest.raises(Conflict, match="is not empty"):
        make_home(tmp_path, port=20001, host="0.0.0.0", entropy=entropy)
    with pytest.raises(Conflict, match="is a file"):
        make_home(tmp_path / "file", port=20001, host="0.0.0.0", entropy=entropy)


@pytest.mark.parametrize(
    ("port", "host", "said"), [(0, "0.0.0.0", "--port 0"), (70000, "::", "--port"), (1, "x", "--host x")]
)
def test_bad_arguments(tmp_path: Path, port: int, host: str, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        make_home(tmp_path / "h", port=port, host=host, entropy=entropy)
    assert not (tmp_path / "h").exists()


def test_init_shows_the_password_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init", str(tmp_path / "h"), "--port", "20005"]) == 0
    out = capsys.readouterr().out
    assert "http://127.0.0.1:20005" in out
    assert f"{tmp_path}/h/bin/start" in out
    password = out.split("password  ")[1].split()[0]
    salt, sha256 = (entry.value for entry in parse_properties((tmp_path / "h" / BROOKLYN).read_bytes(), "f")[1:3])
    assert hashlib.sha256((salt + password).encode()).hexdigest() == sha256
    assert run(["init", str(tmp_path / "h")]) == 5
    assert "org.osgi.service.http.port=20005" in (tmp_path / "h" / WEB).read_text()


def test_generate_password(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("pass word\nignored\n"))
    assert run(["generate-password", "--user", "joe", "--stdin"]) == 0
    head, blank, users, salt, sha256 = capsys.readouterr().out.splitlines()
    assert (head, blank) == ("Please add the following to your etc/brooklyn.cfg:", "")
    assert users == "brooklyn.webconsole.security.users=joe"
    salt_text = salt.removeprefix("brooklyn.webconsole.security.user.joe.salt=")
    assert len(salt_text) == 4
    digest = hashlib.sha256(f"{salt_text}pass word".encode()).hexdigest()
    assert sha256 == f"brooklyn.webconsole.security.user.joe.sha256={digest}"


@pytest.mark.parametrize(
    ("words", "typed", "said"),
    [
        (["--user", "joe", "--stdin"], "\n", "Password must not be blank"),
        (["--user", "joe"], "x\n", "add --stdin"),
        (["--user", "a,b", "--stdin"], "x\n", "is not a user name"),
        (["--user", "", "--stdin"], "x\n", "is not a user name"),
        (["--stdin"], "x\n", "--user"),
    ],
)
def test_generate_password_refuses(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], typed: str, said: str
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    assert run(["generate-password", *words]) == 1
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.out == ""


@pytest.mark.parametrize(
    ("typed", "code", "said"),
    [(["a", "a"], 0, ""), (["a", "b"], 1, "Passwords do not match"), ([""], 1, "Password must not be blank")],
)
def test_generate_password_asks_twice(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], typed: list[str], code: int, said: str
) -> None:
    answers = iter(typed)
    prompts = []

    def ask(prompt: str) -> str:
        prompts.append(prompt)
        return next(answers)

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("getpass.getpass", ask)
    monkeypatch.setattr(sys, "stdin", Terminal())
    assert run(["generate-password", "--user", "joe"]) == code
    assert said in capsys.readouterr().err
    assert prompts == ["Password: ", "Re-enter password: "][: len(typed)]


def test_names_with_signs_of_properties_files_are_escaped() -> None:
    lines = user_lines("a b=c:d", "p", entropy)
    entries = parse_properties("\n".join(lines).encode(), "f")
    assert entries[0].value == "a b=c:d"
    assert entries[1].key == "brooklyn.webconsole.security.user.a b=c:d.salt"


def test_random_text_draws_every_letter_evenly() -> None:
    text = random_text(entropy, 20_000)
    counts = [text.count(letter) for letter in sorted(set(text))]
    assert len(text) == 20_000
    assert len(counts) == 56
    assert max(counts) < 1.3 * min(counts)
