"""Types are found by each of their names, and what is unknown is near to something."""

from __future__ import annotations

from amp.model.registry import ConfigKey, Effector, EntityType, LocationType, Registry, Sensor, nearest

KIND = EntityType(
    "org.example.Thing",
    "a thing",
    config=(ConfigKey("some.key", flag="someKey"),),
    sensors=(Sensor("s"),),
    effectors=(Effector("poke"),),
    aliases=("thing-alias",),
)
REGISTRY = Registry((KIND,), (LocationType("here", "org.example.Here", "here"),))


def test_every_name_finds_the_type() -> None:
    assert [REGISTRY.find(name) for name in ("org.example.Thing", "Thing", "thing-alias", "Thin")] == [KIND] * 3 + [
        None
    ]
    assert REGISTRY.location("here") is not None
    assert REGISTRY.location("there") is None


def test_declarations_are_found_by_name() -> None:
    assert KIND.key("some.key") is KIND.key("someKey") is KIND.config[0]
    assert (KIND.key("other"), KIND.sensor("other"), KIND.effector("other")) == (None, None, None)
    assert (KIND.sensor("s"), KIND.effector("poke")) == (KIND.sensors[0], KIND.effectors[0])


def test_what_is_near_comes_first_and_something_always_comes() -> None:
    assert REGISTRY.near("org.other.Thng") == ["Thing"]
    assert REGISTRY.near("zzz") == ["Thing"]
    assert nearest("lanch.command", ["stop.command", "launch.command"])[0] == "launch.command"
