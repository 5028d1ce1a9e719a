"""A small HTTP server that answers by table, and a plane as a server tells it."""

from __future__ import annotations

import io
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def node(name: str, state: str, **more: Any) -> dict[str, Any]:
    known = {
        "id": name, "instance": "i" + name, "uri": f"http://10.0.0.{name[1:]}:8081", "state": state, "mode": "AUTO",
        "priority": 0, "version": "0.1.0", "term": 3, "seq": 41, "lag": 0, "seen_ms": 1000, "age_s": 0.25,
        "started_ms": 1, "is_self": False, "is_master": state == "MASTER",
    }  # fmt: skip
    return known | more


def plane(**more: Any) -> dict[str, Any]:
    known = {
        "node": "n1", "instance": "in1", "plane": "w5sTPbD7", "plane_name": "blue", "state": "HOT_STANDBY",
        "mode": "AUTO", "persist_mode": "AUTO", "term": 3, "seq": 41, "in_office": False, "fenced": False,
        "loaded": True, "lease_s": None, "candidate_at_s": 29.0, "master": "n2", "master_uri": "http://10.0.0.2:8081",
        "priority": 0, "heartbeat_timeout_s": 30.0, "poll_period_s": 0.2, "store": "directory /mnt",
        "nodes": [
            node("n1", "HOT_STANDBY", is_self=True, age_s=None, lag=2),
            node("n2", "MASTER", priority=10),
            node("n3", "TERMINATED", uri=None, term=None, lag=None, age_s=75.0),
        ],
        "history": [["HOT_STANDBY", 1000]], "problem": None, "verdict": "1 master, 1 hot standby: can lose one node",
        "now_ms": 2000, "started_ms": 1, "shutting_down": False, "version": "0.1.0",
    }  # fmt: skip
    return known | more


class Terminal(io.StringIO):
    """What is typed on a terminal."""

    def isatty(self) -> bool:
        """It is one."""
        return True


class Api:
    """Answers by table: `(method, path)` to a list of (status, body), of which the last one stays."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], list[tuple[int, Any]]] = {}
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        api = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                api.asked.append((self.command, self.path, dict(self.headers), self.rfile.read(length)))
                known = api.answers.get((self.command, self.path)) or [
                    (404, {"message": f"no {self.path}", "error": 404})
                ]
                status, body = known.pop(0) if len(known) > 1 else known[0]
                if status == 0:  # cut off
                    self.close_connection = True
                    return
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_DELETE = answer

            def log_message(self, *_: Any) -> None:
                """Stay silent."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def on(self, method: str, path: str, *answers: tuple[int, Any]) -> None:
        self.answers[method, path] = list(answers)

    def requests(self) -> list[str]:
        return [f"{method} {path}" for method, path, _, _ in self.asked]
