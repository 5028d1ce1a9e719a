"""How nodes prove themselves to one another when they call: by a MAC with the plane's secret. Pure.

A call names who calls, whom it calls and which of the caller's calls it is. A node id is one run of a node, so a call
that was recorded is good for nobody else and for no later run, and a count that was seen is refused: no clock is
compared and nothing is asked first. The answer is proven too, and belongs to that one call.

No safety of the plane rests on any of this: what is said in calls are hints, wishes, and requests that are checked
anew.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from dataclasses import dataclass

#: What a call and its answer carry.
CALL, ANSWER = "AMP-Node", "AMP-Node-Answer"
_VERSION = "1"
#: Calls may overtake one another by so many, and so many callers are remembered.
_WINDOW, _CALLERS = 1024, 1000


@dataclass(frozen=True, slots=True)
class Call:
    """One call. `callee`, `caller`: node ids; `target`: path with query; `count`: which of the caller's it is."""

    plane: str
    caller: str
    callee: str
    count: int
    method: str
    target: str
    body: bytes

    def mac(self, secret: str) -> str:
        """Answer the proof, in hex."""
        parts = (
            f"amp-node-{_VERSION}", self.plane, self.caller, self.callee, str(self.count), self.method, self.target,
            hashlib.sha256(self.body).hexdigest(),
        )  # fmt: skip
        return _mac(secret, *parts)

    def header(self, secret: str) -> str:
        """Answer the value of the header that proves this call."""
        return f"{_VERSION} {self.caller} {self.callee} {self.count} {self.mac(secret)}"


def answer_mac(secret: str, call: Call, status: int, body: bytes) -> str:
    """Answer the proof of the answer to a call, in hex."""
    return _mac(secret, f"amp-answer-{_VERSION}", call.mac(secret), str(status), hashlib.sha256(body).hexdigest())


def is_proven(secret: str, call: Call, status: int, body: bytes, given: str | None) -> bool:
    """Tell whether an answer comes from a node that knows the secret, and answers this call."""
    return given is not None and hmac.compare_digest(given.encode(), answer_mac(secret, call, status, body).encode())


class Register:
    """The calls that one run of a node has taken; each is taken once."""

    def __init__(self, node: str) -> None:
        self._node = node
        self._seen: OrderedDict[str, tuple[int, int]] = OrderedDict()  # the largest count, and which below it

    def take(self, secret: str, plane: str, header: str | None, method: str, target: str, body: bytes) -> Call | str:
        """Answer the call that a header proves, or why it is refused."""
        words = (header or "").split(" ")
        if len(words) != 5 or words[0] != _VERSION or not (words[3].isascii() and words[3].isdigit()):
            return "this is for nodes of the plane"
        _, caller, callee, count, mac = words
        if len(count) > 15:
            return "this is for nodes of the plane"
        call = Call(plane, caller, callee, int(count), method, target, body)
        if not hmac.compare_digest(call.mac(secret).encode(), mac.encode()):
            return "the caller has not proven that it is a node of this plane"
        if callee != self._node:
            return f"this is node {self._node}, not {callee}"
        if not self._is_new(caller, call.count):
            return "this call was made before"
        return call

    def _is_new(self, caller: str, count: int) -> bool:
        largest, below = self._seen.get(caller, (0, 0))
        if count > largest:
            ahead = count - largest
            overtaken = 0 < ahead <= _WINDOW and largest > 0
            below = ((below << 1 | 1) << (ahead - 1)) & ((1 << _WINDOW) - 1) if overtaken else 0
            self._seen[caller] = (count, below)
        else:
            behind = largest - count - 1
            if behind < 0 or behind >= _WINDOW or below >> behind & 1:
                return False
            self._seen[caller] = (largest, below | 1 << behind)
        self._seen.move_to_end(caller)
        if len(self._seen) > _CALLERS:
            self._seen.popitem(last=False)
        return True


def _mac(secret: str, *parts: str) -> str:
    return hmac.new(secret.encode(), "\n".join(parts).encode(), hashlib.sha256).hexdigest()
