"""The reference names every route, and no route that is not there."""

from __future__ import annotations

import re
from pathlib import Path

from http_node import Node

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "rest.md"


async def test_the_reference_and_the_routes_agree(node: Node) -> None:
    described = (await node.get("/apidoc/swagger.json")).json()["paths"]
    served = {(method.upper(), path) for path, operations in described.items() for method in operations}
    rows = set(re.findall(r"^\| (GET|POST|PUT|DELETE) \| `([^`]+)` \|", REFERENCE.read_text(), re.MULTILINE))
    assert rows == served - {("GET", "/events/stream")}
    assert "`GET /events/stream?topics=ha,model`" in REFERENCE.read_text()
