"""Requests with a key: killed after every commit, asked again on the next master, done once and answered alike.

The whole node runs here, server to journal, on a store in memory. The table has every route that needs a Change. The
planted bug is number 26 of the protocol: a request's key is committed after its work.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import httpx
import pytest
from http_node import Node, basic
from live_node import LiveNode, World, in_office, until

from amp.kit.errors import Unavailable
from amp.kit.ids import EntityId
from amp.model import changes as c
from amp.model.changes import AnyChange
from amp.model.model import Model
from amp.plane import receipts, snapshots
from amp.plane.journaling import Journaling
from amp.plane.views import Event
from amp.remote.attach import Progress, Standing
from amp.server.events import framed
from amp.tasks.question import open_question

SHOP = "name: shop\nservices:\n- type: BasicEntity\n  name: till\n- type: BasicApplication\n  name: hall\n"
YAML = {"Content-Type": "text/yaml"}
JSON = {"Content-Type": "application/json"}
KEY = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"


@dataclass(frozen=True)
class Write:
    """One write; `{app}`, `{till}` and `{task}` in its path are ids. `seen`: doing it twice can be seen."""

    method: str
    path: str
    body: str = ""
    headers: tuple[tuple[str, str], ...] = tuple(JSON.items())
    seen: bool = True

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


TILL = "/applications/{app}/entities/{till}"
BLUEPRINT = tuple(YAML.items())
WRITES = (
    Write("POST", "/applications", "name: new\nservices: [{type: BasicEntity, name: new}]", BLUEPRINT),
    Write("PUT", "/applications/mineownid1", "name: new\nservices: [{type: BasicEntity, name: new}]", BLUEPRINT),
    Write("DELETE", "/applications/{app}", seen=False),
    Write("POST", "/applications/{app}/entities/{app}/children", "services: [{type: BasicEntity, name: b}]", BLUEPRINT),
    Write("POST", TILL + "/expunge", seen=False),
    Write("POST", "/applications/{app}/entities/{app}/effectors/restart", "{}"),
    Write("POST", "/activities/{task}/cancel", seen=False),
    # It goes into the journal by another way than the one where the bug is planted.
    Write("POST", "/activities/{asking}/answer", '{"answer": "done"}', seen=False),
    Write("POST", TILL + "/tag/delete", '"there"'),
    Write("POST", TILL + "/tag/add", '"new"', seen=False),
    Write("POST", TILL + "/tag/upsert/k", '"v"', seen=False),
    Write("POST", TILL + "/name?name=other", seen=False),
    Write("POST", TILL + "/sensors", '{"a": 1}', seen=False),
    Write("POST", TILL + "/sensors/a", "1", seen=False),
    Write("DELETE", TILL + "/sensors/gone", seen=False),
    Write("POST", "/applications/{app}/entities/{app}/config?recurse=true", '{"a": 1}', seen=False),
    Write("POST", TILL + "/config/a", "1", seen=False),
    Write("POST", "/ha/probe", seen=False),
    Write("POST", "/access/locationProvisioningAllowed?allowed=false", seen=False),
)


async def prepare(live: LiveNode) -> dict[str, str]:
    """Deploy what the writes are about; one entity's start is held up for ever, so that there is a task to cancel."""
    await live.ask("POST", "/applications", content=SHOP, headers=YAML)
    await live.settled()
    model = live.node.model
    app, till = next(model.applications()), next(each for each in model.entities.values() if each.name == "till")
    await live.ask("POST", f"/applications/{app.id}/entities/{till.id}/tag/add", content='"there"', headers=JSON)
    return {"app": app.id, "till": till.id}


SLEEPER = """
name: sleeper
location: localhost
services:
- type: VanillaSoftwareProcess
  name: slow
  brooklyn.config: {launch.command: slow, checkRunning.command: check, stop.command: stop, on-interrupt: ask}
"""


async def ready_for(live: LiveNode, write: Write, ids: dict[str, str]) -> None:
    if "{task}" in write.path or "{asking}" in write.path:
        await with_a_task(live, ids)
    if "{asking}" in write.path:
        await with_a_question(live, ids)


