"""Applications and entities over HTTP: the shapes that clients parse, and what wrong requests get."""

from __future__ import annotations

import pytest
from http_node import BASIC, Node

from amp.server.answers import java_text

APP = "org.apache.brooklyn.entity.stock.BasicApplication"
TREE = f"""
name: deep
brooklyn.config: {{from.app: top, shared: app, db.password: hunter2}}
services:
- type: {BASIC}
  name: head
  brooklyn.tags: [one, two]
  brooklyn.config: {{shared: own, free: {{x: [1, true, null]}}, nothing: null}}
  brooklyn.children:
  - {{type: {BASIC}, name: Kid A}}
"""


async def test_deploying(node: Node) -> None:
    answer = await node.post("/applications", content="services: []\nname: a", headers={"Content-Type": "x/y"})
    body = answer.json()
    app = body["entityId"]
    assert answer.status_code == 201
    assert answer.headers["location"] == f"http://127.0.0.1:8081/v1/applications/{app}"
    assert body["links"] == {
        "self": f"/v1/activities/{body['id']}",
        "children": f"/v1/activities/{body['id']}/children",
        "entity": f"/v1/applications/{app}/entities/{app}",
    }
    assert (body["displayName"], body["entityDisplayName"], body["currentStatus"]) == ("start", "a", "Completed")
    assert body["tags"][0] == "EFFECTOR"
    assert body["tags"][1] == {"entityId": app, "effectorName": "start", "effectorParams": {"locations": []}}
    assert {each.get("wrappingType") for each in body["tags"][2:]} == {
        "contextEntity",
        "targetEntity",
        "callerEntity",
        None,
    }


@pytest.mark.parametrize(
    "kind", ["application/json", "application/x-www-form-urlencoded", "application/x-unheard-of", "text/yaml"]
)
async def test_blueprints_of_any_content_type(node: Node, kind: str) -> None:
    async def parts() -> object:
        yield b"name: chunked\n"
        yield b"services: []\n"

    answer = await node.post("/applications?format=martian", content=parts(), headers={"Content-Type": kind})
    assert answer.status_code == 201
    assert (await node.get("/applications/CHUNKED")).json()["spec"]["name"] == "chunked"


async def test_a_blueprint_without_a_content_type(node: Node) -> None:
    answer = await node.post("/applications", content=b"services: []")
    assert (answer.status_code, answer.content) == (415, b"")


@pytest.mark.parametrize("text", [b"name: [unclosed", b"services: [{type: no.such.Type}]", b"", b"\xff\xfe"])
async def test_blueprints_that_cannot_be_deployed(node: Node, text: bytes) -> None:
    answer = await node.post("/applications", content=text, headers={"Content-Type": "text/yaml"})
    body = answer.json()
    assert (answer.status_code, body["error"]) == (400, 400)
    assert body["message"]
    assert body["details"]
    assert (await node.get("/applications")).json() == []


async def test_an_id_of_the_clients_choice(node: Node) -> None:
    yaml = {"Content-Type": "application/yaml"}
    path = "/applications/chosenid1x"
    assert (await node.ask("PUT", path, content="services: []", headers=yaml)).status_code == 201
    again = await node.ask("PUT", path, content="services: []", headers=yaml)
    assert (again.status_code, again.json()["error"]) == (409, 409)
    json = await node.ask("PUT", path, content="{}", headers={"Content-Type": "application/json"})
    assert (json.status_code, json.content) == (415, b"")
    for bad in ("short", "UPPERCASE0", "with-a-dash", "a" * 64):
        assert (await node.ask("PUT", f"/applications/{bad}", content="", headers=yaml)).status_code == 400


async def test_summaries(node: Node) -> None:
    app = await node.deploy()
    summary = {
        "id": app,
        "spec": {"name": "shop", "type": APP, "locations": []},
        "status": "RUNNING",
        "links": {"self": f"/v1/applications/{app}", "entities": f"/v1/applications/{app}/entities"},
    }
    for key in (app, "shop", "SHOP"):
        assert (await node.get(f"/applications/{key}")).json() == summary
    assert (await node.get("/applications")).json() == [summary]
    till = node.child()
    [entity] = (await node.get(f"/applications/{app}/entities")).json()
    at = f"/v1/applications/{app}/entities/{till}"
    assert (entity["id"], entity["name"], entity["type"]) == (till, "till", BASIC)
    assert entity["links"].pop("parent") == f"/v1/applications/{app}/entities/{app}"
    assert entity["links"].pop("application") == f"/v1/applications/{app}"
    assert entity["links"].pop("rename") == f"{at}/name"
    assert entity["links"].pop("self") == at
    assert entity["links"] == {part: f"{at}/{part}" for part in entity["links"]}
    assert len(entity["links"]) == 11
    assert "parent" not in (await node.get(f"/applications/{app}/entities/{app}")).json()["links"]


