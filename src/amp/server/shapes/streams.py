"""What a task's commands wrote and were given, as streams by name: `stdout`, `stderr`, `env`. Secrets are masked before
they come here. Of several tries of one command all output is shown, in order.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from amp.model.entity import Step, Task
from amp.server.shapes import links

_OUTPUTS = ("stdout", "stderr")
_NOT_TRIES = ("pure",)


#: All of a stream by step and name, where what the journal has is only the last of it.
Whole = Mapping[tuple[str, str], str]


def streams(task: Task, live: Mapping[str, str], whole: Whole = MappingProxyType({})) -> dict[str, str]:
    """Answer the streams of a task. `live`: what its command has written until now, where it runs on this node."""
    tries = [step for step in task.steps if step.kind not in _NOT_TRIES and step.status != "void"]
    if not tries:
        return {}
    env = "".join(f"{name}={value}\n" for name, value in tries[-1].env.items())
    return {name: "".join(_said(step, name, live, whole) for step in tries) for name in _OUTPUTS} | {"env": env}


def links_to(task: Task, found: Mapping[str, str]) -> dict[str, Any]:
    """Answer streams as a TaskSummary lists them; sizes in bytes."""
    return {name: _link(task, name, len(text.encode())) for name, text in found.items()}


def _link(task: Task, name: str, size: int) -> dict[str, Any]:
    text = f"{size} B" if size < 1000 else f"{size / 1000:.3g} kB"
    return {"link": f"{links.task(task.id)}/stream/{name}", "metadata": {"name": name, "size": size, "sizeText": text}}


def _said(step: Step, name: str, live: Mapping[str, str], whole: Whole) -> str:
    if step.status == "running":
        return live.get(name, "")
    text = whole.get((step.id, name), step.stdout if name == "stdout" else step.stderr)
    if step.status != "interrupted":
        return text
    return f"{text}{'' if not text or text.endswith(chr(10)) else chr(10)}[interrupted here: its end is not known]\n"
