"""Effectors, the tasks that they become, and the places of entities."""

from __future__ import annotations

import asyncio

import pytest
from http_node import Node

from amp.kit.errors import Fenced
from amp.kit.ids import EntityId, TaskId
from amp.model import changes as c


async def app_of(node: Node) -> tuple[str, str]:
    app = await node.deploy()
    return app, f"/applications/{app}/entities/{app}/effectors"


async def test_the_list_is_sorted_and_complete(node: Node) -> None:
    app, at = await app_of(node)
    listed = (await node.get(at)).json()
    assert [each["name"] for each in listed] == ["restart", "start", "stop"]
    assert listed[1]["parameters"][0]["name"] == "locations"
    assert listed[1]["parameters"][0]["defaultValue"] is None
    assert listed[1]["links"] == {
        "self": f"/v1/applications/{app}/entities/{app}/effectors/start",
        "application": f"/v1/applications/{app}",
        "entity": f"/v1/applications/{app}/entities/{app}",
    }
    assert (await node.get(f"{at}/start")).status_code == 405


@pytest.mark.parametrize(
    ("result", "text"),
    [("hello", "hello"), (42, "42"), ({"a": ["x"]}, '{"a":["x"]}'), (None, ""), (False, "false")],
)
async def test_results(node: Node, result: object, text: str) -> None:
    _, at = await app_of(node)
    node.requests.results["restart"] = result
    for timeout in ("", "?timeout=never", "?timeout=5s", "?timeout="):
        answer = await node.post(f"{at}/restart{timeout}")
        assert (answer.status_code, answer.text) == (202, text)


@pytest.mark.parametrize(
    ("body", "kind", "parameters"),
    [
        ('{"a": 1}', "application/json", {"a": 1}),
        ("", "application/json", {}),
        ("", "application/x-www-form-urlencoded", {}),
        ("a=1&b=x+y&b=z", "application/x-www-form-urlencoded", {"a": "1", "b": ["x y", "z"]}),
        ("=&a=1", "application/x-www-form-urlencoded", {"a": "1"}),
    ],
)
async def test_parameters(node: Node, body: str, kind: str, parameters: dict[str, object]) -> None:
    _, at = await app_of(node)
    assert (await node.post(f"{at}/restart", content=body, headers={"Content-Type": kind})).status_code == 202
    [task] = [each for each in node.views.model.tasks.values() if each.effector == "restart"]
    assert (task.parameters, task.user) == (parameters, "admin")


async def test_requests_that_are_refused(node: Node) -> None:
    _, at = await app_of(node)
    json = {"Content-Type": "application/json"}
    assert (await node.post(f"{at}/restart", content="{oops", headers=json)).status_code == 400
    assert (await node.post(f"{at}/restart", content="[1]", headers=json)).status_code == 400
    assert (await node.post(f"{at}/restart?timeout=soon")).status_code == 400
    assert (await node.post(f"{at}/restart?timeout=-5s")).status_code == 400
    assert (await node.post(f"{at}/restart", json={"refuse": "x"})).status_code == 400
    missing = await node.post(f"{at}/nosuch")
    assert (missing.status_code, "no effector with name 'nosuch'" in missing.json()["message"]) == (404, True)
    assert (await node.post(f"{at}/restart", content="x", headers={"Content-Type": "a/b"})).status_code == 415


async def test_an_effector_that_fails(node: Node) -> None:
    _, at = await app_of(node)
    node.requests.failures["restart"] = "the disk is full"
    answer = await node.post(f"{at}/restart")
    assert (answer.status_code, answer.json()["error"]) == (500, 500)
    assert "the disk is full" in answer.json()["message"]


@pytest.mark.parametrize("timeout", ["0", "always", "10ms", "10"])
async def test_an_effector_that_takes_longer(node: Node, timeout: str) -> None:
    app, at = await app_of(node)
    node.requests.held.add("restart")
    answer = await node.post(f"{at}/restart?timeout={timeout}")
    task = answer.json()
    assert (answer.status_code, task["currentStatus"], task["entityId"]) == (202, "In progress", app)
    assert "endTimeUtc" not in task
    assert "callerEntity" not in answer.text

    running = await node.get(f"/activities/{task['id']}")
    assert (running.status_code, running.json()["isError"]) == (202, False)
    assert (await node.get(f"/activities/{task['id']}?timeout=5ms")).status_code == 202
    waiting = asyncio.create_task(node.get(f"/activities/{task['id']}?timeout=never"))
    node.requests.results["restart"] = "done"
    await node.requests.release(task["id"])
    ended = await waiting
    assert (ended.status_code, ended.json()["result"], ended.json()["currentStatus"]) == (200, "done", "Completed")
    assert "Completed after 5ms" in ended.json()["detailedStatus"]


