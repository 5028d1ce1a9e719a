"""Applications and other parents: they start, stop and restart their children side by side, and are as these are.

An application that is stopped is gone with all below it, as in Brooklyn.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from amp.entities import state
from amp.entities.phases import refuse_locations
from amp.entities.surroundings import Parts, Surroundings
from amp.kit.errors import AmpError, Fenced
from amp.kit.ids import EntityId
from amp.model.changes import AnyChange, EntityRemoved, LocationRemoved
from amp.model.entity import Entity
from amp.model.model import Model
from amp.tasks.runner import Run
from amp.tasks.task import Order

_STARTING = {"service.state": "Application starting"}


class Parent:
    """One entity that is as its children are, for the length of one effector."""

    def __init__(self, around: Surroundings, run: Run, parts: Parts) -> None:
        self._around = around
        self._run = run
        self._parts = parts
        self._id = run.order.entity

    async def start(self, parameters: dict[str, Any]) -> None:
        """Start all children that can be started. Raises: AmpError."""
        refuse_locations(parameters)
        await self._note("starting", {state.NOT_UP: _STARTING, state.PROBLEMS: {}, **self._meant("STARTING")})
        await self._bring_up("start", self._children())

    async def restart(self, parameters: dict[str, Any]) -> None:
        """Restart the children that are not deliberately stopped. Raises: AmpError."""
        running = [child.id for child in self._children() if child.sensors.get(state.STATE) != "STOPPED"]
        running = await self._run.note("running", (), running)
        await self._note("starting", {state.NOT_UP: _STARTING, state.PROBLEMS: {}, **self._meant("STARTING")})
        await self._bring_up("restart", [child for child in self._children() if child.id in running])

    async def stop(self, parameters: dict[str, Any]) -> None:
        """Stop all children; an application is forgotten then. Raises: AmpError."""
        await self.stop_children()
        if self._entity().is_application:
            await forget(self._around, self._run, self._id)
        else:
            self._run.at_end += self._changes({state.PROBLEMS: {}, **self._meant("STOPPED")})

    async def stop_children(self) -> None:
        """Stop all children that can be stopped. Raises: AmpError; the parent is ON_FIRE then."""
        await self._note("stopping", self._meant("STOPPING"))
        try:
            await self._run.together(self._parts(self._around, [_order(child, "stop") for child in self._children()]))
        except Fenced:
            raise
        except AmpError as error:
            await self._burn("stop", error.message)
            raise
        except asyncio.CancelledError:
            if self._run.recalled:
                await self._burn("stop", "stop was cancelled")
            raise

    async def _bring_up(self, effector: str, children: list[Entity]) -> None:
        try:
            await self._run.together(self._parts(self._around, [_order(child, effector) for child in children]))
        except Fenced:
            raise
        except AmpError as error:
            await self._finish(effector, error.message)
            raise
        except asyncio.CancelledError:
            if self._run.recalled:
                await self._finish(effector, f"{effector} was cancelled")
            raise
        self._run.at_end += self._settled({})

    async def _finish(self, effector: str, message: str) -> None:
        # Meant to be RUNNING: a child that is brought up later heals the parent too. Only what no child explains stays.
        burning = any(child.sensors.get(state.STATE) == "ON_FIRE" for child in self._children())
        await self._run.commit(self._settled({} if burning else {effector: message}))

    def _settled(self, problems: dict[str, str]) -> list[AnyChange]:
        entity = self._entity()
        own = {state.NOT_UP: {}, state.PROBLEMS: problems, **self._meant("RUNNING")}
        children = [self._around.entity(child) for child in entity.children]
        after = {**entity.sensors, **own}
        return state.as_changes(entity, {**own, **state.from_children(after, children)}, self._around.now_ms())

    async def _burn(self, effector: str, message: str) -> None:
        problems = state.noted(self._entity().sensors, state.PROBLEMS, effector, message)
        await self._update({state.PROBLEMS: problems, **self._meant("ON_FIRE")})

    def _children(self) -> list[Entity]:
        children = [self._around.entity(child) for child in self._entity().children]
        return [child for child in children if self._around.kind(child).lifecycle]

    def _meant(self, name: str) -> dict[str, Any]:
        return {state.EXPECTED: state.transition(name, self._around.now_ms())}

    def _entity(self) -> Entity:
        return self._around.entity(self._id)

    def _changes(self, updates: dict[str, Any]) -> list[AnyChange]:
        entity = self._entity()
        return state.as_changes(entity, state.updated(entity.sensors, updates), self._around.now_ms())

    async def _note(self, name: str, updates: dict[str, Any]) -> None:
        await self._run.note(name, self._changes(updates))

    async def _update(self, updates: dict[str, Any]) -> None:
        await self._run.commit(self._changes(updates))


async def forget(around: Surroundings, run: Run, entity: EntityId) -> None:
    """Let an entity, with all below it, be forgotten with the end of this task, once nothing else runs on them."""
    await run.have_to_itself(each.id for each in around.model().descendants(entity))
    run.at_end += _removal(around.model(), entity)


def _removal(model: Model, entity: EntityId) -> list[AnyChange]:
    """Answer Changes that forget an entity, all below it, and the places that nobody else is at. Pure."""
    here = Counter(place for each in model.descendants(entity) for place in each.locations)
    unused = (place for place, count in here.items() if model.guests[place] == count)
    return [EntityRemoved(entity), *(LocationRemoved(place) for place in unused)]


def _order(child: Entity, effector: str) -> Order:
    return Order(child.id, effector, f"Invoking effector {effector} on {child.name} ({child.id})", effector)
