"""Calls to other nodes over real sockets of loopback: what proves itself, and what is said of each way to fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from amp.ha.calls import ANSWER, CALL, Register, answer_mac
from amp.ha.calls import Call as NodeCall
from amp.ha.founding import Founding
from amp.kit.errors import Invalid, Unavailable
from amp.plane.peers import Peers
from amp.testing.servers import free_ports

PLANE = Founding(id="plane1", secret="ab" * 32)
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def served(serve: Serve) -> AsyncIterator[str]:
    """Serve one kind of answer on a free port; gives the address."""

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(one, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.close()
        await server.wait_closed()


async def read(reader: asyncio.StreamReader) -> tuple[str, dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in head[1:] if line)
    return head[0], headers, await reader.readexactly(int(headers["Content-Length"]))


def answering(body: bytes, secret: str = PLANE.secret, node: str = "callee", status: int = 200) -> Serve:
    """Answer as a node does."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line, headers, sent = await read(reader)
        method, target, _ = line.split(" ")
        call = Register(node).take(secret, PLANE.id, headers.get(CALL), method, target, sent)
        proof = answer_mac(secret, call, status, body) if isinstance(call, NodeCall) else "none"
        size = f"{len(body):x}"
        writer.write(
            f"HTTP/1.1 {status} x\r\n{ANSWER}: {proof}\r\nTransfer-Encoding: chunked\r\n\r\n{size}\r\n".encode()
            + body + b"\r\n0\r\n\r\n"
        )  # fmt: skip
        await writer.drain()

    return serve


GOOD = b'{"node":"callee","plane":"plane1","term":3,"seq":7,"state":"MASTER"}'


def peers(plane: Founding | None = PLANE) -> Peers:
    return Peers("caller", lambda: plane)


async def test_a_node_that_proves_itself_is_heard() -> None:
    async with served(answering(GOOD)) as address:
        said = await peers().standing(address, "callee", 5)
    assert (said.node, said.term, said.state) == ("callee", 3, "MASTER")
    async with served(answering(b'{"yields":true}')) as address:
        assert await peers().ask(address, "callee", 3, 5)


@pytest.mark.parametrize(
    ("serve", "why"),
    [
        (answering(GOOD, secret="cd" * 32), "has not proven that it is node callee"),
        (answering(GOOD, node="later"), "has not proven that it is node callee"),
        (answering(b"{}"), "is not understood"),
        (answering(GOOD, status=500), "answered 500"),
    ],
)
async def test_what_proves_nothing_is_not_heard(serve: Serve, why: str) -> None:
    async with served(serve) as address:
        with pytest.raises(Unavailable, match=why):
            await peers().standing(address, "callee", 5)


async def test_nothing_was_sent_to_who_cannot_be_reached() -> None:
    [port] = free_ports(1)
    for address in (f"http://127.0.0.1:{port}", "nonsense", "ftp://127.0.0.1"):
        with pytest.raises(Unavailable) as failed:
            await peers().send(address, "POST", "/v1/x", {}, b"", 5)
        assert not failed.value.unknown
    with pytest.raises(Unavailable, match="not found its plane"):
        await peers(None).standing("http://127.0.0.1", "callee", 5)


async def _silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def _closes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhal")


async def _babbles(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read(reader)
    writer.write(b"what?\r\n\r\n")


@pytest.mark.parametrize(("serve", "limit"), [(_silent, 0.05), (_closes, 5.0), (_babbles, 5.0)])
async def test_the_fate_of_what_was_sent_is_not_known_without_an_answer(serve: Serve, limit: float) -> None:
    async with served(serve) as address:
        with pytest.raises(Unavailable, match="broke before an answer came") as failed:
            await peers().send(address, "POST", "/v1/x", {}, b"body", limit)
    assert failed.value.unknown


def test_certificates_that_cannot_be_read_are_named() -> None:
    with pytest.raises(Invalid, match=r"amp\.node\.ca=/nowhere cannot be read"):
        Peers("n", lambda: PLANE, "/nowhere")
