"""The console's files, read once and served from memory: only what was found at start can be asked for.

Files under `assets/` have a hash in their name and are kept by browsers for ever; the index never is. A path that is no
file is a page of the console, so it gets the index. Public: the console has its own log-in.
"""

from __future__ import annotations

import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

_SECURITY = {
    # Styles: the console's components set some inline. Scripts: never.
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
}
_NOT_BUILT = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>AMP</title></head>
<body><h1>AMP is running</h1>
<p>Its web console was not built. In the directory of the sources run <code>make setup</code>, then start AMP again.</p>
<p>The REST API is at <a href="/v1/server/ha/state">/v1/</a>.</p></body></html>
"""


@dataclass(frozen=True, slots=True)
class _File:
    content: bytes
    gzipped: bytes | None
    media_type: str
    etag: str
    immutable: bool


class Console:
    """The built console in a directory, or a page that says how to build it."""

    def __init__(self, directory: Path) -> None:
        self._files = dict(_read(directory)) if directory.is_dir() else {}

    def answer(self, request: Request) -> Response:
        """Answer a request outside /v1."""
        if request.method not in ("GET", "HEAD"):
            return Response(status_code=405, headers={"Allow": "GET, HEAD"})
        path = request.url.path.lstrip("/")
        file = self._files.get(path)
        if file is None:
            if "." in path.rsplit("/", 1)[-1]:
                return Response(status_code=404, headers=_SECURITY)
            file = self._files.get("index.html")
        if file is None:
            return Response(_NOT_BUILT, headers=_SECURITY, media_type="text/html")
        return _answer(request, file)


def _answer(request: Request, file: _File) -> Response:
    headers = {**_SECURITY, "ETag": file.etag, "Vary": "Accept-Encoding"}
    headers["Cache-Control"] = "public, max-age=31536000, immutable" if file.immutable else "no-cache"
    if request.headers.get("If-None-Match") == file.etag:
        return Response(status_code=304, headers=headers)
    content = file.content
    if file.gzipped is not None and "gzip" in request.headers.get("Accept-Encoding", ""):
        content = file.gzipped
        headers["Content-Encoding"] = "gzip"
    return Response(content, headers=headers, media_type=file.media_type)


def _read(directory: Path) -> list[tuple[str, _File]]:
    files = []
    for path in sorted(directory.rglob("*")):
        if not path.is_file() or path.suffix == ".gz":
            continue
        name = path.relative_to(directory).as_posix()
        content, packed = path.read_bytes(), path.with_name(path.name + ".gz")
        files.append(
            (
                name,
                _File(
                    content=content,
                    gzipped=packed.read_bytes() if packed.is_file() else None,
                    media_type=mimetypes.guess_type(name)[0] or "application/octet-stream",
                    etag=f'"{hashlib.sha256(content).hexdigest()[:20]}"',
                    immutable=name.startswith("assets/"),
                ),
            )
        )
    return files
