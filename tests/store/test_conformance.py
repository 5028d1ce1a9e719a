"""Every store passes the same checks. SeaweedFS races less: its creators of one key wait for another."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from amp.kit.errors import Invalid, Unavailable
from amp.kit.ids import system_entropy
from amp.kit.secret import Secret
from amp.store.cloud import CloudObjects
from amp.store.objects import Objects
from amp.store.probe import probe
from amp.testing.azurite import AzureServer
from amp.testing.conformance.objects import CHECKS, check_creators

_SMALL = pytest.mark.s3
KINDS = [
    "memory",
    "directory",
    "ministack",
    pytest.param("versitygw", marks=_SMALL),
    pytest.param("seaweedfs", marks=_SMALL),
    pytest.param("azurite", marks=_SMALL),
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
        pytest.param("azurite", 200, 16, marks=_SMALL),
    ],
)
async def test_one_winner_a_key(kind: str, keys: int, creators: int, make_store: Callable[[str], Objects]) -> None:
    objects = make_store(kind)
    await check_creators(objects, keys=keys, creators=creators)
    await objects.close()


@pytest.mark.s3
async def test_a_server_that_ignores_the_condition_fails_them(make_store: Callable[[str], Objects]) -> None:
    with pytest.raises(AssertionError, match="16 of 16 creators won"):
        await check_creators(make_store("s3rver"), keys=1, creators=16)
    with pytest.raises(Invalid, match=r"lets a second create overwrite .* the condition \(If-None-Match: \*\)"):
        await probe(make_store("s3rver"), system_entropy)


@pytest.mark.s3
async def test_azure_takes_the_tutorial_s_way_to_a_store(azurite: AzureServer) -> None:
    await probe(CloudObjects(azurite.place("probe")), system_entropy)
    wrong = replace(azurite.place(), credential=Secret("d3Jvbmc="))
    with pytest.raises(Unavailable, match=r"access is denied .*AuthorizationFailure") as refused:
        await CloudObjects(wrong).get("plane")
    assert "d3Jvbmc" not in refused.value.message
    with pytest.raises(Unavailable, match="the bucket nowhere does not exist"):
        await CloudObjects(replace(azurite.place(), bucket="nowhere")).put("plane", b"x")
    with pytest.raises(Unavailable, match="the bucket nowhere does not exist"):
        await CloudObjects(replace(azurite.place(), bucket="nowhere")).delete("plane")