async def test_cancelling(node: Node) -> None:
    _, at = await app_of(node)
    node.requests.held.add("restart")
    task = (await node.post(f"{at}/restart?timeout=0")).json()["id"]
    assert (await node.post(f"/activities/{task}/cancel")).json() is True
    assert (await node.post(f"/activities/{task}/cancel")).json() is False
    body = (await node.get(f"/activities/{task}")).json()
    assert (body["isCancelled"], body["isError"], body["currentStatus"]) == (True, False, "Cancelled")


async def test_a_task_that_asks_says_so_and_takes_an_answer(node: Node) -> None:
    app = EntityId((await app_of(node))[0])
    whole, part = TaskId("tstart"), TaskId("tlaunch")
    await node.views.apply([
        c.TaskStarted(whole, app, "start"),
        c.TaskStarted(part, app, "launch", parent=whole),
        c.StepStarted(part, "try1", on_interrupt="ask"),
        c.StepEnded(part, "try1", "interrupted"),
        c.StepStarted(part, "why try1", "pure"),
        c.StepEnded(part, "why try1", outcome="its machine was restarted"),
        c.StepStarted(part, "ask try1", "pure"),
    ])  # fmt: skip
    said = (
        "launch was interrupted: its machine was restarted. Look at what it has done and answer rerun, done or fail: "
        "amp task answer tlaunch rerun"
    )
    asking = (await node.get(f"/activities/{part}")).json()
    assert (asking["currentStatus"], asking["blockingDetails"]) == ("Waiting for an answer", said)
    assert said in asking["detailedStatus"]
    assert "blockingTask" not in asking
    above = (await node.get(f"/activities/{whole}")).json()
    assert (above["currentStatus"], above["blockingDetails"]) == ("Waiting for an answer", said)
    assert above["blockingTask"]["metadata"]["id"] == part

    at = f"/activities/{part}/answer"
    for body, status, words in (
        ({"answer": "skip"}, 400, "unknown answer 'skip': send one of rerun, done, fail"),
        ({}, 400, "the field 'answer' is missing, or no text: send one of rerun, done, fail"),
        ({"answer": ["done"]}, 400, "the field 'answer' is missing"),
        ([], 400, "must be a JSON object"),
    ):
        refused = await node.post(at, json=body)
        assert (refused.status_code, words in refused.json()["message"]) == (status, True)
    assert (await node.post("/activities/nobody/answer", json={"answer": "done"})).status_code == 404
    assert (await node.post(f"/activities/{whole}/answer", json={"answer": "done"})).status_code == 409
    answer = await node.post(at, json={"answer": "done"})
    assert (answer.status_code, answer.content) == (204, b"")
    assert (await node.post(at, json={"answer": "done"})).status_code == 409
    answered = (await node.get(f"/activities/{part}")).json()
    assert (answered["currentStatus"], "blockingDetails" in answered) == ("In progress", False)
    assert "what to do about step try1: done was answered" in answered["detailedStatus"]


async def test_streams_are_listed_with_sizes_and_served_as_text(node: Node) -> None:
    app = EntityId((await app_of(node))[0])
    task = TaskId("tstream")
    begun = c.StepStarted(task, "try1", node="aaaaaaaaaa", term=2, env={"A": "1", "KEY": "***"})
    await node.views.apply([c.TaskStarted(task, app, "install", node="aaaaaaaaaa", term=2), begun])
    node.requests.live[task] = {"stdout": "so far\n", "stderr": ""}
    running = (await node.get(f"/activities/{task}")).json()
    assert running["streams"]["stdout"] == {
        "link": f"/v1/activities/{task}/stream/stdout",
        "metadata": {"name": "stdout", "size": 7, "sizeText": "7 B"},
    }
    answer = await node.get(f"/activities/{task}/stream/stdout")
    assert (answer.status_code, answer.text) == (200, "so far\n")
    assert answer.headers["content-type"].startswith("text/plain")
    assert (await node.get(f"/activities/{task}/stream/env")).text == "A=1\nKEY=***\n"
    assert (await node.get(f"/activities/{task}/stream/none")).status_code == 404

    node.requests.live.clear()
    await node.views.apply([
        c.TaskResumed(task, "bbbbbbbbbb", 3, 1_700_000_000_500),
        c.StepEnded(task, "try1", "interrupted", 1_700_000_000_500, stdout="half"),
        c.StepStarted(task, "lost", node="bbbbbbbbbb", term=3), c.StepEnded(task, "lost", "void"),
        c.StepStarted(task, "try2", node="bbbbbbbbbb", term=3),
        c.StepEnded(task, "try2", "completed", 1_700_000_000_900, {"exit": 0}, "whole\n", "warned\n"),
        c.TaskEnded(task, "completed", 1_700_000_001_000),
    ])  # fmt: skip
    text = (await node.get(f"/activities/{task}/stream/stdout")).text
    assert text == "half\n[interrupted here: its end is not known]\nwhole\n"
    ended = (await node.get(f"/activities/{task}")).json()
    assert "failover: went on on node bbbbbbbbbb in term 3" in ended["detailedStatus"]
    assert "step try2: begun on node bbbbbbbbbb in term 3, completed" in ended["detailedStatus"]
    assert {"failover": {"node": "bbbbbbbbbb", "term": 3, "timeUtc": 1_700_000_000_500}} in ended["tags"]


