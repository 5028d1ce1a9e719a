"""What blueprints mean, and how those that mean nothing are refused."""

from __future__ import annotations

from typing import Any

import pytest

from amp.blueprint.parse import parse_application, parse_services
from amp.entities.types import standard_registry
from amp.kit.errors import Invalid

REGISTRY = standard_registry()
VANILLA = "VanillaSoftwareProcess"


def refused(text: str) -> Invalid:
    with pytest.raises(Invalid) as caught:
        parse_application(text, REGISTRY)
    return caught.value


@pytest.mark.parametrize(
    ("text", "line", "column", "said"),
    [
        ("name: lonely", 1, 1, "no `services`"),
        ("hello", 1, 1, "A blueprint is a map"),
        ("- a", 1, 1, "not a list"),
        ("services: {type: x}", 1, 11, "Services block should be a list"),
        ("services: [hello]", 1, 12, "An entity is a map with `type`, not 'hello'"),
        ("services: [{name: x}]", 1, 12, "needs a `type`"),
        ("services:\n- type: no.such.Type", 2, 9, "Unknown type 'no.such.Type'"),
        ("services:\n- type: VanilaSoftwareProces", 2, 9, "VanillaSoftwareProcess"),
        ("services:\n- type: 'BasicEntity:99.9'", 2, 9, "Unknown type 'BasicEntity:99.9'"),
        ("services:\n- type: BasicEntity\n  serviceType: BasicEntity", 3, 3, "both give the type"),
        ("location: atlantis\nservices: []", 1, 11, "Unknown location 'atlantis' (this version knows: localhost)"),
        ("location: localhost\nlocations: [localhost]\nservices: []", 2, 1, "both given"),
        ("location: {localhost: {onbox.base.dri: /x}}\nservices: []", 1, 24, "known: onbox.base.dir"),
        ("locations: localhost\nservices: []", 1, 12, "must be a list"),
        ("services: [{type: BasicEntity, brooklyn.config: [a]}]", 1, 49, "must be a map"),
        ("services: [{type: BasicEntity, brooklyn.children: {a: b}}]", 1, 51, "must be a list"),
        ("services: [{type: BasicEntity, brooklyn.tags: x}]", 1, 47, "must be a list"),
        ("services:\n- type: BasicEntity\n  brooklyn.policies: []", 3, 3, "'brooklyn.policies' is not supported"),
        ("brooklyn.initializers: []\nservices: []", 1, 1, "not supported by this version"),
        (f"services:\n- type: {VANILLA}\n  lanch.command: x", 3, 3, "near to it: launch.command"),
        ("nmae: x\nservices: []", 1, 1, "near to it: name"),
        (f"services:\n- type: {VANILLA}\n  brooklyn.config:\n    download.url: x", 4, 5, "'download.url' is not supp"),
        (f"services:\n- type: {VANILLA}\n  start.timeout: soon", 3, 18, "not a duration: 'soon'"),
        (f"services:\n- type: {VANILLA}\n  env: [a]", 3, 8, "as a map"),
        (f"services:\n- type: {VANILLA}\n  launch.command: [a]", 3, 19, "as a text"),
        (f"services:\n- type: {VANILLA}\n  brooklyn.flags: {{evn: {{}}}}", 3, 20, "Unknown flag 'evn'"),
        ("services:\n- type: BasicEntity\n  brooklyn.config:\n    x: $brooklyn:config(\"a\")", 4, 8, "`$brooklyn:`"),
        ("services:\n- type: BasicEntity\n  brooklyn.config:\n    x: {y: {$brooklyn:md5: [a]}}", 4, 13, "language"),
        ("services:\n- type: BasicEntity\n  name: [a]", 3, 9, "must be a text"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(text: str, line: int, column: int, said: str) -> None:
    error = refused(text)
    assert said in error.message
    assert error.data == {"line": line, "column": column}
    assert f"line {line}, column {column}" in error.message


def test_an_empty_text_is_refused() -> None:
    assert "is empty" in refused("").message


def test_a_service_goes_below_an_application_that_wraps_it() -> None:
    spec = parse_application(
        "name: app\nid: top\nlocation: localhost\nbrooklyn.tags: [a, {b: 1}]\nservices:\n"
        f"- type: {VANILLA}\n  id: web\n  iconUrl: http://x/y.png\n  env: {{A: 1}}\n  brooklyn.config: {{free: [1]}}\n"
        "  brooklyn.children: [{type: basic-entity, name: kid}]\n",
        REGISTRY,
    )
    assert (spec.type.short, spec.name, spec.tags) == ("BasicApplication", "app", ("a", {"b": 1}))
    assert spec.config == {"camp.plan.id": "top", "brooklyn.wrapper_app": True}
    assert [(each.name, each.type.spec) for each in spec.locations or ()] == [("localhost", "localhost")]
    (web,) = spec.children
    assert web.config == {
        "shell.env": {"A": 1},
        "free": [1],
        "camp.plan.id": "web",
        "iconUrl": "http://x/y.png",
    }
    assert [kid.name for kid in web.children] == ["kid"]
    assert web.locations is None


@pytest.mark.parametrize(
    ("text", "wrapped"),
    [
        ("services: [{type: BasicApplication}]", False),
        ("name: n\nservices: [{type: BasicApplication, name: m}]", True),
        ("wrappedApp: true\nservices: [{type: BasicApplication}]", True),
        ("brooklyn.tags: [t]\nservices: [{type: BasicApplication}]", True),
        ("services: [{type: BasicApplication}, {type: BasicApplication}]", True),
        ("services: [{type: BasicEntity}]", True),
        ("type: BasicApplication", False),
        ("type: BasicEntity", True),
    ],
)
def test_an_application_alone_needs_no_wrapper(text: str, wrapped: bool) -> None:
    spec = parse_application(text, REGISTRY)
    assert spec.type.short == "BasicApplication"
    assert ("brooklyn.wrapper_app" in spec.config) is wrapped
    assert bool(spec.children) is wrapped


def test_what_the_wrapper_says_wins_over_the_application_in_it() -> None:
    spec = parse_application(
        "location: localhost\nbrooklyn.config: {a: 1}\n"
        "services: [{type: BasicApplication, name: inner, brooklyn.config: {a: 2, b: 3}}]",
        REGISTRY,
    )
    assert (spec.name, spec.config) == ("inner", {"a": 1, "b": 3})
    assert spec.locations is not None


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("launch.command: true", {"launch.command": "true"}),
        ("launch.command: yes", {"launch.command": "true"}),
        ("install.version: 1.10", {"install.version": "1.10"}),
        ("skip.install: 'yes'", {"skip.install": True}),
        ("startTimeout: 90s", {"start.timeout": "90s"}),
        ("start.timeout: 500", {"start.timeout": "500ms"}),
        ("version: 2\n  brooklyn.config: {install.version: 3}", {"install.version": "3"}),
    ],
)
def test_declared_keys_are_coerced(given: str, stored: dict[str, Any]) -> None:
    (service,) = parse_services(f"services:\n- type: {VANILLA}\n  {given}", REGISTRY)
    assert service.config == stored


@pytest.mark.parametrize("name", ["org.apache.brooklyn.entity.stock.BasicEntity", "BasicEntity", "basic-entity"])
def test_types_have_several_names(name: str) -> None:
    (service,) = parse_services(f"type: {name}", REGISTRY)
    assert service.type.name == "org.apache.brooklyn.entity.stock.BasicEntity"


def test_entities_to_be_added_come_without_a_root_of_their_own() -> None:
    with pytest.raises(Invalid, match=r"'location' has no meaning .* at line 1, column 1"):
        parse_services("location: localhost\nservices: [{type: BasicEntity}]", REGISTRY)


def test_a_wrapped_app_that_is_no_boolean_is_refused_where_it_stands() -> None:
    with pytest.raises(Invalid, match="Invalid value for 'wrappedApp'") as refusal:
        parse_application('{"wrappedApp": [], "services": []}', REGISTRY)
    assert refusal.value.data is not None
    assert refusal.value.data["line"] == 1
