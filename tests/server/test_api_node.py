"""/v1/server, /v1/access, /v1/locations, /v1/script and the description of the API."""

from __future__ import annotations

import pytest
from http_node import Node, settings_with

from amp import __version__
from amp.kit.errors import Invalid
from amp.server.routing import Route
from amp.server.shapes.locations import named_locations

NAMED = {
    "brooklyn.location.named.quay": "localhost",
    "brooklyn.location.named.quay.displayName": "Quay",
    "brooklyn.location.named.quay.credential": "s3cret",
    "brooklyn.location.named.a.b": "localhost",
}


async def test_version(node: Node) -> None:
    body = (await node.get("/server/version", headers={"Accept": "*/*"})).json()
    assert body == {"version": __version__, "buildSha1": None, "buildBranch": "UNKNOWN_BRANCH", "features": []}


@pytest.mark.parametrize(
    ("state", "fields", "up", "healthy"),
    [
        ("MASTER", {}, True, True),
        ("MASTER", {"loaded": False}, False, False),
        ("MASTER", {"fenced": True}, True, False),
        ("STANDBY", {"loaded": False}, True, True),
        ("HOT_STANDBY", {}, True, True),
        ("HOT_BACKUP", {}, True, True),
        ("INITIALIZING", {}, False, False),
        ("FAILED", {"problem": "the store is gone"}, False, False),
        ("MASTER", {"shutting_down": True}, False, False),
    ],
)
async def test_up_and_healthy(node: Node, state: str, fields: dict[str, object], up: bool, healthy: bool) -> None:
    node.become(state, **fields)
    assert (await node.get("/server/up")).json() is up
    assert (await node.get("/server/healthy")).json() is healthy
    extended = (await node.get("/server/up/extended")).json()
    assert (extended["up"], extended["healthy"], extended["osgiUp"]) == (up, healthy, False)
    assert extended["shuttingDown"] is bool(fields.get("shutting_down"))
    assert extended["ha"]["ownId"] == "aaaaaaaaaa"
    assert "credential" in extended["brooklyn.security.sensitive.fields"]["tokens"]


async def test_plane_id_is_not_quoted(node: Node) -> None:
    assert (await node.get("/server/planeid")).text == "plane00001"
    node.become("INITIALIZING", plane=None)
    assert (await node.get("/server/planeid")).text == ""


async def test_user() -> None:
    assert (await Node().get("/server/user")).json() == "admin"
    assert (await Node(settings_with(anyone=True)).get("/server/user", user=None)).status_code == 204


async def test_config() -> None:
    node = Node(settings_with({"a.b": "c", "x.password": "s"}))
    assert (await node.get("/server/config/a.b")).json() == "c"
    assert (await node.get("/server/config/x.password?suppressSecrets=true")).json() == "s"
    assert (await node.get("/server/config/none")).status_code == 204


async def test_ha_state_and_mode(node: Node) -> None:
    assert (await node.get("/server/ha/state")).json() == "MASTER"
    answer = await node.post("/server/ha/state", data={"mode": "hot_standby"})
    assert (answer.json(), node.control.asked) == ("MASTER", [("mode", "HOT_STANDBY")])
    assert (await node.get("/server/ha/state")).json() == "HOT_STANDBY"


@pytest.mark.parametrize("form", [{}, {"mode": "SOVEREIGN"}])
async def test_modes_that_make_no_sense(node: Node, form: dict[str, str]) -> None:
    answer = await node.post("/server/ha/state", data=form)
    assert answer.status_code == 400
    assert "AUTO" in answer.json()["message"]
    assert node.control.asked == []


async def test_ha_states(node: Node) -> None:
    body = (await node.get("/server/ha/states")).json()
    assert body == {
        "planeId": "plane00001",
        "ownId": "aaaaaaaaaa",
        "masterId": "aaaaaaaaaa",
        "nodes": {
            "aaaaaaaaaa": {
                "nodeId": "aaaaaaaaaa",
                "nodeUri": "http://127.0.0.1:8081/",
                "status": "MASTER",
                "localTimestamp": 1_700_000_000_000,
                "remoteTimestamp": 1_700_000_000_000,
                "priority": 0,
            }
        },
        "links": {},
    }
    node.become("STANDBY", master=None, plane=None)
    body = (await node.get("/server/ha/states")).json()
    assert (body["masterId"], body["planeId"]) == (None, None)


async def test_clearing_nodes(node: Node) -> None:
    for answer in (
        await node.post("/server/ha/states/clear"),
        await node.post("/server/ha/states/clear/node", data={"nodeId": "bbbbbbbbbb"}),
    ):
        assert (answer.status_code, answer.content) == (200, b"")
    assert node.control.asked == [("clear", None), ("clear", "bbbbbbbbbb")]
    assert (await node.post("/server/ha/states/clear/node", data={})).status_code == 400


async def test_priority(node: Node) -> None:
    assert (await node.post("/server/ha/priority", data={"priority": "7"})).json() == 0
    assert (await node.get("/server/ha/priority")).json() == 7
    assert (await node.post("/server/ha/priority", data={})).json() == 7
    for text in ("high", "1.5", str(2**63)):
        assert (await node.post("/server/ha/priority", data={"priority": text})).status_code == 400
    assert (await node.get("/server/ha/priority")).json() == 0