async def test_activities_of_an_entity(node: Node) -> None:
    app, at = await app_of(node)
    node.requests.held.add("restart")
    running = (await node.post(f"{at}/restart?timeout=0")).json()["id"]
    tasks = f"/applications/{app}/entities/{app}/activities"
    listed = (await node.get(tasks)).json()
    assert [each["displayName"] for each in listed] == ["restart", "start"]
    assert all("result" not in each and "detailedStatus" not in each for each in listed)
    assert len((await node.get(f"{tasks}?limit=1")).json()) == 1
    assert len((await node.get(f"{tasks}?limit=-1&recurse=true")).json()) == 2
    assert (await node.get(f"{tasks}?limit=many")).status_code == 400
    one = await node.get(f"{tasks}/{running}", headers={"Accept": "text/json"})
    assert (one.json()["id"], one.headers["content-type"]) == (running, "text/json")
    assert (await node.get(f"{tasks}/{running}", headers={"Accept": "application/json"})).status_code == 406
    elsewhere = f"/applications/{app}/entities/till/activities/{running}"
    assert (await node.get(elsewhere)).status_code == 404


async def test_tasks_below_a_task(node: Node) -> None:
    app, at = await app_of(node)
    node.requests.held.add("restart")
    root = (await node.post(f"{at}/restart?timeout=0")).json()["id"]
    await node.views.apply(
        [
            c.TaskStarted(id="t1", entity=app, name="part", parent=root),  # type: ignore[arg-type]
            c.TaskStarted(id="t2", entity=app, name="part of part", parent="t1"),  # type: ignore[arg-type]
            c.TaskEnded(id="t2", status="interrupted"),  # type: ignore[arg-type]
        ]
    )
    children = (await node.get(f"/activities/{root}/children")).json()
    assert [each["id"] for each in children] == ["t1"]
    assert children[0]["submittedByTask"]["metadata"]["id"] == root
    assert children[0]["children"][0]["link"] == "/v1/activities/t2"
    below = (await node.get(f"/activities/{root}/children/recurse")).json()
    assert set(below) == {"t1", "t2"}
    assert (below["t2"]["isError"], below["t2"]["currentStatus"]) == (True, "Failed: interrupted")
    assert set((await node.get(f"/activities/{root}/children/recurse?maxDepth=1")).json()) == {"t1"}


async def test_an_entity_that_goes_with_its_effector(node: Node) -> None:
    app, at = await app_of(node)
    node.requests.held.add("stop")
    before = node.views.seq
    waiting = asyncio.create_task(node.post(f"{at}/stop"))
    assert await node.views.wait_for(before + 1, 5)
    stops = [each for each in node.views.model.tasks.values() if each.effector == "stop"]
    await node.requests.release(stops[0].id)
    await node.views.apply([c.EntityRemoved(app)])  # type: ignore[arg-type]
    answer = await waiting
    assert (answer.status_code, answer.content) == (202, b"")


async def test_locations_of_entities(node: Node) -> None:
    app = await node.deploy("name: a\nlocation: localhost\nservices: []\n")
    [place] = (await node.get(f"/applications/{app}/entities/{app}/locations")).json()
    assert place["type"] == "org.apache.brooklyn.location.localhost.LocalhostMachineProvisioningLocation"
    assert "config" not in place
    assert (await node.get(f"/applications/{app}")).json()["spec"]["locations"] == [place["id"]]
    assert (await node.get(f"/locations/{place['id']}")).json()["links"]["self"] == f"/v1/locations/{place['id']}"


async def test_a_standby_tells_when_a_task_has_ended(node: Node) -> None:
    _, at = await app_of(node)
    node.requests.held.add("restart")
    task = (await node.post(f"{at}/restart?timeout=0")).json()["id"]
    node.become("HOT_STANDBY")
    waiting = asyncio.create_task(node.get(f"/activities/{task}?timeout=10s"))
    await node.requests.release(task)
    assert (await waiting).json()["currentStatus"] == "Completed"


async def test_an_effector_whose_node_stops_leading(node: Node) -> None:
    app, at = await app_of(node)

    async def fenced(task: object, timeout: object) -> bool:
        raise Fenced("term 4 leads")

    node.requests.held.add("restart")
    node.requests.wait_task = fenced  # type: ignore[assignment,method-assign]
    answer = await node.post(f"{at}/restart")
    assert (answer.status_code, answer.json()["currentStatus"], answer.json()["entityId"]) == (202, "In progress", app)
