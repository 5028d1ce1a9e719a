"""The client commands against a small HTTP server: what they send, what they print, their exit codes."""

from __future__ import annotations

import base64
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fake_api import Api, Terminal, plane

from amp import __version__
from amp.cli.client import Client
from amp.cli.main import run, wants_json
from amp.kit.errors import Unavailable

APP = {
    "id": "yqv1n1zb2e",
    "spec": {"name": "demo", "type": "org.apache.brooklyn.entity.stock.BasicApplication", "locations": []},
    "status": "RUNNING",
    "links": {},
}
TREE = {
    "id": "yqv1n1zb2e",
    "name": "demo",
    "type": "org.apache.brooklyn.entity.stock.BasicApplication",
    "serviceUp": True,
    "serviceState": "RUNNING",
    "children": [
        {
            "id": "p8s1a",
            "name": "web",
            "type": "org.apache.brooklyn.entity.software.base.VanillaSoftwareProcess",
            "serviceUp": False,
            "serviceState": "ON_FIRE",
            "sensors": {"host.address": "127.0.0.1", "run.dir": "/tmp/web"},
        },
        {"id": "q1", "name": "side", "type": "org.apache.brooklyn.entity.stock.BasicEntity", "serviceUp": None},
    ],
}
TASK = {
    "id": "T1",
    "displayName": "start",
    "entityId": "yqv1n1zb2e",
    "entityDisplayName": "demo",
    "currentStatus": "In progress",
}
ENDED = TASK | {"endTimeUtc": 1, "isError": False, "isCancelled": False, "currentStatus": "Completed"}
FAILED = ENDED | {"isError": True, "result": "launch failed: exit code 1"}
CANCELLED = ENDED | {"isCancelled": True}
NOT_MASTER = {"message": "This request is only permitted against an active primary Brooklyn server", "error": 403}
STATES = {"masterId": "n2", "nodes": {"n2": {"nodeUri": "http://10.0.0.2:8081"}}}


@pytest.fixture
def blueprint(tmp_path: Path) -> str:
    path = tmp_path / "demo.yaml"
    path.write_text("name: demo\nservices: []\n")
    return str(path)


