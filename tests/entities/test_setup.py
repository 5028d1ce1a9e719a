"""Where a process lives, and what its commands are given."""

from __future__ import annotations

from typing import Any

import pytest

from amp.entities import config
from amp.entities.setup import setup
from amp.entities.types import VANILLA
from amp.kit.errors import Invalid
from amp.kit.ids import EntityId
from amp.model.changes import EntityAdded, SensorSet
from amp.model.model import Model, built

APP, V = EntityId("app"), EntityId("v")


def model(own: dict[str, Any], above: dict[str, Any] | None = None) -> Model:
    return built(
        [EntityAdded(APP, "t", "app", APP, config=above or {}), EntityAdded(V, VANILLA.name, "v", APP, APP, config=own)]
    )


def of(known: Model) -> Any:
    return setup(known, known.entities[V], VANILLA, "/base/")


def test_the_layout_is_brooklyns() -> None:
    at = of(model({}))
    assert at.run_dir == "/base/apps/app/entities/VanillaSoftwareProcess_v"
    assert at.pid_file == f"{at.run_dir}/pid.txt"
    assert at.install_dir.startswith("/base/installs/VanillaSoftwareProcess_0.0.0_")
    assert at.env == {"INSTALL_DIR": at.install_dir, "RUN_DIR": at.run_dir, "PID_FILE": at.pid_file}


def test_the_same_installation_has_the_same_directory() -> None:
    one = of(model({"install.command": "a", "launch.command": "x"})).install_dir
    assert of(model({"install.command": "a", "launch.command": "y"})).install_dir == one
    assert of(model({"install.command": "b"})).install_dir != one
    assert of(model({"install.command": "a", "shell.env": {"A": 1}})).install_dir != one
    assert of(model({"install.command": "a", "install.version": "2"})).install_dir != one


@pytest.mark.parametrize(
    ("label", "directory"), [("mine-1.0", "mine-1.0"), ("a/../../b", "a_.._.._b"), ("..", "_"), ("ä b", "__b")]
)
def test_a_label_stays_inside_its_directory(label: str, directory: str) -> None:
    assert of(model({"install.unique_label": label})).install_dir == f"/base/installs/{directory}"


def test_directories_can_be_given_and_stay_once_published() -> None:
    known = model({"install.dir": "/opt/x", "run.dir": "/srv/x", "onbox.base.dir": "/other"})
    assert (of(known).install_dir, of(known).run_dir) == ("/opt/x", "/srv/x")
    known.apply(SensorSet(V, "run.dir", "/where/it/runs"))
    assert of(known).pid_file == "/where/it/runs/pid.txt"


@pytest.mark.parametrize("key", ["install.dir", "run.dir", "onbox.base.dir"])
@pytest.mark.parametrize("path", ["relative", "~/apps", "./x", "/nul\0"])
def test_paths_are_absolute(key: str, path: str) -> None:
    with pytest.raises(Invalid, match=f"{key} must be an absolute path"):
        of(model({key: path}))


def test_the_environment_is_inherited_variable_by_variable() -> None:
    own = {"A": "own", "M": {"x": [1, None]}, "B": True, "GONE": None}
    env = of(model({"env": own}, {"shell.env": {"A": "app", "C": 1.5, "GONE": "x"}})).env
    assert {name: env.get(name) for name in ("A", "B", "C", "M", "GONE")} == {
        "A": "own",
        "B": "true",
        "C": "1.5",
        "M": '{"x":[1,null]}',
        "GONE": None,
    }


def test_secrets_do_not_show() -> None:
    assert "hunter2" not in repr(of(model({"shell.env": {"PASSWORD": "hunter2"}})))


def test_values_come_from_the_nearest_who_has_one() -> None:
    known = model({"start.timeout": "1s"}, {"startTimeout": "2s", "stop.command": "top", "pre.launch.command": "top"})
    v = known.entities[V]
    assert config.seconds(known, v, VANILLA, "start.timeout") == 1.0
    assert config.text(known, v, VANILLA, "stop.command") == "top"
    assert config.text(known, v, VANILLA, "pre.launch.command") is None
    assert config.text(known, v, VANILLA, "install.version") == "0.0.0"
    assert config.value(known, v, VANILLA, "no.such.key") is None


def test_an_inherited_value_that_does_not_fit_is_told_or_passed_over() -> None:
    known = model({}, {"sshMonitoring.enabled": "perhaps"})
    with pytest.raises(Invalid, match=r"'sshMonitoring.enabled' of app"):
        config.value(known, known.entities[V], VANILLA, "sshMonitoring.enabled")
    assert config.usable(known, known.entities[V], VANILLA, "sshMonitoring.enabled") is True
