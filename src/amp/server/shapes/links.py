"""Paths of resources, as links inside answers: absolute paths, each segment percent-encoded."""

from __future__ import annotations

from urllib.parse import quote

from amp.model.entity import Entity


def segment(text: str) -> str:
    """Encode one segment of a path."""
    return quote(text, safe=":@!$&'()*+,;=~-._")


def application(app_id: str) -> str:
    """The path of an application."""
    return f"/v1/applications/{segment(app_id)}"


def entity(value: Entity) -> str:
    """The path of an entity."""
    return f"{application(value.application)}/entities/{segment(value.id)}"


def task(task_id: str) -> str:
    """The path of a task."""
    return f"/v1/activities/{segment(task_id)}"


def location(location_id: str) -> str:
    """The path of a location."""
    return f"/v1/locations/{segment(location_id)}"
