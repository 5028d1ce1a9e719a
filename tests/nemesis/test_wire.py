"""A client's connection: what it says of the fate of a request is never more than it can know."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from amp.kit.clock import SystemClock
from amp.testing.nemesis.wire import Link, Lost, Unsent
from amp.testing.servers import free_ports

ANSWER = b'HTTP/1.1 200 OK\r\nAMP-Term: 3\r\nAMP-Seq: 17\r\nContent-Length: 8\r\n\r\n"MASTER"'
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def linked(serve: Serve) -> AsyncIterator[Link]:
    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(one, "127.0.0.1", 0)
    link = Link(server.sockets[0].getsockname()[1], "admin", "x", SystemClock())
    try:
        yield link
    finally:
        link.close()
        server.close()
        await server.wait_closed()


async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.readuntil(b"\r\n\r\n"):
        writer.write(ANSWER)


async def test_an_answer_is_read_whole_and_the_connection_kept() -> None:
    async with linked(answers) as link:
        first, second = await link.ask("GET", "server/ha/state"), await link.ask("GET", "server/ha/state")
    assert (first.status, first.body, first.term, first.seq) == (200, b'"MASTER"', 3, 17)
    assert first.connection == second.connection == 1
    assert first.began < first.ended < second.began < second.ended


async def test_where_nobody_listens_nothing_was_sent() -> None:
    link = Link(free_ports(1)[0], "admin", "x", SystemClock())
    with pytest.raises(Unsent):
        await link.ask("POST", "x", b"{}")


async def test_a_request_that_is_not_answered_may_have_been_done() -> None:
    async def hangs_up(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")

    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ANSWER[:-3])

    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    for serve in (hangs_up, half, silent):
        async with linked(serve) as link:
            with pytest.raises(Lost):
                await link.ask("GET", "x", limit=0.2)


async def test_what_the_server_closed_while_idle_costs_no_request() -> None:
    closed = asyncio.Event()

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ANSWER)
        writer.close()
        await writer.wait_closed()
        closed.set()

    async with linked(once) as link:
        assert (await link.ask("GET", "x")).connection == 1
        await closed.wait()
        for _ in range(20):  # turns of the loop, in which the end of the stream arrives
            await asyncio.sleep(0)
        assert (await link.ask("GET", "x")).connection == 2
