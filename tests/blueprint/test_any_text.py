"""Whatever the text, a blueprint is read or refused with a reason; nothing else comes out."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from amp.blueprint.parse import parse_application, parse_services
from amp.blueprint.plan import plan_application
from amp.blueprint.yaml import plain, read
from amp.entities.types import standard_registry
from amp.kit.errors import Invalid
from amp.model.model import built

REGISTRY = standard_registry()

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["BasicEntity", "VanillaSoftwareProcess", "localhost", "5s", "$brooklyn:x", "true"])
)
KEYS = st.sampled_from(
    ["type", "name", "id", "services", "location", "locations", "brooklyn.config", "brooklyn.children", "brooklyn.tags",
     "brooklyn.flags", "wrappedApp", "iconUrl", "shell.env", "start.timeout", "launch.command", "localhost", "x"]
)  # fmt: skip
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)
FRAGMENTS = st.lists(
    st.sampled_from(
        ["services:", "- ", "type: ", "BasicEntity", "\n", "  ",
         "\t", "{", "}", "[", "]", ": ", "&a ", "*a", "<<: ", "!!",
         "|", ">", "'", '"', "#", "---", "? ", "0x", "1e3", ":30", "%", "@", "\x00", "\ud800", "é", "name"]
    ),
    max_size=30,
).map("".join)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60) | FRAGMENTS)
def test_any_text_is_yaml_or_refused(text: str) -> None:
    refusal: Invalid | None = None
    try:
        found = read(text)
    except Invalid as error:
        refusal, found = error, None
    if refusal is not None:
        assert "Invalid YAML" in refusal.message
        assert {"line", "column"} <= refusal.data.keys()
    elif found is not None:
        msgspec.json.encode(plain(found))  # it is JSON data


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(KEYS, VALUES, max_size=5))
def test_any_structure_is_a_blueprint_or_refused(value: dict[str, Any]) -> None:
    text = msgspec.json.encode(value).decode()
    for parse in (parse_services, parse_application):
        refusal: Invalid | None = None
        spec: Any = None
        try:
            spec = parse(text, REGISTRY)
        except Invalid as error:
            refusal = error
        if refusal is not None:
            assert {"line", "column"} <= refusal.data.keys()
        elif parse is parse_application:
            _, changes = plan_application(spec, iter(map(str, range(10_000))).__next__, now_ms=1, blueprint=text)
            built(changes)
            msgspec.json.encode(changes)
