"""Decides where a process lives on its machine and what its commands are given. Pure.

The layout is Brooklyn's: installations are shared by label, every entity has a run directory of its own.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field

import msgspec

from amp.blueprint.coercion import as_text
from amp.entities import config
from amp.kit.errors import Invalid
from amp.model.entity import Entity
from amp.model.model import Model
from amp.model.registry import EntityType


@dataclass(frozen=True, slots=True)
class Setup:
    """Absolute paths on the machine, and the environment of every command (it may hold secrets: never shown)."""

    install_dir: str
    run_dir: str
    pid_file: str
    env: dict[str, str] = field(repr=False)


def setup(model: Model, entity: Entity, kind: EntityType, base: str) -> Setup:
    """Answer the set-up of an entity below the base directory of its machine. Raises: Invalid."""
    base = _absolute("onbox.base.dir", config.text(model, entity, kind, "onbox.base.dir") or base)
    env = environment(model, entity, kind)
    label = config.text(model, entity, kind, "install.unique_label") or _label(model, entity, kind, env)
    # Once published, the directories stay: a change of config must not lose a process that runs.
    published = entity.sensors
    install = published.get("install.dir") or config.text(model, entity, kind, "install.dir")
    run = published.get("run.dir") or config.text(model, entity, kind, "run.dir")
    install = install or f"{base}/installs/{_safe(label)}"
    run = run or f"{base}/apps/{entity.application}/entities/{kind.short}_{entity.id}"
    _absolute("install.dir", install)
    _absolute("run.dir", run)
    pid_file = f"{run}/pid.txt"
    return Setup(install, run, pid_file, {**env, "INSTALL_DIR": install, "RUN_DIR": run, "PID_FILE": pid_file})


def environment(model: Model, entity: Entity, kind: EntityType) -> dict[str, str]:
    """Answer `shell.env` as commands get it: without nulls, maps and lists as JSON."""
    given = config.merged(model, entity, kind, "shell.env")
    return {name: as_text(value) for name, value in given.items() if value is not None}


def _absolute(key: str, path: str) -> str:
    if not path.startswith("/") or "\0" in path:
        raise Invalid(f"{key} must be an absolute path on the machine, such as /var/lib/apps, but is {path!r}")
    return path.rstrip("/") or "/"


def _label(model: Model, entity: Entity, kind: EntityType, env: dict[str, str]) -> str:
    version = config.text(model, entity, kind, "install.version") or "0.0.0"
    command = config.text(model, entity, kind, "install.command") or ""
    salt = hashlib.sha256(msgspec.json.encode([command, sorted(env.items())])).hexdigest()[:8]
    return f"{kind.short}_{version}_{salt}"


def _safe(label: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "_", label).lstrip(".") or "_"