async def with_a_question(live: LiveNode, ids: dict[str, str]) -> None:
    """Lose the end of that long command, so that it is asked about."""
    machine, tasks = live.world.machine, live.node.model.tasks
    (lost,) = (id for id, each in machine.standings.items() if each.standing is Standing.RUNNING)
    machine.standings[lost] = Progress(Standing.UNKNOWN, 1)
    machine.held.clear()
    machine.news.set()
    await until(lambda: any(open_question(task) for task in tasks.values()) and live.node.machine.append is None)
    ids["asking"] = next(task.id for task in tasks.values() if open_question(task))


async def with_a_task(live: LiveNode, ids: dict[str, str]) -> None:
    """Begin a task that goes on until it is cancelled, and let it come to its long command."""
    live.world.machine.held.add("slow")
    began = await live.ask("POST", "/applications", content=SLEEPER, headers=YAML)
    ids["task"] = began.json()["id"]
    tasks = live.node.model.tasks
    await until(lambda: any(step.kind == "attachable" for task in tasks.values() for step in task.steps))
    await until(lambda: live.world.machine.commands and live.node.machine.append is None)


async def send(live: LiveNode, write: Write, ids: dict[str, str], key: str | None = KEY) -> httpx.Response:
    headers = {**dict(write.headers), **({"Idempotency-Key": key} if key else {})}
    return await live.ask(write.method, write.path.format_map(ids), content=write.body, headers=headers)


def shown(answer: httpx.Response) -> tuple[int, str, str | None]:
    location = answer.headers.get("location")
    return answer.status_code, answer.text, re.sub(r"^http://\w+:8081", "", location) if location else None


def alike(text: str, model: Model) -> str:
    """Write a text without what differs from run to run: ids, times, who led."""
    ids = [*model.entities, *model.locations, *model.tasks, *(each.entity for each in model.tasks.values())]
    text = re.sub("|".join(map(re.escape, ids)), "ID", text)
    return re.sub(r"\d{13}", "TIME", re.sub(r"on node \w+ in term \d+", "on NODE", text))


def state(model: Model) -> list[str]:
    """All that clients can see."""
    lines = [f"access {model.location_provisioning_allowed}, {len(model.answers)} answers"]
    for entity in model.entities.values():
        sensors = {name: value for name, value in entity.sensors.items() if name != "service.state.expected"}
        lines.append(f"entity {entity.name} {sorted(entity.config)} {sorted(map(repr, entity.tags))} {sensors}")
    for task in model.tasks.values():
        lines.append(f"task {task.entity_name}: {task.name} {task.status}")
    return sorted(alike(line, model) for line in lines)


async def told_once(write: Write) -> list[str]:
    """Do it on a plane where nothing goes wrong; answers what was said, and what it came to."""
    async with in_office(World(), "only") as live:
        ids = await prepare(live)
        await ready_for(live, write, ids)
        answer = await send(live, write, ids)
        await live.settled()
        return [alike(str(shown(answer)), live.node.model), *state(live.node.model)]


async def killed_after(write: Write, commits: int, expected: list[str]) -> bool:
    """Kill the master once so many commits have landed, and ask the next one again; False when it needed fewer."""
    world = World()
    async with in_office(world, "first") as first:
        ids = await prepare(first)
        await ready_for(first, write, ids)
        first.line.allow(commits)
        asking = asyncio.create_task(send(first, write, ids))
        cut = asyncio.create_task(first.line.is_cut.wait())
        await asyncio.wait([asking, cut], return_when=asyncio.FIRST_COMPLETED)
        if asking.done() and not cut.done():
            at_rest = asyncio.create_task(first.settled())
            await asyncio.wait([at_rest, cut], return_when=asyncio.FIRST_COMPLETED)
            at_rest.cancel()
        was_cut = first.line.is_cut.is_set()
        cut.cancel()
        asking.cancel()  # who has no answer by now gets none
        [said] = await asyncio.gather(asking, return_exceptions=True)
    async with in_office(world, "second", dead=("first",)) as second:
        again = await send(second, write, ids)
        assert again.status_code < 300, again.text
        if isinstance(said, httpx.Response):
            assert said.status_code < 300, said.text
            assert shown(again) == shown(said), "another answer"
            assert again.headers["idempotent-replayed"] == "true"
        once_more = await send(second, write, ids)
        assert (shown(once_more), once_more.headers.get("idempotent-replayed")) == (shown(again), "true")
        await second.settled()
        model = second.node.model
        assert [alike(str(shown(again)), model), *state(model)] == expected, "not what it comes to when it is done once"
    return was_cut


