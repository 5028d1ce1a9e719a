"""One node's hands on a target: the `Machine` that the real layers above are given, with delays and lost connections.

A call takes its time to get there, has its effect, and takes its time to come back. A call that has left a node has
its effect also when that node is gone, or was frozen just then; what it was allowed to do is asked when it leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from amp.kit.errors import Unavailable
from amp.remote.attach import Command, Progress
from amp.remote.command import check
from amp.remote.machine import Process, Result
from amp.testing.simwork.loop import Loop, settle
from amp.testing.simwork.target import Target

#: How long a call waits for a machine that does not answer, in seconds.
PATIENCE = 5.0


class Hands:
    """What a node can do on a target. `about_to` is told the name of each call, what it is about, and how to send it;
    `cut` answers whether nothing gets through."""

    def __init__(
        self,
        target: Target,
        loop: Loop,
        about_to: Callable[[str, str, Callable[[], None]], None],
        cut: Callable[[], bool],
    ) -> None:
        self._target, self._loop = target, loop
        self._about_to, self._cut = about_to, cut

    @property
    def address(self) -> str:
        """The address that others reach it at."""
        return self._target.name

    @property
    def hostname(self) -> str:
        """Its name, as others call it."""
        return self._target.name

    @property
    def user(self) -> str:
        """Who commands run as."""
        return "somebody"

    @property
    def host(self) -> str:
        """Tells this machine from others."""
        return self._target.name

    async def start_command(self, command: Command) -> None:
        """Begin a command that outlives this process."""
        check(command.script, command.env)
        await self._call("start", command.id, lambda: self._target.start(command))

    async def void_command(self, id: str, term: int) -> None:
        """Decide that a command never runs, unless it was decided before."""
        await self._call("void", id, lambda: self._target.void(id, term))

    async def watch_command(self, id: str, offsets: tuple[int, int], wait: float) -> Progress:
        """Answer how a command is and what it wrote after these offsets; waits up to `wait` seconds for news."""
        progress: Progress = await self._wait(
            "watch", id, lambda answer: self._target.watch(id, offsets, wait, answer), PATIENCE + wait
        )
        return progress

    async def kill_command(self, id: str) -> None:
        """End a command that runs."""
        await self._call("kill", id, lambda: self._target.kill(id))

    async def forget_command(self, id: str) -> None:
        """Remove what is kept of a command."""
        await self._call("forget", id, lambda: self._target.forget(id))

    async def raise_term(self, plane: str, term: int) -> None:
        """Let no command of a smaller term of this plane begin any more."""
        await self._call("raise", plane, lambda: self._target.raise_term(plane, term))

    async def run(self, script: str, *, env: Mapping[str, str], cwd: str | None, timeout: float) -> Result:
        """Say that all is well: what is run so leaves no trace."""
        return await self._call("run", script, lambda: Result(0, "", ""))  # type: ignore[no-any-return]

    async def read_file(self, path: str) -> bytes | None:
        """Read a file; None when there is none."""
        return await self._call("read", path, lambda: self._target.files.get(path))  # type: ignore[no-any-return]

    async def write_file(self, path: str, data: bytes) -> None:
        """Write a file as a whole."""
        await self._call("write", path, lambda: self._target.files.__setitem__(path, data))

    async def delete_file(self, path: str) -> None:
        """Delete a file; no error when there is none."""
        await self._call("delete", path, lambda: self._target.files.pop(path, None))

    async def make_private(self, directory: str) -> None:
        """Do nothing: files need no directories here."""
        await self._call("make", directory, lambda: None)

    async def find_process(self, pid_file: str) -> Process | None:
        """Answer the live process that a pid file names."""
        return await self._call("find", pid_file, lambda: self._target.find_process(pid_file))  # type: ignore[no-any-return]

    async def signal(self, process: Process, name: str) -> bool:
        """Send TERM or KILL to that very life of the process; False when it is gone."""
        return await self._call("signal", name, lambda: self._target.signal(process, name))  # type: ignore[no-any-return]

    async def _call(self, name: str, what: str, effect: Callable[[], Any]) -> Any:
        return await self._wait(name, what, lambda answer: answer(effect()), PATIENCE)

    async def _wait(
        self, name: str, what: str, effect: Callable[[Callable[[Any], None]], None], patience: float
    ) -> Any:
        world, loop = self._target.world, self._loop
        rng = world.rng
        done = loop.create_future()

        def give(result: Any) -> None:
            if not loop.dead:
                loop.call_soon(settle, done, result)

        def land() -> None:
            if not world.over and self._target.up and not self._cut():
                effect(lambda result: world.after(rng.expovariate(1 / 0.002), lambda: give(result)))

        delay = rng.expovariate(1 / 0.002) if rng.random() < 0.97 else rng.uniform(0.0, 2.0)
        self._about_to(name, what, lambda: world.after(delay, land))
        loop.call_later(patience, settle, done, None, Unavailable(f"{self._target.name} does not answer"))
        return await done
