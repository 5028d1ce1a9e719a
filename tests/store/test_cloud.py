"""The cloud store: what each answer of a server means, that nothing is sent twice, and what people are told."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable

import pytest

from amp.kit.errors import Invalid, Unavailable
from amp.kit.secret import Secret
from amp.store.answers import read_answer
from amp.store.cloud import CloudObjects
from amp.store.objects import Objects, Outcome
from amp.store.place import CloudStore
from amp.testing.conformance.objects import CHECKS, check_create, check_creators, check_list, check_put
from amp.testing.fakes3 import FakeS3, Fault, fake_s3
from amp.testing.servers import free_ports

CUT = Fault(None)


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (Fault(412, "PreconditionFailed"), Outcome.EXISTS),
        (Fault(304), Outcome.EXISTS),
        (Fault(409, "ConditionalRequestConflict"), Outcome.UNKNOWN),
        (Fault(409, "OperationAborted"), Outcome.UNKNOWN),
        (Fault(409), Outcome.UNKNOWN),
        (Fault(500, "InternalError"), Outcome.UNKNOWN),
        (Fault(501, "NotImplemented"), Outcome.UNKNOWN),
        (Fault(503, "SlowDown"), Outcome.UNKNOWN),
        (Fault(503, "SlowDown", applied=True), Outcome.UNKNOWN),
        (Fault(429, "TooManyRequests"), Outcome.UNKNOWN),
        (Fault(400, "RequestTimeout"), Outcome.UNKNOWN),
        (Fault(403, "AccessDenied"), Outcome.UNKNOWN),
        (Fault(404, "NoSuchBucket"), Outcome.UNKNOWN),
        (CUT, Outcome.UNKNOWN),
        (Fault(None, applied=True), Outcome.UNKNOWN),
    ],
)
async def test_outcome_of_a_create(fault: Fault, outcome: Outcome) -> None:
    async with fake_s3() as server:
        objects = CloudObjects(server.place())
        server.faults["PUT"].append(fault)
        assert await objects.create("journal/1", b"mine") is outcome
        assert server.requests == [("PUT", "/amp/state/journal/1")], "one attempt is one request"
        assert (objects.trouble is None) is (outcome is Outcome.EXISTS)
        assert await objects.get("journal/1") == (b"mine" if fault.applied else None)


@pytest.mark.parametrize("applied", [False, True])
async def test_a_create_without_answer_ends_in_time_and_is_unknown(applied: bool) -> None:
    async with fake_s3() as server:
        objects = CloudObjects(server.place(), timeout=0.3)
        server.faults["PUT"].append(Fault(None, applied=applied, hang=True))
        start = time.monotonic()
        assert await objects.create("journal/1", b"mine") is Outcome.UNKNOWN
        assert time.monotonic() - start < 5
        assert objects.trouble is not None
        assert "no answer in time" in objects.trouble
        assert len(server.requests) == 1
        assert await objects.get("journal/1") == (b"mine" if applied else None)


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (Fault(404, "NoSuchBucket"), r"the bucket amp does not exist \(404 NoSuchBucket\): create it"),
        (Fault(404), "refused the request .404.: check endpoint"),
        (Fault(404, "NoSuchUser"), "refused the request .404 NoSuchUser.: check endpoint"),
        (Fault(403, "SignatureDoesNotMatch"), "the credentials are wrong"),
        (Fault(403, "InvalidAccessKeyId"), "the credentials are wrong"),
        (Fault(401), "the credentials are wrong"),
        (Fault(403, "AccessDenied"), r"access is denied \(403 AccessDenied\): .* allow them to read"),
        (Fault(301, "PermanentRedirect"), "the bucket amp is in another region than eu-west-1"),
        (Fault(400, "AuthorizationHeaderMalformed"), "the bucket amp is in another region than eu-west-1"),
        (Fault(400, "InvalidRequest"), "refused the request"),
        (Fault(503, "SlowDown"), "slow down"),
        (Fault(500, "InternalError"), r"it failed \(500 InternalError\)"),
        (CUT, "broke off the connection"),
    ],
)
async def test_what_people_are_told(fault: Fault, says: str) -> None:
    async with fake_s3() as server:
        objects = CloudObjects(server.place())
        calls = [
            ("GET", lambda: objects.get("plane"), False),
            ("PUT", lambda: objects.put("plane", b"x"), True),
            ("DELETE", lambda: objects.delete("plane"), True),
            ("GET", lambda: objects.list("nodes/"), False),
        ]
        for method, call, unknown in calls:
            server.faults[method].append(fault)
            with pytest.raises(
                Unavailable, match=f"^s3://amp/state at {server.endpoint}: could not .*{says}"
            ) as raised:
                await call()
            assert raised.value.unknown is unknown
            assert "amptestsecret" not in raised.value.message
        assert len(server.requests) == len(calls), "each method is one request"


async def test_absent_is_none_and_no_trouble() -> None:
    async with fake_s3() as server:
        objects = CloudObjects(server.place())
        assert await objects.get("plane") is None
        server.faults["DELETE"].append(Fault(404, "NoSuchKey"))
        await objects.delete("plane")
        assert objects.trouble is None


def test_an_unknown_failure_is_told_without_the_query_that_may_hold_a_signature() -> None:
    answer = read_answer(OSError("Error performing GET https://me.example/amp/plane?sv=1&sig=hush in 2ms - odd\nmore"))
    assert answer.text == "Error performing GET https://me.example/amp/plane?... in 2ms - odd"
    assert not answer.exists
    assert not answer.absent


async def test_half_an_object_is_no_object() -> None:
    async with fake_s3() as server:
        objects = CloudObjects(server.place())
        await objects.put("plane", b"x" * 100_000)
        server.faults["GET"].append(Fault(None, half=True))
        with pytest.raises(Unavailable, match="could not read plane"):
            await objects.get("plane")
        assert await objects.get("plane") == b"x" * 100_000


async def test_unreachable() -> None:
    port = free_ports(1)[0]
    objects = CloudObjects(CloudStore("s3", "amp", "", "eu-west-1", f"http://127.0.0.1:{port}", "me", Secret("hush")))
    assert await objects.create("journal/1", b"x") is Outcome.UNKNOWN
    with pytest.raises(Unavailable, match=f"http://127.0.0.1:{port} cannot be used: the connection is refused"):
        await objects.get("plane")


async def test_named_credentials_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "other")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "other")
    monkeypatch.setenv("AWS_REGION", "mars-1")
    async with fake_s3() as server:
        objects = CloudObjects(server.place())
        assert await objects.create("plane", b"x") is Outcome.DONE
        assert server.headers[-1]["authorization"].startswith("AWS4-HMAC-SHA256 Credential=amptest/")
        assert "/eu-west-1/s3/" in server.headers[-1]["authorization"]
        assert "x-amz-security-token" not in server.headers[-1]
        assert "amptestsecret" not in repr(objects._store) + str(objects._store.config)


def gcs_place(server: FakeS3, credential: str) -> CloudStore:
    return CloudStore("gcs", "amp", "state", None, server.endpoint, None, Secret(credential))


ACCOUNT = json.dumps({"private_key": "", "private_key_id": "", "client_email": "", "disable_oauth": True})


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_google_s_client_passes_what_every_store_passes(check: Callable[[Objects], Awaitable[None]]) -> None:
    async with fake_s3() as server:
        await check(CloudObjects(gcs_place(server, ACCOUNT)))


async def test_google() -> None:
    async with fake_s3() as server:
        objects = CloudObjects(gcs_place(server, ACCOUNT))
        server.faults["PUT"].append(Fault(503))
        assert await objects.create("journal/9", b"x") is Outcome.UNKNOWN
        server.faults["GET"].append(Fault(404, "NoSuchBucket"))
        with pytest.raises(Unavailable, match=r"^gs://amp/state at .*the bucket amp does not exist"):
            await objects.get("plane")


async def test_one_winner_a_key_by_the_conditions_of_google() -> None:
    async with fake_s3() as server:
        await check_creators(CloudObjects(gcs_place(server, ACCOUNT)), keys=200, creators=16)
        writes = [headers for headers in server.headers if "x-goog-if-generation-match" in headers]
        assert len(writes) == 200 * 16


def test_a_part_of_a_batch_is_read_by_its_status_and_words() -> None:
    said = (
        "Generic error: Object at location a/b not found: Bulk delete request failed for key a/b: "
        "The specified {} does not exist. (code: 404)"
    )
    assert read_answer(OSError(said.format("blob"))).absent
    gone = read_answer(OSError(said.format("container")))
    assert (gone.status, gone.code, gone.absent) == (404, "ContainerNotFound", False)
    other = read_answer(OSError(said.format("account")))
    assert (other.status, other.code, other.absent) == (404, None, False)


async def test_azure_says_exists_by_409() -> None:
    async with fake_s3(taken=(409, "BlobAlreadyExists")) as server:
        place = CloudStore("azure", "amp", "state", None, f"{server.endpoint}/me", "me", Secret("c2VjcmV0"))
        objects = CloudObjects(place)
        await check_create(objects)
        server.faults["PUT"].append(Fault(409, "ContainerBeingDeleted"))
        assert await objects.create("journal/9", b"x") is Outcome.UNKNOWN
        server.faults["GET"].append(Fault(404, "ContainerNotFound"))
        with pytest.raises(Unavailable, match=r"^azure://amp/state at .*the bucket amp does not exist"):
            await objects.get("plane")
        server.faults["GET"].append(Fault(404, "BlobNotFound"))
        assert await objects.get("plane") is None


async def test_the_fake_server_keeps_the_promises_of_a_store() -> None:
    for check in (check_create, check_put, check_list):
        async with fake_s3() as server:
            await check(CloudObjects(server.place()))


@pytest.mark.parametrize(
    ("place", "says"),
    [
        (CloudStore("swift", "amp", "", None, None, None, None), "unknown kind of store: 'swift'"),
        (CloudStore("s3", "", "", None, None, None, None), "not the name of a bucket: ''"),
        (CloudStore("s3", "a b", "", None, None, None, None), "not the name of a bucket: 'a b'"),
        (CloudStore("s3", "amp", "a/../b", None, None, None, None), "not a key of the store"),
        (CloudStore("s3", "amp", "", "eu west", None, None, None), "not a region: 'eu west'"),
        (CloudStore("s3", "amp", "", None, "localhost:9000", None, None), "not an endpoint: 'localhost:9000'"),
        (CloudStore("s3", "amp", "", None, "http://", None, None), "not an endpoint"),
        (CloudStore("s3", "amp", "", None, "http://h:99999", None, None), "not an endpoint"),
        (CloudStore("s3", "amp", "", None, "http://me:pw@h", None, None), "not an endpoint"),
        (CloudStore("s3", "amp", "", None, None, "me", None), "go together"),
        (CloudStore("s3", "amp", "", None, None, None, Secret("hush")), "go together"),
        (CloudStore("s3", "amp", "", None, None, "me\n", Secret("hush")), "the identity has spaces"),
        (CloudStore("gcs", "amp", "", None, None, "me", None), "an identity without credential"),
        (
            CloudStore("gcs", "amp", "", None, None, None, Secret("-----BEGIN hush")),
            "needs the service account's e-mail",
        ),
        (CloudStore("gcs", "amp", "", None, None, None, Secret("{hush")), "^gs://amp: "),
        (CloudStore("gcs", "amp", "", None, None, None, Secret("/no/hush.json")), "^gs://amp: "),
        (
            CloudStore("azure", "amp", "", None, None, None, Secret("hush")),
            "the name of the storage account, is missing",
        ),
        (CloudStore("azure", "amp", "", None, None, "me", Secret("hush!")), "^azure://amp: "),
    ],
)
def test_places_that_cannot_be(place: CloudStore, says: str) -> None:
    with pytest.raises(Invalid, match=says) as refused:
        CloudObjects(place)
    assert "hush" not in refused.value.message


def test_names() -> None:
    place = CloudStore("s3", "amp", "/state/", "eu-west-1", None, None, None)
    assert CloudObjects(place).name == "s3://amp/state"
    assert not CloudObjects(place).local