@pytest.mark.parametrize(
    ("sensors", "status"),
    [
        ({"service.state": "RUNNING"}, "RUNNING"),
        ({"service.state": "on-fire"}, "ERROR"),
        ({"service.state": "ON_FIRE"}, "ERROR"),
        ({"service.state": "CREATED"}, "ACCEPTED"),
        ({"service.state": "stopped"}, "STOPPED"),
        ({"service.state": None, "service.isUp": True}, "RUNNING"),
        ({"service.state": None, "service.isUp": False}, "UNKNOWN"),
    ],
)
async def test_status(node: Node, sensors: dict[str, object], status: str) -> None:
    app = await node.deploy()
    await node.requests.set_sensors(app, sensors)  # type: ignore[arg-type]
    assert (await node.get(f"/applications/{app}")).json()["status"] == status


async def test_what_does_not_exist(node: Node) -> None:
    app = await node.deploy()
    other = await node.deploy("name: other\nservices: []")
    for path, status in (
        ("/applications/none", 404),
        ("/applications/none/entities/x/sensors", 404),
        (f"/applications/{node.child()}", 404),
        (f"/applications/{app}/entities/none", 404),
        (f"/applications/{app}/entities/TILL", 404),
        (f"/applications/{other}/entities/{node.child()}", 412),
        (f"/applications/{app}/entities/till/policies/none", 404),
        (f"/applications/{app}/entities/till/adjuncts/none", 404),
        ("/activities/none", 404),
    ):
        answer = await node.get(path)
        assert (answer.status_code, answer.json()["error"]) == (status, status), path
        assert answer.json()["message"]
    assert (await node.get("/applications/none")).json()["message"] == "Application 'none' not found"


async def test_deleting(node: Node) -> None:
    app = await node.deploy()
    answer = await node.ask("DELETE", f"/applications/{app}")
    body = answer.json()
    assert (answer.status_code, body["displayName"], body["tags"]) == (202, f"destroying BasicApplication{{{app}}}", [])
    assert "entityId" not in body
    assert set(body["links"]) == {"self", "children"}
    assert (await node.get(f"/applications/{app}")).status_code == 404
    assert (await node.ask("DELETE", f"/applications/{app}")).status_code == 404


async def test_descendants(node: Node) -> None:
    app = await node.deploy(TREE)
    head, kid = node.child("head"), node.child("Kid A")
    names = [each["name"] for each in (await node.get(f"/applications/{app}/descendants")).json()]
    assert names == ["deep", "head", "Kid A"]
    below = (await node.get(f"/applications/{app}/entities/{head}/descendants?typeRegex=Basic")).json()
    assert below == []
    values = (await node.get(f"/applications/{app}/descendants/sensor/entity.id")).json()
    assert values == {each: each for each in (app, head, kid)}
    assert (await node.get(f"/applications/{app}/entities/Kid%20A")).json()["id"] == kid
    children = (await node.get(f"/applications/{app}/entities/{head}/children")).json()
    assert [each["id"] for each in children] == [kid]


async def test_trees(node: Node) -> None:
    app = await node.deploy(TREE)
    await node.deploy("name: other\nservices: []")
    head, kid = node.child("head"), node.child("Kid A")
    tree, _ = (await node.get("/applications/fetch")).json()
    assert (tree["parentId"], tree["serviceUp"], tree["serviceState"]) == (None, True, "RUNNING")
    assert tree["children"][0]["children"][0]["name"] == "Kid A"
    assert "children" not in tree["children"][0]["children"][0]
    listed = (await node.get(f"/applications/fetch?items={kid},nosuch&sensors=service.isUp")).json()
    assert [each["name"] for each in listed] == ["deep", "other", "head", "Kid A"]
    assert listed[0]["sensors"] == {"service.isUp": True}
    assert "sensors" not in listed[0]["children"][0]

    one = f"/applications/details?includeAllApps=false&items={kid}"
    assert [each["name"] for each in (await node.get(one)).json()] == ["deep", "head", "Kid A"]
    bare = (await node.get(f"{one}&depth=0")).json()
    assert bare[0] == {
        "id": app,
        "name": "deep",
        "type": APP,
        "links": {"self": f"/v1/applications/{app}/entities/{app}"},
    }
    shown = (await node.get("/applications/details?depth=-1&config=sha*&sensors=[entity.*]")).json()
    assert shown[0]["config"] == {"shared": "app"}
    assert shown[0]["children"][0]["config"] == {"shared": "own"}
    assert shown[0]["children"][0]["sensors"] == {"entity.id": head}


