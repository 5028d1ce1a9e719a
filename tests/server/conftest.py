from __future__ import annotations

import pytest
from http_node import Node


@pytest.fixture
async def node() -> Node:
    return Node()
