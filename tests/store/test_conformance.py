"""Every store passes the same checks. SeaweedFS races less: its creators of one key wait for another."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from amp.store.objects import Objects
from amp.testing.conformance.objects import CHECKS, check_creators

_SMALL = pytest.mark.s3
KINDS = [
    "memory",
    "directory",
    "ministack",
    pytest.param("versitygw", marks=_SMALL),
    pytest.param("seaweedfs", marks=_SMALL),
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("kind", KINDS)
async def test_store(
    kind: str, check: Callable[[Objects], Awaitable[None]], make_store: Callable[[str], Objects]
) -> None:
    objects = make_store(kind)
    await check(objects)
    await objects.close()


@pytest.mark.parametrize(
    ("kind", "keys", "creators"),
    [
        ("memory", 200, 16),
        ("directory", 200, 16),
        ("ministack", 200, 16),
        pytest.param("versitygw", 200, 16, marks=_SMALL),
        pytest.param("seaweedfs", 10, 4, marks=_SMALL),
    ],
)
async def test_one_winner_a_key(kind: str, keys: int, creators: int, make_store: Callable[[str], Objects]) -> None:
    objects = make_store(kind)
    await check_creators(objects, keys=keys, creators=creators)
    await objects.close()