async def killed_everywhere(write: Write) -> None:
    expected = await told_once(write)
    for commits in range(12):
        if not await killed_after(write, commits, expected):
            assert commits > 0
            return
    raise AssertionError("it never came to its end")


@pytest.mark.parametrize("write", WRITES, ids=str)
async def test_a_master_killed_after_any_commit_does_nothing_twice_and_loses_no_answer(write: Write) -> None:
    await killed_everywhere(write)


async def _key_after_work(self: Journaling, changes: Sequence[AnyChange]) -> int:
    """26: the key of a request is committed after its work."""
    keys = [change for change in changes if isinstance(change, c.RequestAnswered)]
    seq = await _COMMIT(self, [change for change in changes if change not in keys])
    return await _COMMIT(self, keys) if keys else seq


_COMMIT = Journaling.commit


@pytest.mark.parametrize("write", [each for each in WRITES if each.seen], ids=str)
async def test_a_key_that_is_committed_after_its_work_is_caught(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Journaling, "commit", _key_after_work)
    with pytest.raises(AssertionError):
        await killed_everywhere(write)


def test_every_route_that_needs_a_change_is_in_the_table() -> None:
    node = Node()
    described = asyncio.run(node.get("/apidoc/swagger.json")).json()["paths"]
    routes = {(method.upper(), path) for path, each in described.items() for method in each}
    fits = {(write.method, _as_route(write.path, routes)) for write in WRITES}
    local = ("/server/", "/login", "/logout", "/script/", "/session")
    assert fits == {(method, path) for method, path in routes if method != "GET" and not path.startswith(local)}


def _as_route(path: str, routes: set[tuple[str, str]]) -> str:
    plain = path.partition("?")[0]
    found = [each for _, each in routes if re.fullmatch(re.sub(r"\{\w+\}", r"[^/]+", each), plain)]
    return min(found, key=lambda each: each.count("{"))


# ---- one node, without a store


HEADERS = {**YAML, "Idempotency-Key": KEY}
NEW = "name: new\nservices: [{type: BasicEntity, name: b}]"


async def test_a_repetition_is_answered_as_the_first_was(node: Node) -> None:
    first = await node.post("/applications", content=NEW, headers=HEADERS)
    again = await node.post("/applications", content=NEW, headers=HEADERS)
    assert (first.status_code, first.json()["currentStatus"]) == (201, "In progress")
    assert shown(again) == shown(first)
    assert again.headers["location"] == first.headers["location"]
    assert (again.headers["idempotent-replayed"], "idempotent-replayed" in first.headers) == ("true", False)
    assert len(list(node.views.model.applications())) == 1
    assert again.headers["content-type"] == first.headers["content-type"]


async def test_other_words_under_the_same_key_are_refused(node: Node) -> None:
    app = await node.deploy()
    name = f"/applications/{app}/entities/{app}/name"
    key = {"Idempotency-Key": "k"}
    assert (await node.post("/applications", content=NEW, headers=HEADERS)).status_code == 201
    other = await node.post("/applications", content=NEW + " ", headers=HEADERS)
    assert (other.status_code, KEY in other.json()["message"]) == (409, True)
    assert (await node.post(f"{name}?name=a", headers=key)).status_code == 200
    assert (await node.post(f"{name}?name=b", headers=key)).status_code == 409  # a parameter is a word, too
    assert node.views.model.entities[EntityId(app)].name == "a"


async def test_a_key_belongs_to_its_user_and_its_path(node: Node) -> None:
    app = await node.deploy()
    for user in ("admin", "reader"):
        answer = await node.post("/applications", content=NEW, headers=HEADERS, user=user)
        assert (answer.status_code, "idempotent-replayed" in answer.headers) == (201, False)
    for sensor in ("a", "b"):
        path = f"/applications/{app}/entities/{app}/sensors/{sensor}"
        assert (await node.post(path, content="1", headers={**JSON, "Idempotency-Key": KEY})).status_code == 204
    assert {"a", "b"} <= set(node.views.model.entities[EntityId(app)].sensors)


