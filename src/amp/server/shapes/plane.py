"""The plane as answers: the summary that Brooklyn's clients read, and the figures of `ha/metrics`. Pure."""

from __future__ import annotations

from typing import Any

from amp.kit.durations import format_duration
from amp.plane.views import HaStatus, StoreMetrics
from amp.server.sensitive import TOKENS

_UP = frozenset({"MASTER", "STANDBY", "HOT_STANDBY", "HOT_BACKUP"})


def is_up(status: HaStatus) -> bool:
    """Answer whether this node serves: false while it starts, once it failed, while a new leader still loads."""
    return status.state in _UP and not status.shutting_down and (status.state != "MASTER" or status.loaded)


def is_healthy(status: HaStatus) -> bool:
    """Answer whether this node is up and nothing is wrong with it."""
    return is_up(status) and not status.fenced and status.problem is None


def ha_summary(status: HaStatus) -> dict[str, Any]:
    """A HighAvailabilitySummary."""
    nodes = {
        node.id: {
            "nodeId": node.id,
            "nodeUri": node.uri,
            "status": node.state,
            "localTimestamp": node.seen_ms,
            "remoteTimestamp": node.seen_ms,
            "priority": node.priority,
        }
        for node in status.nodes
    }
    return {
        "planeId": status.plane,
        "ownId": status.node,
        "masterId": status.master,
        "nodes": nodes,
        "links": {},
    }


def up_extended(status: HaStatus) -> dict[str, Any]:
    """The map of `up/extended`."""
    return {
        "up": is_up(status),
        "shuttingDown": status.shutting_down,
        "healthy": is_healthy(status),
        "ha": ha_summary(status),
        "osgiUp": False,
        "brooklyn.security.sensitive.fields": {"tokens": list(TOKENS), "plaintext.blocked": False},
    }


def metrics(status: HaStatus, store: StoreMetrics, now_ms: int) -> dict[str, Any]:
    """The map of `ha/metrics`."""

    def since(at_ms: int | None) -> int | None:
        return None if at_ms is None else max(0, now_ms - at_ms)

    def account(count: int, failures: int, at: int | None, seconds: float | None, failed: int | None) -> dict[str, Any]:
        return {
            "count": count,
            "lastSuccessTimeUtc": at,
            "lastSuccessTimeMillisSince": since(at),
            "lastDuration": None if seconds is None else format_duration(seconds),
            "failureCount": failures,
            "lastFailureTimeUtc": failed,
            "lastFailureTimeMillisSince": since(failed),
            "errorMessages": [],
        }

    def access(count: int, failures: int, at: int | None, seconds: float | None, failed: int | None) -> dict[str, Any]:
        return {
            "count": count,
            "failureCount": failures,
            "lastSuccessTime": at,
            "lastDuration": None if seconds is None else format_duration(seconds),
            "lastFailureTime": failed,
            "errorMessages": [],
        }

    reads = (
        store.reads,
        store.read_failures,
        store.last_read_ms,
        store.last_read_s,
        store.last_read_failure_ms,
    )
    writes = (
        store.writes,
        store.write_failures,
        store.last_write_ms,
        store.last_write_s,
        store.last_write_failure_ms,
    )
    return {
        "state": status.state,
        "uptime": format_duration(max(0, now_ms - status.started_ms) / 1000),
        "currentTimeUtc": now_ms,
        "startTimeUtc": status.started_ms,
        "highAvailability": {
            "priority": status.priority,
            "pollPeriod": round(status.poll_period_s * 1000),
            "heartbeatTimeout": round(status.heartbeat_timeout_s * 1000),
            "history": [{"state": state, "timestamp": at} for state, at in status.history],
        },
        "rebind": account(store.loads, 0, store.last_read_ms, store.last_load_s, store.last_read_failure_ms),
        "persist": account(*writes),
        "firstRebindCounts": {
            "applications": store.loaded_applications,
            "entities": store.loaded_entities,
            "allItems": store.loaded_items,
        },
        "managementStatePersistence": {"read": access(*reads), "write": access(*writes)},
    }
