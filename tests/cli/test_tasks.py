"""`amp task answer` against a small server: what it sends, and what it says."""

from __future__ import annotations

import json

import pytest
from fake_api import Api

from amp.cli.main import run

ANSWER = "/v1/activities/k3v8w1q0zd/answer"


@pytest.mark.parametrize(("answer", "said"), [
    ("rerun", "the command is run again"),
    ("done", "the task goes on as if the command had succeeded"),
    ("fail", "the task fails"),
])  # fmt: skip
def test_an_answer_is_sent_once(api: Api, capsys: pytest.CaptureFixture[str], answer: str, said: str) -> None:
    api.on("POST", ANSWER, (204, b""))
    assert run(["task", "answer", "k3v8w1q0zd", answer]) == 0
    assert capsys.readouterr().out == f"Answered {answer}: {said}\n"
    ((_, path, headers, body),) = api.asked
    assert (path, json.loads(body)) == (ANSWER, {"answer": answer})
    assert headers["Content-Type"] == "application/json"
    assert len(headers["Idempotency-Key"]) == 24
    assert run(["task", "answer", "k3v8w1q0zd", answer, "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"task": "k3v8w1q0zd", "answer": answer}


def test_it_goes_to_the_next_server_with_the_same_key(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    api.on("POST", ANSWER, (0, b""), (204, b""))
    assert run(["--url", f"{api.url},{api.url}", "task", "answer", "k3v8w1q0zd", "done"]) == 0
    first, second = (headers["Idempotency-Key"] for _, _, headers, _ in api.asked)
    assert first == second


@pytest.mark.parametrize(("status", "code"), [(409, 5), (404, 3), (403, 4)])
def test_what_the_server_refuses(api: Api, capsys: pytest.CaptureFixture[str], status: int, code: int) -> None:
    api.on("POST", ANSWER, (status, {"message": "task 'k3v8w1q0zd' asks nothing now"}))
    assert run(["task", "answer", "k3v8w1q0zd", "rerun"]) == code
    assert "asks nothing now" in capsys.readouterr().err


def test_an_answer_that_there_is_not(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["task", "answer", "k3v8w1q0zd", "skip"]) == 1
    err = capsys.readouterr().err
    assert all(word in err for word in ("rerun", "done", "fail"))
    assert run(["task", "answer", "k3v8w1q0zd"]) == 1
    assert api.asked == []