async def test_children_are_added(node: Node) -> None:
    app = await node.deploy()
    path = f"/applications/{app}/entities/till/children"
    answer = await node.post(path, content=f"type: {BASIC}\nname: new\n", headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["displayName"]) == (201, "add children")
    assert answer.headers["location"].endswith(f"/v1/applications/{app}/entities/{node.child('new')}")
    cold = await node.post(f"{path}?start=false", content=f"type: {BASIC}", headers={"Content-Type": "text/yaml"})
    assert (cold.status_code, cold.content) == (201, b"")
    two = f"services: [{{type: {BASIC}}}, {{type: {BASIC}}}]"
    both = await node.post(path, content=two, headers={"Content-Type": "text/yaml"})
    assert "location" not in both.headers
    wrong = await node.post(path, content="type: no.such.Type", headers={"Content-Type": "text/yaml"})
    assert wrong.status_code == 400
    assert (await node.post(path, content="x", headers={"Content-Type": "a/b"})).status_code == 415


async def test_names(node: Node) -> None:
    app = await node.deploy()
    answer = await node.post(f"/applications/{app}/entities/till/name?name=gr%C3%B6%C3%9Fer+als")
    assert (answer.status_code, answer.content) == (200, b"")
    assert (await node.get(f"/applications/{app}/entities")).json()[0]["name"] == "größer als"
    assert (await node.post(f"/applications/{app}/entities/{app}/name")).status_code == 400


async def test_tags(node: Node) -> None:
    app = await node.deploy(TREE)
    at = f"/applications/{app}/entities/head"
    first = ["one", "two", {"depth_in_ancestor": 1}]
    assert (await node.get(f"{at}/tags")).json() == first
    assert (await node.post(f"{at}/tag/add", json={"size": "big"})).status_code == 204
    assert (await node.post(f"{at}/tag/add", json={"size": "big"})).status_code == 204
    assert (await node.post(f"{at}/tag/delete", json="one")).json() is True
    assert (await node.post(f"{at}/tag/delete", json="none")).json() is False
    assert (await node.post(f"{at}/tag/upsert/owner", json="anna")).status_code == 204
    assert (await node.post(f"{at}/tag/upsert/owner", json="berta")).status_code == 204
    assert (await node.get(f"{at}/tag/get/owner")).json() == "berta"
    assert (await node.get(f"{at}/tag/get/absent")).status_code == 204
    assert (await node.get(f"{at}/tags")).json() == [*first[1:], {"size": "big"}, {"owner": "berta"}]
    assert (await node.post(f"{at}/tag/add", content="{oops")).status_code == 400


async def test_blueprint_and_icon(node: Node) -> None:
    app = await node.deploy("name: a\niconUrl: https://example.org/i.png\nservices: []\n")
    at = f"/applications/{app}/entities/{app}"
    spec = await node.get(f"{at}/spec", headers={"Accept": "application/json, text/plain"})
    assert spec.text.startswith("name: a\n")
    assert spec.headers["content-type"].startswith("text/plain")
    assert (await node.get(f"{at}/speclist")).json()[0]["contents"] == spec.text
    child = await node.deploy()
    assert (await node.get(f"/applications/{child}/entities/till/spec")).status_code == 204
    assert (await node.get(f"/applications/{child}/entities/till/speclist")).status_code == 204
    assert (await node.get(f"/applications/{child}/entities/till/icon")).status_code == 204


async def test_expunging(node: Node) -> None:
    app, till = await node.deploy(), node.child()
    answer = await node.post(f"/applications/{app}/entities/{till}/expunge?release=false")
    assert (answer.status_code, answer.json()["tags"]) == (202, ["DESTRUCTION"])
    assert (await node.get(f"/applications/{app}/entities")).json() == []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": {"b": [1, "two", None]}, "secret": "x"}, "{a={b=[1, two, null]}, secret=x}"),
        (True, "true"),
        (3.5, "3.5"),
        ("hello", "hello"),
    ],
)
def test_values_as_text(value: object, text: str) -> None:
    assert java_text(value) == text


