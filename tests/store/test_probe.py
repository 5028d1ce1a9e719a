"""The probe passes stores that keep their promises, names the promise that one breaks, and ends in time."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from amp.kit.errors import Invalid, Unavailable
from amp.kit.ids import system_entropy
from amp.kit.secret import Secret
from amp.store.cloud import CloudObjects
from amp.store.file import DirectoryObjects
from amp.store.memory import MemoryObjects
from amp.store.objects import ObjectInfo, Objects, Outcome
from amp.store.place import CloudStore
from amp.store.probe import probe
from amp.testing.fakes3 import Fault, fake_s3
from amp.testing.servers import S3Server, free_ports


class Overwrites(MemoryObjects):
    """Ignores the condition of a create."""

    async def create(self, key: str, data: bytes) -> Outcome:
        await self.put(key, data)
        return Outcome.DONE


class RefusesButWrites(MemoryObjects):
    """Says that the key exists, and takes the new bytes all the same."""

    async def create(self, key: str, data: bytes) -> Outcome:
        outcome = await super().create(key, data)
        await self.put(key, data)
        return outcome


class LooksThenWrites(MemoryObjects):
    """Two steps where there must be one: right for one creator after the other, wrong for several at once."""

    async def create(self, key: str, data: bytes) -> Outcome:
        if await self.get(key) is not None:
            return Outcome.EXISTS
        await asyncio.sleep(0)
        await self.put(key, data)
        return Outcome.DONE


class SeldomLooksThenWrites(LooksThenWrites):
    """Two steps only where the last of the keys that are raced for at once is wanted: seldom enough to be missed."""

    async def create(self, key: str, data: bytes) -> Outcome:
        if key.endswith("-race7"):
            return await super().create(key, data)
        return await MemoryObjects.create(self, key, data)


class NobodyWins(MemoryObjects):
    """Tells every one of several creators at once that another was there."""

    async def create(self, key: str, data: bytes) -> Outcome:
        outcome = await super().create(key, data)
        return Outcome.EXISTS if "-race" in key else outcome


class WrongWinner(MemoryObjects):
    """Keeps the bytes of the last of several creators, though the first was told that it won."""

    async def create(self, key: str, data: bytes) -> Outcome:
        outcome = await super().create(key, data)
        if outcome is Outcome.EXISTS and "-race" in key:
            await self.put(key, data)
        return outcome


class ReadsLate(MemoryObjects):
    """Shows what was written only from the third read on."""

    def __init__(self) -> None:
        super().__init__()
        self._reads = 0

    async def get(self, key: str) -> bytes | None:
        self._reads += 1
        return await super().get(key) if self._reads > 3 else None


class ListsLate(MemoryObjects):
    """Does not list what was written last."""

    async def list(self, prefix: str, after: str = "") -> list[ObjectInfo]:
        return (await super().list(prefix, after))[:-1]


class Haunted(MemoryObjects):
    """Has something under every key."""

    async def get(self, key: str) -> bytes | None:
        return await super().get(key) or b"boo"


class ExistsAlready(MemoryObjects):
    """Refuses the first create of a new key."""

    async def create(self, key: str, data: bytes) -> Outcome:
        await self.put(key, b"somebody's")
        return Outcome.EXISTS


@pytest.mark.parametrize(
    ("make", "broken"),
    [
        (Overwrites, "lets a second create overwrite the first"),
        (RefusesButWrites, "refuses a second create, yet lets it change the object"),
        (LooksThenWrites, "let 4 of 4 creators of one key win"),
        (SeldomLooksThenWrites, "let 4 of 4 creators of one key win"),
        (NobodyWins, "let 0 of 4 creators of one key win"),
        (WrongWinner, "yet holds the bytes of another"),
        (ReadsLate, "no read-after-write"),
        (ListsLate, "no list-after-write"),
        (Haunted, "a key that nobody has written"),
        (ExistsAlready, "says that a key exists which nobody has written"),
    ],
)
async def test_names_the_broken_promise(make: Callable[[], MemoryObjects], broken: str) -> None:
    with pytest.raises(Invalid, match=r"^memory .*Use a store with conditional writes") as refused:
        await probe(make(), system_entropy)
    assert broken in refused.value.message


class FirstUnknown(MemoryObjects):
    """Leaves every second create unknown; `lands` says whether it was done."""

    def __init__(self, lands: bool) -> None:
        super().__init__()
        self._lands = lands
        self._creates = 0

    async def create(self, key: str, data: bytes) -> Outcome:
        self._creates += 1
        if self._creates % 2 == 0:
            return await super().create(key, data)
        if self._lands:
            await super().create(key, data)
        return Outcome.UNKNOWN


class SometimesDeaf(MemoryObjects):
    """Fails every third read."""

    def __init__(self) -> None:
        super().__init__()
        self._reads = 0

    async def get(self, key: str) -> bytes | None:
        self._reads += 1
        if self._reads % 3 == 0:
            raise Unavailable("deaf just now")
        return await super().get(key)


@pytest.mark.parametrize(
    "make",
    [MemoryObjects, lambda: FirstUnknown(True), lambda: FirstUnknown(False), SometimesDeaf],
    ids=["plain", "unknown-and-done", "unknown-and-not-done", "reads-fail"],
)
async def test_passes_and_leaves_nothing(make: Callable[[], MemoryObjects]) -> None:
    objects = make()
    await objects.put("plane", b"somebody's")
    await probe(objects, system_entropy)
    assert [info.key for info in await objects.list("")] == ["plane"]


async def test_passes_a_directory_that_is_not_there_yet(tmp_path: Path) -> None:
    objects = DirectoryObjects(tmp_path / "new" / "store")
    await probe(objects, system_entropy)
    assert await objects.list("") == []
    await objects.close()


async def test_passes_a_real_server(ministack: S3Server) -> None:
    objects = CloudObjects(ministack.place("probed"))
    await probe(objects, system_entropy)
    assert await objects.list("") == []


async def test_refuses_a_server_that_ignores_conditions() -> None:
    async with fake_s3(ignore_conditions=True) as server:
        with pytest.raises(Invalid, match=r"^s3://amp/state at .* it ignores the condition \(If-None-Match: \*\)"):
            await probe(CloudObjects(server.place()), system_entropy)
        assert server.objects == {}


async def test_refuses_a_bucket_of_google_s_whose_server_ignores_conditions() -> None:
    account = {"private_key": "", "private_key_id": "", "client_email": "", "disable_oauth": True}
    async with fake_s3(ignore_conditions=True) as server:
        place = CloudStore("gcs", "amp", "state", None, server.endpoint, None, Secret(json.dumps(account)))
        with pytest.raises(Invalid, match=r"^gs://amp/state at .* lets a second create overwrite the first"):
            await probe(CloudObjects(place), system_entropy)


async def test_refuses_a_server_that_does_not_know_the_client_s_way_to_write() -> None:
    account = {"private_key": "", "private_key_id": "", "client_email": "", "disable_oauth": True}
    async with fake_s3() as server:
        server.faults["PUT"].extend([Fault(400)] * 10)  # as fake-gcs-server does
        place = CloudStore("gcs", "amp", "state", None, server.endpoint, None, Secret(json.dumps(account)))
        with pytest.raises(Unavailable, match=r"^gs://amp/state at .* it refused the request \(400\)"):
            await probe(CloudObjects(place), system_entropy, timeout=2)


async def test_refuses_a_directory_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def link(src: object, dst: object, **_: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))  # as FAT, SMB and mounted buckets say

    monkeypatch.setattr(os, "link", link)
    with pytest.raises((Invalid, Unavailable), match="takes no hard links"):
        await probe(DirectoryObjects(tmp_path / "state"), system_entropy, timeout=2)


async def test_passes_a_server_that_errs_now_and_then() -> None:
    async with fake_s3() as server:
        put = [Fault(503, "SlowDown"), Fault(409, "ConditionalRequestConflict"), Fault(None, applied=True), Fault(None)]
        server.faults["PUT"].extend([Fault(200, applied=True), *put])
        await probe(CloudObjects(server.place()), system_entropy)
        assert server.objects == {}
        assert len([1 for method, _ in server.requests if method == "PUT"]) > 7


async def test_an_endless_unknown_ends_in_time_with_the_stores_own_reason() -> None:
    async with fake_s3() as server:
        server.faults["PUT"].append(Fault(200, applied=True))
        server.faults["PUT"].extend([Fault(501, "NotImplemented")] * 1000)
        start = time.monotonic()
        with pytest.raises(Unavailable, match=r"did not pass its start-up check within 1 s: .*501 NotImplemented"):
            await probe(CloudObjects(server.place()), system_entropy, timeout=1.0)
        assert time.monotonic() - start < 3


class Hangs(MemoryObjects):
    """Never answers a create."""

    async def create(self, key: str, data: bytes) -> Outcome:
        await asyncio.Event().wait()
        return Outcome.UNKNOWN


async def test_a_store_that_hangs_ends_in_time() -> None:
    objects = Hangs()
    start = time.monotonic()
    with pytest.raises(Unavailable, match=r"within 0\.2 s: it is too slow"):
        await probe(objects, system_entropy, timeout=0.2)
    assert time.monotonic() - start < 2
    assert await objects.list("") == []


class LosesConnection(MemoryObjects):
    """Fails for good at the listing."""

    async def list(self, prefix: str, after: str = "") -> list[ObjectInfo]:
        raise Unavailable("the line is cut")


async def test_a_reason_comes_through_as_it_is() -> None:
    with pytest.raises(Unavailable, match="the line is cut"):
        await probe(LosesConnection(), system_entropy)


async def test_unreachable_endpoint() -> None:
    place = CloudStore("s3", "amp", "", "eu-west-1", f"http://127.0.0.1:{free_ports(1)[0]}", "me", Secret("hush-hush"))
    with pytest.raises(Unavailable, match=r"^s3://amp at http://127.*the connection is refused: check endpoint"):
        await probe(CloudObjects(place), system_entropy)


async def test_missing_bucket(ministack: S3Server) -> None:
    place = CloudStore("s3", "not-made", "", "eu-west-1", ministack.endpoint, "me", Secret("hush-hush"))
    with pytest.raises(Unavailable, match=r"the bucket not-made does not exist \(404 NoSuchBucket\): create it"):
        await probe(CloudObjects(place), system_entropy)


@pytest.mark.parametrize("code", ["SignatureDoesNotMatch", "InvalidAccessKeyId"])
async def test_wrong_credentials(code: str) -> None:
    async with fake_s3() as server:
        server.faults["GET"].append(Fault(403, code))
        with pytest.raises(Unavailable, match=f"the credentials are wrong .403 {code}.: correct .identity") as refused:
            await probe(CloudObjects(server.place()), system_entropy)
        assert "amptestsecret" not in refused.value.message


@pytest.mark.s3
async def test_wrong_credentials_at_a_real_server(versitygw: S3Server) -> None:
    place = CloudStore("s3", "amp", "", "eu-west-1", versitygw.endpoint, versitygw.identity, Secret("hush-hush"))
    with pytest.raises(Unavailable, match="the credentials are wrong") as refused:
        await probe(CloudObjects(place), system_entropy)
    assert "hush-hush" not in refused.value.message


async def test_a_file_where_the_directory_should_be(tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.write_text("mine")
    with pytest.raises(Unavailable, match=f"directory {path}: {path}.* is a file, not a directory: move it away"):
        await probe(DirectoryObjects(path), system_entropy)
    assert path.read_text() == "mine"


async def test_unwritable_directory(unwritable: Path) -> None:
    objects: Objects = DirectoryObjects(unwritable)
    with pytest.raises(Unavailable, match=f"directory {unwritable}: no permission for .*: give it to the user"):
        await probe(objects, system_entropy)
    assert os.listdir(unwritable) == []
