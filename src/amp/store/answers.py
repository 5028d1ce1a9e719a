"""Decides what a cloud's refusal means: exists, absent, or a failure whose reason people can act on.

The status of the answer decides, and the provider's error code; the type of the client's exception does not, for it
calls every 409 "already exists" and every 404 "not found".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from amp.store.place import CloudStore

_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>\s*([A-Za-z0-9_.-]+)\s*</Code>")
_BATCH = re.compile(r"Bulk delete request failed for key .*?: (.*) \(code: (\d{3})\)", re.DOTALL)
_IN_WORDS = {"blob does not exist": "BlobNotFound", "container does not exist": "ContainerNotFound"}
_QUERY = re.compile(r"\?\S+")  # of an address: it may hold an Azure signature
_NO_BUCKET = frozenset({"NoSuchBucket", "ContainerNotFound"})
_NO_OBJECT = frozenset({"NoSuchKey", "BlobNotFound"})
_WRONG_CREDENTIALS = frozenset({"InvalidAccessKeyId", "SignatureDoesNotMatch", "AuthenticationFailed"})


@dataclass(frozen=True, slots=True)
class Answer:
    """How a request was refused. `status` None: no HTTP answer came. `code`: the provider's word for the error."""

    status: int | None
    code: str | None
    text: str

    @property
    def exists(self) -> bool:
        """True when the key of a create was taken. S3's 409 is undecided; Azure says BlobAlreadyExists with it."""
        return self.status in (304, 412) or (self.status == 409 and self.code == "BlobAlreadyExists")

    @property
    def absent(self) -> bool:
        """True when the object does not exist, in the provider's own word: any web server answers 404 to anything."""
        return self.status == 404 and self.code in _NO_OBJECT


def read_answer(error: Exception) -> Answer:
    """Read status and code from what the client raised."""
    text = str(error)
    head = text.split("\n\nDebug source", 1)[0]
    status, code = _STATUS.search(head), _CODE.search(head)
    if "redirect without LOCATION" in head:
        return Answer(301, None, head)  # S3's word for: the bucket is in another region
    if status is None and (part := _BATCH.search(head)) is not None:
        # Azure deletes by a batch, whose parts have an answer each; the client passes on its words and not its code
        found = [code for word, code in _IN_WORDS.items() if word in part.group(1)]
        return Answer(int(part.group(2)), found[0] if found else None, head)
    if status is None:
        return Answer(None, None, _without_http(text))
    return Answer(int(status.group(1)), code.group(1) if code else None, head)


def _without_http(text: str) -> str:
    """Find the reason of a failure below HTTP in the client's debug text."""
    for mark, reason in (
        ("TimedOut", "no answer in time"),
        ("dns error", "its host name is unknown"),
        ("failed to lookup address", "its host name is unknown"),
        ("ConnectionRefused", "the connection is refused"),
        ("Connection refused", "the connection is refused"),
        ("certificate", "its certificate is not accepted"),
        ("IncompleteMessage", "it broke off the connection"),
        ("IncompleteBody", "it broke off the connection"),
        ("UnexpectedEof", "it broke off the connection"),
        ("ConnectionReset", "it broke off the connection"),
        ("kind: Connect", "no connection to it"),
        ("credential", "no credentials were found"),
    ):
        if mark in text:
            return reason
    return _QUERY.sub("?...", text.split("\n", 1)[0])[:300]


def explain(answer: Answer, place: CloudStore, timeout: float) -> str:
    """Say why a request failed and what to do about it."""
    at = place.endpoint or f"the {place.provider} service" + (f" of {place.region}" if place.region else "")
    said = f"{answer.status}" + (f" {answer.code}" if answer.code else "")
    if answer.status is None:
        return f"{at} cannot be used: {answer.text}: check endpoint, network and that it runs (limit {timeout:g} s)"
    if answer.code in _NO_BUCKET:
        return f"the bucket {place.bucket} does not exist ({said}): create it, or correct persistenceDir"
    if answer.code in _WRONG_CREDENTIALS or answer.status == 401:
        return f"the credentials are wrong ({said}): correct .identity and .credential of the location"
    if answer.status == 403:
        return (
            f"access is denied ({said}): correct .identity and .credential of the location, "
            f"or allow them to read, write, list and delete in {place.bucket}"
        )
    if answer.status in (301, 307, 308) or answer.code in ("AuthorizationHeaderMalformed", "PermanentRedirect"):
        return f"the bucket {place.bucket} is in another region than {place.region} ({said}): correct the region"
    if answer.status == 409:
        return f"it says that something else is going on there ({said}): it is tried again"
    if answer.status in (429, 503):
        return f"it asks to slow down or is not ready ({said}): it is tried again"
    if answer.status == 501:
        return f"it does not know this request ({said}): AMP needs conditional writes (If-None-Match: *)"
    if answer.status >= 500:
        return f"it failed ({said}): look into its own log"
    return f"it refused the request ({said}): check endpoint, bucket, region, identity and credential"