async def test_sensors(node: Node) -> None:
    app = await node.deploy()
    at = f"/applications/{app}/entities/till/sensors"
    assert [each["name"] for each in (await node.get(at)).json()] == ["application.id", "catalog.id", "entity.id"]
    state = {"application.id": app, "entity.id": node.child(), "catalog.id": None}
    assert (await node.get(f"{at}/current-state")).json() == state
    for value in ("hello", 3.5, True, {"a": [1, None]}):
        assert (await node.post(f"{at}/s", json=value)).status_code == 204
        assert (await node.get(f"{at}/s")).json() == value
    text = await node.get(f"{at}/s", headers={"Accept": "text/plain"})
    assert (text.text, text.headers["content-type"].split(";")[0]) == ("{a=[1, null]}", "text/plain")
    assert (await node.post(at, json={"t": "x", "n": 7, "l": [], "f": 1.5})).status_code == 204
    types = {each["name"]: each["type"] for each in (await node.get(at)).json()}
    assert (types["t"], types["n"], types["s"]) == ("java.lang.String", "java.lang.Integer", "java.util.Map")
    assert (types["l"], types["f"]) == ("java.util.List", "java.lang.Double")
    assert (await node.post(f"{at}/t", content="null", headers={"Content-Type": "application/json"})).status_code == 204
    assert (await node.get(f"{at}/t")).status_code == 204
    assert (await node.ask("DELETE", f"{at}/n")).status_code == 204
    assert (await node.get(f"{at}/n")).status_code == 204
    assert (await node.get(f"{at}/neverwas")).status_code == 204
    for body in ("{broken", ""):
        wrong = await node.post(f"{at}/t", content=body, headers={"Content-Type": "application/json"})
        assert (wrong.status_code, wrong.json()["error"]) == (400, 400)
    assert (await node.post(at, json=[1])).status_code == 400


async def test_a_service_state_in_both_forms(node: Node) -> None:
    app = await node.deploy()
    await node.requests.set_sensors(app, {"service.state": "ON_FIRE"})  # type: ignore[arg-type]
    at = f"/applications/{app}/entities/{app}/sensors/service.state"
    assert (await node.get(at)).json() == "ON_FIRE"
    assert (await node.get(at, headers={"Accept": "text/plain"})).text == "on-fire"


async def test_secret_sensors_and_config(node: Node) -> None:
    app = await node.deploy(TREE)
    at = f"/applications/{app}/entities/head"
    hidden = "<suppressed> (MD5 hash: 2AB96390)"
    assert (await node.get(f"{at}/config/db.password")).json() == "hunter2"
    assert (await node.get(f"{at}/config/db.password?suppressSecrets=true")).json() == hidden
    await node.post(f"{at}/sensors/api.credential", json="hunter2")
    assert (await node.get(f"{at}/sensors/api.credential?suppressSecrets")).json() == hidden
    state = (await node.get(f"{at}/sensors/current-state?suppressSecrets=true")).json()
    assert state["api.credential"] == hidden


async def test_config(node: Node) -> None:
    app = await node.deploy(TREE)
    at = f"/applications/{app}/entities/head/config"
    keys = {each["name"]: each for each in (await node.get(at)).json()}
    assert keys["iconUrl"]["constraints"] == []
    assert keys["iconUrl"]["links"]["action:json"] == keys["iconUrl"]["links"]["self"]
    state = (await node.get(f"{at}/current-state")).json()
    assert (state["from.app"], state["shared"], state["nothing"]) == ("top", "own", None)
    assert (await node.get(f"{at}/free")).json() == {"x": [1, True, None]}
    assert (await node.get(f"{at}/free", headers={"Accept": "text/plain"})).text == "{x=[1, true, null]}"
    assert (await node.get(f"{at}/nothing")).status_code == 204
    assert (await node.get(f"{at}/nosuch")).status_code == 204
    assert (await node.post(f"{at}/new", json={"deep": [1]})).status_code == 204
    kid = f"/applications/{app}/entities/Kid%20A/config"
    assert (await node.get(f"{kid}/new")).json() == {"deep": [1]}
    assert (await node.post(f"{at}?recurse=true", json={"new": 2})).status_code == 204
    await node.post(f"{at}/new", json=3)
    assert (await node.get(f"{kid}/new")).json() == 2
    bare = await node.post(f"{at}/new", content="word", headers={"Content-Type": "application/json"})
    assert bare.status_code == 400
    assert "double quotes" in bare.json()["message"]


async def test_config_that_is_not_inherited(node: Node) -> None:
    app = await node.deploy("name: a\niconUrl: https://example.org/i.png\nservices: [{type: BasicEntity, name: e}]\n")
    await node.requests.set_config([app], {"iconUrl": "https://example.org/j.png"})  # type: ignore[list-item]
    icon = await node.get(f"/applications/{app}/entities/{app}/icon")
    assert (icon.status_code, icon.headers["location"]) == (307, "https://example.org/j.png")
    assert (await node.get(f"/applications/{app}/entities/{app}/config/iconUrl")).json() == "https://example.org/j.png"
    assert (await node.get(f"/applications/{app}/entities/e/config/iconUrl")).status_code == 204


async def test_policies_are_none(node: Node) -> None:
    app = await node.deploy()
    at = f"/applications/{app}/entities/till"
    assert (await node.get(f"{at}/policies")).json() == []
    assert (await node.get(f"{at}/adjuncts")).json() == []
    assert (await node.get(f"{at}/policies/current-state")).json() == {}
    assert (await node.get(f"{at}/relations")).json() == []
    assert (await node.get(f"{at}/locations")).json() == []