def test_ha_status(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    api.on("GET", "/v1/ha/plane", (200, plane()))
    assert run(["ha", "status"]) == 0
    assert capsys.readouterr().out == (
        "Plane    w5sTPbD7 (blue), term 3, segment 41\n"
        "Verdict  1 master, 1 hot standby: can lose one node\n"
        "Master   http://10.0.0.2:8081\n"
        "\n"
        "NODE  STATUS       PRIORITY  URI                   LAST SEEN   TERM  LAG  VERSION\n"
        "n1*   HOT_STANDBY  0         http://10.0.0.1:8081  now         3     2    0.1.0\n"
        "n2    MASTER       10        http://10.0.0.2:8081  250ms ago   3     0    0.1.0\n"
        "n3    TERMINATED   0         -                     1m 15s ago  -     -    0.1.0\n"
    )


@pytest.mark.parametrize("split", [True, False])
def test_the_server_may_be_named_before_the_command(
    api: Api, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], split: bool
) -> None:
    monkeypatch.setenv("AMP_URL", "http://127.0.0.1:1")
    api.on("GET", "/v1/ha/plane", (200, plane()))
    whom = {"--url": api.url, "--user": "admin", "--password": "x=y"}
    words = [part for pair in whom.items() for part in (pair if split else ["=".join(pair)])]
    assert run([*words, "ha", "status", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["plane"] == "w5sTPbD7"
    ((_, _, headers, _),) = api.asked
    assert headers["Authorization"] == "Basic " + base64.b64encode(b"admin:x=y").decode()


def test_ha_status_for_scripts_and_without_a_master(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    api.on("GET", "/v1/ha/plane", (200, plane(master=None, master_uri=None, problem="the store is full")))
    assert run(["ha", "status", "-o", "json"]) == 8
    assert json.loads(capsys.readouterr().out)["plane"] == "w5sTPbD7"
    assert run(["ha", "status"]) == 8
    out = capsys.readouterr().out
    assert "Master   none\n" in out
    assert "Problem  the store is full\n" in out


@pytest.mark.process
def test_ha_status_watch_shows_changes_and_failures_until_interrupted(api: Api) -> None:
    nobody = plane(master=None, master_uri=None, nodes=[])
    api.on("GET", "/v1/ha/plane", (200, plane()), (200, plane()), (503, {"message": "not now"}), (200, nobody))
    command = [sys.executable, "-m", "amp.cli.main", "ha", "status", "--watch", "-o", "json"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    ) as watching:
        assert watching.stdout is not None
        assert watching.stderr is not None
        assert len(json.loads(watching.stdout.readline())["nodes"]) == 3
        assert json.loads(watching.stdout.readline())["nodes"] == []
        assert json.loads(watching.stderr.readline()) == {"error": {"code": 2, "message": "not now"}}
        watching.send_signal(signal.SIGINT)
        assert watching.wait(10) == 130
        assert watching.stderr.read() == ""


def test_deploy_waits(api: Api, blueprint: str, capsys: pytest.CaptureFixture[str]) -> None:
    api.on("POST", "/v1/applications", (201, TASK))
    api.on("GET", "/v1/activities/T1", (202, TASK), (200, ENDED))
    assert run(["deploy", blueprint, "--user", "me", "--password", "p:w"]) == 0
    assert capsys.readouterr().out == "Running: demo (yqv1n1zb2e)\n"
    assert api.requests() == ["POST /v1/applications", *["GET /v1/activities/T1"] * 2]
    _, _, headers, body = api.asked[0]
    assert body == b"name: demo\nservices: []\n"
    assert headers["Content-Type"] == "application/x-yaml"
    assert base64.b64decode(headers["Authorization"].removeprefix("Basic ")) == b"me:p:w"


def test_deploy_from_standard_input_detached(
    api: Api, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("name: é\n".encode())))
    monkeypatch.setenv("AMP_USER", "envuser")
    api.on("POST", "/v1/applications", (201, TASK))
    assert run(["deploy", "--detach", "-"]) == 0
    assert capsys.readouterr().out == "Deployed demo (yqv1n1zb2e), which starts now\n"
    assert api.requests() == ["POST /v1/applications"]
    assert api.asked[0][3].decode() == "name: é\n"
    assert base64.b64decode(api.asked[0][2]["Authorization"][6:]) == b"envuser:"


@pytest.mark.parametrize(
    ("end", "said"),
    [
        (FAILED, "amp: start of demo failed: launch failed: exit code 1\n"),
        (CANCELLED, "amp: start of demo was cancelled\n"),
    ],
)
def test_deploy_of_what_fails(
    api: Api, blueprint: str, capsys: pytest.CaptureFixture[str], end: dict[str, Any], said: str
) -> None:
    api.on("POST", "/v1/applications", (201, TASK))
    api.on("GET", "/v1/activities/T1", (200, end))
    assert run(["deploy", blueprint]) == 7
    assert capsys.readouterr().err == said
    assert run(["deploy", blueprint, "-o", "json"]) == 7
    assert json.loads(capsys.readouterr().err)["error"] | {"message": ""} == {"code": 7, "message": "", "taskId": "T1"}


def test_deploy_gives_up_waiting(api: Api, blueprint: str, capsys: pytest.CaptureFixture[str]) -> None:
    api.on("POST", "/v1/applications", (201, TASK))
    api.on("GET", "/v1/activities/T1", (202, TASK))
    assert run(["deploy", blueprint, "--timeout", "0"]) == 6
    assert "has not ended within 0ms; it goes on" in capsys.readouterr().err


def test_a_server_that_is_away_for_a_moment_is_asked_again(api: Api, blueprint: str) -> None:
    api.on("POST", "/v1/applications", (201, TASK))
    api.on("GET", "/v1/activities/T1", (0, b""), (503, {"message": "soon"}), (200, ENDED))
    assert run(["deploy", blueprint]) == 0
    assert len(api.asked) == 4


def test_app_ls(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    api.on("GET", "/v1/applications", (200, [APP, APP | {"id": "z", "spec": {"name": None}, "status": "ERROR"}]))
    assert run(["app", "ls"]) == 0
    assert capsys.readouterr().out == (
        "ID          NAME  STATUS   TYPE\nyqv1n1zb2e  demo  RUNNING  BasicApplication\nz           -     ERROR    -\n"
    )
    assert run(["app", "ls", "--output=json"]) == 0
    assert json.loads(capsys.readouterr().out)[0] == APP


def test_app_show(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    sensors = "host.address,process.pid,softwareprocess.pid,pid,run.dir,main.uri"
    api.on("GET", "/v1/applications/my%20app", (200, APP))
    asked = f"items={APP['id']}&includeAllApps=false&depth=-1&sensors={sensors}"
    api.on("GET", f"/v1/applications/details?{asked}", (200, [TREE]))
    assert run(["app", "show", "my app"]) == 0
    assert capsys.readouterr().out == (
        "demo  RUNNING  up  yqv1n1zb2e  BasicApplication\n"
        "├── web  ON_FIRE  down  p8s1a  VanillaSoftwareProcess  host.address=127.0.0.1  run.dir=/tmp/web\n"
        "└── side  -  up unknown  q1  BasicEntity\n"
    )
    assert run(["app", "show", "my app", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == TREE


def test_app_show_of_nothing(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    api.on("GET", "/v1/applications/nope", (404, {"message": "Application 'nope' not found", "error": 404}))
    assert run(["app", "show", "nope"]) == 3
    assert capsys.readouterr().err == "amp: Application 'nope' not found\n"


def test_app_delete(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    api.on("GET", "/v1/applications/demo", (200, APP))
    api.on("DELETE", "/v1/applications/yqv1n1zb2e", (202, TASK))
    api.on("GET", "/v1/activities/T1", (200, ENDED))
    assert run(["app", "delete", "demo", "-y"]) == 0
    assert capsys.readouterr().out == "Deleted demo (yqv1n1zb2e)\n"
    assert run(["app", "delete", "demo", "--yes", "--detach"]) == 0
    assert capsys.readouterr().out == "Deleting demo (yqv1n1zb2e)\n"
    assert len(api.asked) == 5


def test_app_delete_asks_on_a_terminal(
    api: Api, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    api.on("GET", "/v1/applications/demo", (200, APP))
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    assert run(["app", "delete", "demo"]) == 1
    assert capsys.readouterr().err == "Stop and delete demo (yqv1n1zb2e)? [y/N] amp: nothing was deleted\n"
    assert api.requests() == ["GET /v1/applications/demo"]


GONE = "http://127.0.0.1:1"


def test_of_several_servers_the_next_is_asked_where_one_cannot_be_reached(
    api: Api, blueprint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    api.on("GET", "/v1/applications/demo", (200, APP))
    api.on("DELETE", f"/v1/applications/{APP['id']}", (202, {"id": "t1"}))
    assert run(["app", "delete", "demo", "--yes", "--detach", "--url", f"{GONE}, {api.url}"]) == 0
    assert "Deleting demo" in capsys.readouterr().out
    assert run(["app", "ls", "--url", f"{GONE},{GONE}"]) == 2
    assert f"{GONE} cannot be reached" in capsys.readouterr().err


def test_of_several_servers_the_next_is_asked_where_one_is_not_the_master(
    api: Api, blueprint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    api.on("POST", "/v1/applications", (403, NOT_MASTER), (503, {"message": "its fate is not known", "unknown": True}))
    api.on("GET", "/v1/server/ha/states", (200, STATES))
    both = f"{api.url},{api.url}/"
    assert run(["deploy", blueprint, "--url", both]) == 2
    assert run(["deploy", blueprint, "--url", both]) == 2
    assert capsys.readouterr().err.count("its fate is not known") == 2
    keys = [headers["Idempotency-Key"] for method, _, headers, _ in api.asked if method == "POST"]
    assert len(keys) == 4, "with its key it is sent to the next one, too"
    assert keys[0] == keys[1] != keys[2] == keys[3]
    with pytest.raises(Unavailable):
        Client(api.url, others=(api.url,)).call("POST", "/v1/applications", b"")
    assert len([1 for method, *_ in api.asked if method == "POST"]) == 5, "without one it is not"
    assert run(["ha", "priority", "3", "--url", both]) == 1
    assert "names several servers, but this concerns one node" in capsys.readouterr().err


def test_a_standby_names_the_master(api: Api, blueprint: str, capsys: pytest.CaptureFixture[str]) -> None:
    api.on("POST", "/v1/applications", (403, NOT_MASTER))
    api.on("GET", "/v1/server/ha/states", (200, STATES))
    assert run(["deploy", blueprint]) == 9
    assert capsys.readouterr().err == (
        f"amp: {api.url} is not the high-availability master\n     Ask the master: amp --url http://10.0.0.2:8081\n"
    )
    api.on("GET", "/v1/server/ha/states", (200, {"masterId": None, "nodes": {}}))
    assert run(["deploy", blueprint, "-o", "json"]) == 9
    error = json.loads(capsys.readouterr().err)["error"]
    assert (error["code"], error["masterUri"]) == (9, None)
    assert error["hint"].startswith("No master is known now")


@pytest.mark.parametrize(
    ("status", "body", "code", "said"),
    [
        (400, {"message": "Error in blueprint: line 3, column 5: unknown type"}, 1, "line 3, column 5"),
        (401, b"Authentication failed", 4, "Authentication failed\n     Set AMP_USER and AMP_PASSWORD"),
        (403, {"message": "User 'x' is not authorized to deploy"}, 4, "not authorized"),
        (409, {"message": "in use"}, 5, "in use"),
        (412, {"message": "belongs elsewhere"}, 5, "belongs elsewhere"),
        (500, b"<html>oops</html>", 2, "answered 500 to POST /v1/applications"),
        (503, {"message": "it may or may not have happened"}, 2, "may or may not"),
        (0, b"", 2, "the request may or may not have been taken"),
        (201, b"not json", 2, "something other than JSON"),
        (201, [], 2, "did not say as which application"),
    ],
)
def test_failures_of_a_request(
    api: Api, blueprint: str, capsys: pytest.CaptureFixture[str], status: int, body: Any, code: int, said: str
) -> None:
    api.on("POST", "/v1/applications", (status, body))
    assert run(["deploy", blueprint]) == code
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.out == ""


def test_an_answer_that_is_not_understood(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    api.on("GET", "/v1/ha/plane", (200, {"node": 5}))
    assert run(["ha", "status"]) == 2
    assert "does not understand" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["deploy", "/nowhere/x.yaml"], 1, "/nowhere/x.yaml cannot be read: No such file"),
        (["deploy"], 1, "FILE"),
        (["deploy", "--frob", "x"], 1, "--frob"),
        (["deploy", "--frob"], 1, "--frob"),
        (["deploy", "x", "--timeout", "soon"], 1, "--timeout soon is not a time"),
        (["app", "list"], 1, "list"),
        (["app", "ls", "--output", "xml"], 1, "xml"),
        (["frobnicate"], 1, "frobnicate"),
        (["app", "ls", "--frob"], 1, "--frob"),
        (["app", "ls", "--url", "nohost"], 1, "--url nohost is not an address"),
        (["app", "ls", "--url", "http://127.0.0.1:99999"], 1, "is not an address"),
        (["app", "ls", "--url", "http://127.0.0.1:1"], 2, "cannot be reached: Connection refused"),
        (["--url", "http://127.0.0.1:1"], 1, "there is no command after --url"),
        (["--user"], 1, "there is no command after --user"),
        (["--url", "http://127.0.0.1:1", "start", "/nowhere/home"], 1, "unrecognized arguments: --url"),
        (["start"], 1, "HOME"),
        (["start", "/nowhere/home"], 1, "is not the home of an AMP server"),
        (["stop", "/nowhere/home"], 1, "is not the home of an AMP server"),
        (["status", "/nowhere/home"], 1, "is not the home of an AMP server"),
        (["start", "/nowhere/home", "--timeout", "x"], 1, "is not a time"),
        (["launch", "/nowhere/home", "--frob"], 1, "--frob"),
        (["launch", "/nowhere/home", "--ready-fd", "99"], 1, "not an open file"),
        (["init", "/proc/nope"], 1, "cannot be made"),
    ],
)
def test_bad_usage(capsys: pytest.CaptureFixture[str], words: list[str], code: int, said: str) -> None:
    assert run(words) == code
    captured = capsys.readouterr()
    assert captured.err.startswith("amp: ")
    assert said in captured.err
    assert "Traceback" not in captured.err


def test_an_empty_blueprint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "empty.yaml"
    path.write_text(" \n")
    assert run(["deploy", str(path)]) == 1
    assert "is empty" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--version"], ["--help"], [], ["deploy", "--help"], ["start", "--help"], ["ha"]])
def test_help_and_version(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words) == 0
    out = capsys.readouterr().out
    if words == ["--version"]:
        assert out == f"amp {__version__}\n"
    if words == ["--help"]:
        assert "9  the server is not the master" in out


@pytest.mark.parametrize(
    ("words", "json_wanted"),
    [
        ("a -o json", True),
        ("a -o=json", True),
        ("a --output json b", True),
        ("-ojson", True),
        ("a -o table json", False),
    ],
)
def test_wants_json(words: str, json_wanted: bool) -> None:
    assert wants_json(words.split()) is json_wanted
