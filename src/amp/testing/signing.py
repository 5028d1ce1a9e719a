"""Sends one signed request to an S3 server, with nothing but the standard library: to make buckets for tests.

AMP itself never makes a bucket, and its client for objects cannot. Knows AWS Signature 4 with a signed body, path
style; no retries, no streaming.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import http.client
from urllib.parse import quote, urlsplit

from amp.kit.clock import Clock
from amp.kit.secret import Secret


def signed_request(
    method: str,
    url: str,
    *,
    region: str,
    identity: str,
    credential: Secret,
    clock: Clock,
    body: bytes = b"",
    timeout: float = 5.0,
) -> tuple[int, str]:
    """Send a request without query; answers status and text. Raises: OSError, http.client.HTTPException."""
    parts = urlsplit(url)
    now = datetime.datetime.fromtimestamp(clock.read().wall, datetime.UTC)
    stamp, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
    digest = hashlib.sha256(body).hexdigest()
    path = quote(parts.path or "/")
    headers = {"host": parts.netloc, "x-amz-content-sha256": digest, "x-amz-date": stamp}
    names = ";".join(headers)
    canonical = "\n".join([method, path, "", *(f"{k}:{v}" for k, v in headers.items()), "", names, digest])
    scope = f"{day}/{region}/s3/aws4_request"
    to_sign = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{credential.reveal()}".encode()
    for part in (day, region, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={identity}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    make = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = make(parts.hostname or "", parts.port, timeout=timeout)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")
    finally:
        connection.close()
