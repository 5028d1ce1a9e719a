from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from software_world import World


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World().led() as world:
        yield world
