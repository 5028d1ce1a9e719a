"""The real server on a real socket: it is bound early, ends when told, and says why it cannot start."""

from __future__ import annotations

import asyncio
import signal

import httpx
import pytest
from http_node import Node, basic

from amp.kit.errors import Conflict, Invalid
from amp.server.run import bind, serve


async def test_serving_until_told_to_stop(node: Node) -> None:
    sock = bind("127.0.0.1", 0)
    url = f"http://127.0.0.1:{sock.getsockname()[1]}"
    before = signal.getsignal(signal.SIGTERM)
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        running = group.create_task(serve(node.app, sock, node.stopping))
        async with httpx.AsyncClient(base_url=url, headers=basic("admin"), trust_env=False) as client:
            assert (await client.get("/v1/server/up")).json() is True
            assert signal.getsignal(signal.SIGTERM) is before
            async with client.stream("GET", "/v1/events/stream") as stream:
                lines = stream.aiter_lines()
                assert await anext(lines) == "event: hello"
                node.stopping.set()
                assert [line async for line in lines]  # the rest, and an orderly end
        await running
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", int(url.rsplit(":", 1)[1]))


async def test_a_request_under_way_is_answered(node: Node) -> None:
    app = await node.deploy()
    node.requests.held.add("restart")
    sock = bind("127.0.0.1", 0)
    url = f"http://127.0.0.1:{sock.getsockname()[1]}/v1/applications/{app}/entities/{app}/effectors/restart"
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        group.create_task(serve(node.app, sock, node.stopping))
        async with httpx.AsyncClient(headers=basic("admin"), trust_env=False) as client:
            before = node.views.seq
            asking = group.create_task(client.post(url))
            assert await node.views.wait_for(before + 1, 5)
            node.stopping.set()
            [task] = [each for each in node.views.model.running_tasks() if each.effector == "restart"]
            node.requests.results["restart"] = "late but whole"
            await node.requests.release(task.id)
            assert (await asking).text == "late but whole"


async def test_a_port_in_use() -> None:
    first = bind("127.0.0.1", 0)
    port = first.getsockname()[1]
    try:
        with pytest.raises(Conflict, match=f"port {port} is in use .*set another port"):
            bind("127.0.0.1", port)
    finally:
        first.close()


@pytest.mark.parametrize(
    ("host", "port", "message"),
    [
        ("192.0.2.1", 0, "not an address of this machine"),
        ("127.0.0.1", 99999, "cannot listen"),
        ("no host", 1, "cannot"),
    ],
)
def test_addresses_that_cannot_be_had(host: str, port: int, message: str) -> None:
    with pytest.raises(Invalid, match=message):
        bind(host, port)