@pytest.mark.parametrize(
    ("key", "good"),
    [("k", True), ("!~" * 127 + "k", True), ("", False), ("k" * 256, False), ("a b", False), ("\xe9", False)],
)
async def test_keys_are_visible_characters(node: Node, key: str, good: bool) -> None:
    path = "/access/locationProvisioningAllowed?allowed=true"
    answer = await node.post(path, headers={"Idempotency-Key": key.encode("latin-1")})
    assert answer.status_code == (200 if good else 400)
    assert good or "visible" in answer.json()["message"]


async def test_two_keys_are_one_too_many(node: Node) -> None:
    async with node.client() as client:
        headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "b"), *basic("admin").items()]
        answer = await client.post("/v1/access/locationProvisioningAllowed?allowed=true", headers=headers)
    assert (answer.status_code, "two of them" in answer.json()["message"]) == (400, True)


async def test_what_was_refused_is_judged_anew(node: Node) -> None:
    bad = {**HEADERS, "Content-Type": "multipart/form-data"}
    assert (await node.post("/applications", content=NEW, headers=bad)).status_code == 415
    assert (await node.post("/applications", content="services: [{type: Nope}]", headers=HEADERS)).status_code == 400
    assert (await node.post("/applications", content=NEW, headers=HEADERS)).status_code == 201


async def test_a_repetition_joins_the_first_while_that_is_under_way() -> None:
    async with in_office(World(), "only") as live:
        ids = await prepare(live)
        write = WRITES[0]
        both = await asyncio.gather(*(send(live, write, ids) for _ in range(5)), send_other(live, ids))
        *same, other = both
        assert len({shown(each) for each in same}) == 1
        assert sorted(each.headers.get("idempotent-replayed", "") for each in same) == [""] + ["true"] * 4
        assert other.status_code == 409
        await live.settled()
        assert [each.name for each in live.node.model.applications()] == ["shop", "new"]


async def send_other(live: LiveNode, ids: dict[str, str]) -> httpx.Response:
    return await send(live, replace(WRITES[0], body=WRITES[0].body + "\n"), ids)


async def test_those_who_joined_are_refused_as_the_first_was(node: Node) -> None:
    node.requests.deploy = deny  # type: ignore[method-assign]
    answers = await asyncio.gather(*(node.post("/applications", content=NEW, headers=HEADERS) for _ in range(3)))
    assert [each.status_code for each in answers] == [503] * 3
    assert all(each.json()["unknown"] for each in answers)


async def deny(*_: object, **__: object) -> None:
    await asyncio.sleep(0.01)
    raise Unavailable("its fate is not known", unknown=True)


async def test_an_effector_with_a_key_is_not_waited_for(node: Node) -> None:
    app = await node.deploy()
    node.requests.results["restart"] = "done"
    path = f"/applications/{app}/entities/{app}/effectors/restart"
    first = await node.post(path, headers={"Idempotency-Key": KEY})
    again = await node.post(path, headers={"Idempotency-Key": KEY})
    assert first.json()["currentStatus"] == "In progress"
    assert shown(again) == shown(first)
    assert (await node.get("/activities/" + first.json()["id"])).json()["result"] == "done"


async def test_an_answer_that_is_too_long_is_kept_without_its_body(node: Node) -> None:
    app = await node.deploy()
    path, body = f"/applications/{app}/entities/{app}/effectors/restart", '{"a": "%s"}' % ("x" * 20_000)
    first = await node.post(path, content=body, headers={**JSON, "Idempotency-Key": KEY})
    again = await node.post(path, content=body, headers={**JSON, "Idempotency-Key": KEY})
    assert (len(first.content) > receipts.LONGEST, first.status_code) == (True, 202)
    assert (again.status_code, again.content, again.headers["idempotent-replayed"]) == (202, b"", "true")


async def test_answers_are_not_streamed_to_others(node: Node) -> None:
    event = Event("model", 1, [c.RequestAnswered("u", "POST", "/v1/x", "k", "d", 200), c.AnswersForgotten(1)])
    assert b'"changes":[]' in framed(event)


async def test_the_key_survives_a_restart_with_a_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "SEGMENTS", 3)
    world = World()
    async with in_office(world, "first") as first:
        ids = await prepare(first)
        said = await send(first, WRITES[0], ids)
        await first.settled()
        await until(lambda: any(each.startswith("snapshots/") for each in world.store._objects))
    async with in_office(world, "second", dead=("first",)) as second:
        again = await send(second, WRITES[0], ids)
        assert shown(again) == shown(said)
        assert second.node.machine.log.term == 2
