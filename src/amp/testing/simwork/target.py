"""A simulated machine that work is done on: its files, run directories, processes, and what the wrapper does there.

The wrapper of `remote.attach` is played step by step, with time between its steps, because what matters is what may
come between them. What a run directory means is judged by the real `attach.judge`. A script is a few words of a little
language, one line each:

    say TIMES PAUSE   a line on each stream, so often, with a pause in seconds after each
    launch            start a process and write its number to $PID_FILE
    exit CODE         end, with that code
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from amp.remote import attach
from amp.remote.attach import Command, Facts, Progress, Standing
from amp.remote.machine import Process
from amp.testing.simwork.world import World

#: How much of a stream one look brings at most.
_CHUNK = 64


@dataclass(slots=True)
class RunDirectory:
    """`.amp/run/<id>`. `wrapper`: the process that is in `pid`."""

    command: Command | None = None
    verdict: str | None = None
    pid: str | None = None
    boot: str | None = None
    exit: str | None = None
    stdout: bytes = b""
    stderr: bytes = b""
    wrapper: Process | None = None
    watchers: list[Callable[[], None]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Begun:
    """That a command began to run: what really happened, whoever knows of it."""

    at: float
    target: str
    id: str
    term: int
    raised: int  # the largest term that was seen on the machine
    script: str


class Target:
    """One machine. `began` and `ended` are told what really happens to commands."""

    def __init__(
        self,
        world: World,
        name: str,
        *,
        began: Callable[[Begun], None],
        ended: Callable[[str], None],
        voided: Callable[[str], None],
        checks_first: bool = False,
    ) -> None:
        self.world, self.name = world, name
        self._began, self._ended, self._voided = began, ended, voided
        self._checks_first = checks_first  # a planted bug: the verdict is looked at, then written
        self.boots = 1
        self.up = True
        self.files: dict[str, bytes] = {}
        self.runs: dict[str, RunDirectory] = {}
        self.terms: dict[str, int] = {}
        self.processes: dict[int, Process] = {}
        self._pids = 1000
        self._busy = world.rng.choice([0.03, 0.2])  # how often one of its processes has to wait for its turn

    # ---- what is done on it, each in a moment

    def start(self, command: Command) -> None:
        """Write the files of a command and leave it to its wrapper."""
        place = self.runs.setdefault(command.id, RunDirectory())
        place.command = command
        self._later(lambda: self._enter(place, command))

    def void(self, id: str, term: int) -> None:
        """Link the verdict to void, unless there is one."""
        place = self.runs.setdefault(id, RunDirectory())
        if place.verdict is None:
            place.verdict = f"void.{term}"
            self._voided(id)
            self._news(place)

    def look(self, id: str, offsets: tuple[int, int]) -> Progress:
        """Answer how a command is, and what it wrote after these offsets."""
        place = self.runs.get(id) or RunDirectory()
        living = place.wrapper is not None and self.processes.get(place.wrapper.pid) == place.wrapper
        facts = Facts(place.verdict, place.pid, place.boot, place.exit, living, self._boot())
        out, err = offsets
        return attach.judge(facts, place.stdout[out : out + _CHUNK], place.stderr[err : err + _CHUNK])

    def watch(self, id: str, offsets: tuple[int, int], wait: float, answer: Callable[[Progress], None]) -> None:
        """Answer as `look` does, once it has ended or was voided, or after `wait` seconds."""
        given = False
        watchers = self.runs[id].watchers if id in self.runs else []

        def give() -> None:
            nonlocal given
            if not given:
                given = True
                watchers.remove(news)
                answer(self.look(id, offsets))

        def news() -> None:
            if self.look(id, offsets).standing not in (Standing.UNDECIDED, Standing.RUNNING):
                give()

        watchers.append(news)
        news()
        if not given:
            self.world.after(wait, give)

    def kill(self, id: str) -> None:
        """End a command with all in its process group; what was launched is in a group of its own."""
        place = self.runs.get(id)
        if place is None or place.wrapper is None or place.exit is not None:
            return
        if self.processes.get(place.wrapper.pid) == place.wrapper:
            del self.processes[place.wrapper.pid]
            place.exit = "killed"
            self._ended(id)
            self._news(place)

    def forget(self, id: str) -> None:
        """Remove a run directory."""
        self.runs.pop(id, None)

    def raise_term(self, plane: str, term: int) -> None:
        """Let no wrapper of a smaller term begin."""
        self.terms[plane] = max(term, self.terms.get(plane, 0))

    def find_process(self, pid_file: str) -> Process | None:
        """Answer the live process that a pid file names."""
        text = self.files.get(pid_file)
        return self.processes.get(int(text)) if text else None

    def signal(self, process: Process, name: str) -> bool:
        """End a process; one that is asked by TERM takes a little time."""
        if self.processes.get(process.pid) != process:
            return False
        if name == "KILL":
            self._reap(process)
        else:
            self.world.after(self.world.rng.uniform(0.0, 0.3), lambda: self._reap(process))
        return True

    def lose(self, id: str) -> None:
        """Let a command's processes be killed by the system, wrapper and all: no word of an end is left."""
        place = self.runs[id]
        if place.wrapper is not None:
            self._reap(place.wrapper)
            self._ended(id)
            self._news(place)

    def reboot(self, seconds: float) -> None:
        """Lose power: files stay, nothing else does; back after some seconds."""
        self.up = False
        self.boots += 1
        self.processes.clear()
        for id, place in self.runs.items():
            if place.wrapper is not None and place.exit is None:
                self._ended(id)
        self.world.after(seconds, self._come_back)

    # ---- what goes on in it

    def _come_back(self) -> None:
        self.up = True
        for place in self.runs.values():
            self._news(place)

    def _enter(self, place: RunDirectory, command: Command) -> None:
        if self.runs.get(command.id) is not place:
            return  # its directory is gone
        process = place.wrapper = self._process()
        place.boot, place.pid = self._boot(), f"{process.pid} {process.pid} {process.started}"
        self._later(lambda: self._pass_the_fence(place, command, process), process)

    def _pass_the_fence(self, place: RunDirectory, command: Command, process: Process) -> None:
        seen = self.terms.get(command.plane, 0)
        if seen > command.term:
            place.verdict = place.verdict or f"void.{seen}"
            self._reap(process)
            self._news(place)
        elif self._checks_first:
            free = place.verdict is None
            self._later(lambda: self._begin(place, command, process, free), process)
        else:
            self._later(lambda: self._begin(place, command, process, place.verdict is None), process)

    def _begin(self, place: RunDirectory, command: Command, process: Process, free: bool) -> None:
        if not free or self.runs.get(command.id) is not place:
            self._reap(process)
            return
        place.verdict = f"start.{command.term}"
        raised = self.terms.get(command.plane, 0)
        self._began(Begun(self.world.time, self.name, command.id, command.term, raised, command.script))
        self._go_on(place, command, process, _steps(command.script))

    def _go_on(
        self, place: RunDirectory, command: Command, process: Process, steps: Iterator[tuple[str, float]]
    ) -> None:
        word, pause = next(steps, ("exit 0", 0.0))
        what, _, argument = word.partition(" ")
        if what == "exit":
            self._reap(process)
            place.exit = argument
            self._ended(command.id)
            self._news(place)
            return
        if what == "say":
            place.stdout += f"{command.id} says {argument}\n".encode()
            place.stderr += f"{command.id} adds {argument}\n".encode()
        elif what == "launch":
            self.files[command.env["PID_FILE"]] = f"{self._process().pid}\n".encode()
        self._later(lambda: self._go_on(place, command, process, steps), process, pause)

    def _later(self, do: Callable[[], None], process: Process | None = None, pause: float = 0.0) -> None:
        """Do something soon, if the process is still there, and the machine was not restarted meanwhile."""
        boots, rng = self.boots, self.world.rng
        delay = rng.uniform(0.0, 3.0) if rng.random() < self._busy else rng.expovariate(1 / 0.003)

        def then() -> None:
            alive = process is None or self.processes.get(process.pid) == process
            if boots == self.boots and alive and not self.world.over:
                do()

        self.world.after(delay + pause, then)

    def _news(self, place: RunDirectory) -> None:
        for each in list(place.watchers):
            each()

    def _process(self) -> Process:
        self._pids += 1
        process = Process(self._pids, int(self.world.time * 100) + 1)
        self.processes[process.pid] = process
        return process

    def _reap(self, process: Process) -> None:
        if self.processes.get(process.pid) == process:
            del self.processes[process.pid]

    def _boot(self) -> str:
        return f"boot-{self.boots}"


def _steps(script: str) -> Iterator[tuple[str, float]]:
    for line in script.splitlines():
        words = line.split()
        if words and words[0] == "say":
            for each in range(int(words[1])):
                yield f"say {each}", float(words[2])
        elif words:
            yield line.strip(), 0.0


def output(id: str, script: str) -> tuple[str, str]:
    """Answer all that a script writes on its two streams, when it comes to its end."""
    said = [word.split()[1] for word, _ in _steps(script) if word.startswith("say ")]
    return "".join(f"{id} says {each}\n" for each in said), "".join(f"{id} adds {each}\n" for each in said)


def exit_code(script: str) -> int:
    """Answer the code that a script ends with."""
    return next((int(word.split()[1]) for word, _ in _steps(script) if word.startswith("exit ")), 0)