async def test_metrics(node: Node) -> None:
    body = (await node.get("/server/ha/metrics")).json()
    assert body["state"] == "MASTER"
    assert body["highAvailability"]["pollPeriod"] == 1000
    assert body["highAvailability"]["heartbeatTimeout"] == 30000
    assert body["highAvailability"]["history"][0] == {"state": "MASTER", "timestamp": 1_699_999_001_000}
    assert body["persist"]["count"] == body["managementStatePersistence"]["write"]["count"] == 5
    assert body["managementStatePersistence"]["read"]["lastDuration"] == "1ms"
    assert body["persist"]["lastFailureTimeUtc"] is None


async def test_the_plane_in_our_own_words(node: Node) -> None:
    body = (await node.get("/ha/plane")).json()
    assert body["verdict"].startswith("1 master")
    assert body["nodes"][0]["is_self"] is True
    assert body["history"][0] == ["MASTER", 1_699_999_001_000]


@pytest.mark.parametrize(
    ("form", "delay"),
    [({}, 5.0), ({"delayForHttpReturn": "1s"}, 1.0), ({"delayMillis": "250"}, 0.25), ({"delayForHttpReturn": ""}, 5.0)],
)
async def test_shutdown(node: Node, form: dict[str, str], delay: float) -> None:
    node.become("STANDBY")
    assert (await node.post("/server/shutdown", data=form)).status_code == 204
    assert node.control.asked == [("shut_down", delay)]


async def test_shutdown_that_stops_applications_first(node: Node) -> None:
    app = await node.deploy()
    assert (await node.post("/server/shutdown", data={"stopAppsFirst": "true"})).status_code == 204
    assert [task.name for task in node.views.model.tasks.values() if task.entity == app] == ["start", "stop"]
    assert node.control.asked == [("shut_down", 5.0)]


async def test_shutdown_whose_stop_fails(node: Node) -> None:
    await node.deploy()
    node.requests.failures["stop"] = "it hangs"
    answer = await node.post("/server/shutdown", data={"stopAppsFirst": "true"})
    assert (answer.status_code, node.control.asked) == (400, [])
    assert "it hangs" in answer.json()["message"]
    forced = await node.post("/server/shutdown", data={"stopAppsFirst": "true", "forceShutdownOnError": "true"})
    assert (forced.status_code, node.control.asked) == (400, [("shut_down", 5.0)])


async def test_shutdown_with_a_stop_that_takes_too_long(node: Node) -> None:
    await node.deploy()
    node.requests.held.add("stop")
    answer = await node.post("/server/shutdown", data={"stopAppsFirst": "true", "shutdownTimeout": "10ms"})
    assert (answer.status_code, node.control.asked) == (400, [])


async def test_shutdown_that_is_refused(node: Node) -> None:
    assert (await node.post("/server/shutdown", data={"delayForHttpReturn": "-1"})).status_code == 400
    assert (await node.post("/server/shutdown", data={"delayForHttpReturn": "soon"})).status_code == 400
    node.become("STANDBY")
    answer = await node.post("/server/shutdown", data={"stopAppsFirst": "true"})
    assert answer.json()["message"] == "Not allowed to stop all apps when server is not master"
    assert node.control.asked == []


async def test_files_that_cannot_be_read_again_change_nothing(node: Node) -> None:
    node.reload_error = Invalid("brooklyn.cfg line 3: empty key")
    answer = await node.post("/server/properties/reload")
    assert (answer.status_code, answer.json()["message"]) == (400, "brooklyn.cfg line 3: empty key")
    assert (await node.get("/server/up")).status_code == 200


async def test_access(node: Node) -> None:
    links = {"self": "/v1/access"}
    assert (await node.get("/access")).json() == {"locationProvisioningAllowed": True, "links": links}
    answer = await node.post("/access/locationProvisioningAllowed?allowed=false")
    assert (answer.status_code, answer.content) == (200, b"")
    assert (await node.get("/access")).json() == {"locationProvisioningAllowed": False, "links": links}
    assert (await node.post("/access/locationProvisioningAllowed")).status_code == 400
    assert (await node.post("/access/locationProvisioningAllowed?allowed=maybe")).status_code == 400


async def test_named_locations() -> None:
    node = Node(settings_with(NAMED))
    dotted, quay = (await node.get("/locations")).json()
    assert (dotted["name"], quay["name"], quay["spec"]) == ("a.b", "quay", "localhost")
    assert quay["config"] == {"displayName": "Quay"}
    for key in (quay["id"], "quay"):
        assert (await node.get(f"/locations/{key}")).json() == quay
    missing = await node.get("/locations/nosuch")
    assert (missing.status_code, missing.json()["message"]) == (404, "No location matching nosuch")
    assert [each.id for each in named_locations(NAMED)] == [dotted["id"], quay["id"]]


async def test_scripts_are_refused(node: Node) -> None:
    answer = await node.post("/script/groovy", content="1+1", headers={"Content-Type": "application/text"})
    assert (answer.status_code, answer.json()["error"]) == (403, 403)


async def test_the_description_has_every_route(node: Node) -> None:
    body = (await node.get("/apidoc/swagger.json")).json()
    assert (body["swagger"], body["basePath"]) == ("2.0", "/v1")
    operations = [each for path in body["paths"].values() for each in path.values()]
    assert len({each["operationId"] for each in operations}) == len(operations)
    assert all(each["summary"] for each in operations)
    effector = body["paths"]["/applications/{app}/entities/{entity}/effectors/{effector}"]["post"]
    assert [each["name"] for each in effector["parameters"]] == ["app", "entity", "effector", "body"]


def test_names_of_parameters() -> None:
    assert Route("GET", "/a/{b}/c/{d}", None, "").names == ("b", "d")  # type: ignore[arg-type]
