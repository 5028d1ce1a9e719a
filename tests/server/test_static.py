"""The console's files: what is found, what is not, and how long browsers keep it."""

from __future__ import annotations

import gzip
from pathlib import Path

import httpx
import pytest
from http_node import Node


@pytest.fixture
def built(tmp_path: Path) -> Path:
    console = tmp_path / "console"
    (console / "assets").mkdir(parents=True)
    (console / "index.html").write_text("<html>the console</html>")
    (console / "assets" / "app-1a2b.js").write_text("let a = 1")
    (console / "assets" / "app-1a2b.js.gz").write_bytes(gzip.compress(b"let a = 1"))
    (tmp_path / "secret.txt").write_text("not for you")
    return console


async def get(console: Path, path: str, method: str = "GET", **headers: str) -> httpx.Response:
    async with Node(console=console).client() as client:
        return await client.request(method, path, headers=headers)


@pytest.mark.parametrize("path", ["/", "/index.html", "/applications", "/applications/some.where/deep"])
async def test_pages(built: Path, path: str) -> None:
    answer = await get(built, path)
    assert (answer.status_code, answer.text) == (200, "<html>the console</html>")
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["content-type"].startswith("text/html")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_assets_are_kept_for_ever(built: Path) -> None:
    answer = await get(built, "/assets/app-1a2b.js", **{"Accept-Encoding": "gzip"})
    assert (answer.text, answer.headers["content-encoding"]) == ("let a = 1", "gzip")
    assert "immutable" in answer.headers["cache-control"]
    assert "javascript" in answer.headers["content-type"]
    plain = await get(built, "/assets/app-1a2b.js", **{"Accept-Encoding": "identity"})
    assert (plain.text, "content-encoding" in plain.headers) == ("let a = 1", False)


async def test_a_file_that_did_not_change(built: Path) -> None:
    tag = (await get(built, "/")).headers["etag"]
    answer = await get(built, "/", **{"If-None-Match": tag})
    assert (answer.status_code, answer.content) == (304, b"")


@pytest.mark.parametrize("path", ["/nosuch.js", "/../secret.txt", "/%2e%2e/secret.txt", "/assets/..%2f..%2fsecret.txt"])
async def test_what_is_not_there(built: Path, path: str) -> None:
    answer = await get(built, path)
    assert answer.status_code == 404
    assert "not for you" not in answer.text


async def test_only_reading(built: Path) -> None:
    assert (await get(built, "/", "POST")).status_code == 405
    head = await get(built, "/", "HEAD")
    assert (head.content, head.headers["content-length"]) == (b"", "24")


async def test_a_console_that_was_not_built(tmp_path: Path) -> None:
    answer = await get(tmp_path / "none", "/")
    assert answer.status_code == 200
    assert "make setup" in answer.text
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
