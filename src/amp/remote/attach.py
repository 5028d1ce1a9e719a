"""What makes a command outlive whoever started it: the wrapper's text, the files of a run directory, what they mean.

A command has a directory of its own on its machine (`.amp/run/<durable id>/`: script, env, boot, pid, verdict, stdout,
stderr, exit) and hangs on no connection. Whether it ran at all is decided by one atomic create: the wrapper links
`verdict` to `start.<term>`, a successor that finds none links it to `void.<term>`; whichever is there holds for ever.
The second fence is the largest term that was seen on the machine: a wrapper of a smaller one refuses.

Only values here; who acts is `detached`, on this host.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

#: sh WRAPPER DIRECTORY TERM FENCE CWD. The pid is written before the verdict, so that a start always has one; signals
#: that are meant for the command do not end the wrapper, which has its end to write. Positional parameters carry what
#: is needed after the environment was read, because any name may be set there.
WRAPPER = r"""cd -- "$1" || exit 70
boot= group= started=0
if [ -r "/proc/$$/stat" ]; then
  read -r boot < /proc/sys/kernel/random/boot_id
  read -r stat < "/proc/$$/stat"
  place=$1 term=$2 fence=$3 cwd=$4
  set -- ${stat##*)}
  group=$3 started=${20}
  set -- "$place" "$term" "$fence" "$cwd"
else
  group=$(ps -o pgid= -p "$$" | tr -d ' ')
fi
printf '%s\n' "$boot" > boot
printf '%s %s %s\n' "$$" "$group" "$started" > pid.part && mv pid.part pid || exit 70
for each in "$3"/*; do
  seen=${each##*/}
  case $seen in ''|*[!0-9]*) continue ;; esac
  if [ "$seen" -gt "$2" ]; then ln -s "void.$seen" verdict 2> /dev/null; exit 71; fi
done
trap : HUP INT TERM
ln -s "start.$2" verdict 2> /dev/null || exit 72
(
  trap - HUP INT TERM
  if [ -x /bin/bash ]; then set -- "$1" "$4" /bin/bash; else set -- "$1" "$4" /bin/sh; fi
  . ./env
  [ -d "$2" ] || mkdir -p -- "$2"
  cd -- "$2" || exit 126
  exec "$3" -e "$1/script"
) < /dev/null > stdout 2> stderr &
child=$!
while :; do
  wait "$child"
  code=$?
  kill -0 "$child" 2> /dev/null || break
done
printf '%s\n' "$code" > exit.part && mv exit.part exit
"""

#: sh -c START WRAPPER DIRECTORY TERM FENCE CWD: leaves the wrapper behind, with nothing of ours open in it.
START = 'exec < /dev/null > /dev/null 2>&1; /bin/sh "$0" "$@" &'

#: sh -c VOID DIRECTORY TERM: decides that a command never runs, where nothing is decided yet.
VOID = 'mkdir -p -- "$0" && cd -- "$0" && { ln -s "void.$1" verdict 2> /dev/null || [ -h verdict ]; }'

#: sh -c KILL DIRECTORY: ends a command and all that is in its process group, while its wrapper is the one that was
#: seen and has told no end. What a command left behind when it ended is never touched.
KILL = r"""cd -- "$0" 2> /dev/null && [ ! -e exit ] && [ -r pid ] || exit 0
read -r pid group started < pid
case $pid$group in ''|*[!0-9]*) exit 0 ;; esac
if [ "$started" != 0 ]; then
  read -r stat 2> /dev/null < "/proc/$pid/stat" || exit 0
  set -- ${stat##*)}
  [ "${20}" = "$started" ] || exit 0
fi
kill -KILL "-$group" 2> /dev/null
while kill -0 "$pid" 2> /dev/null; do
  read -r stat 2> /dev/null < "/proc/$pid/stat" || break
  case ${stat##*) } in Z*) break ;; esac
  sleep 1
done
[ -e exit ] || { printf 'killed\n' > "exit.$$" && mv "exit.$$" exit; }
"""

_VERDICT = re.compile(r"(start|void)\.([0-9]+)")


@dataclass(frozen=True, slots=True)
class Command:
    """What to run, under which durable id. `cwd` None: the user's home. `plane`, `term`: for whom, for the fence."""

    id: str
    plane: str
    term: int
    script: str
    env: Mapping[str, str] = field(repr=False)
    cwd: str | None


class Standing(enum.Enum):
    """How a command is, as its run directory tells."""

    UNDECIDED = "nothing was decided: it may begin at any moment"
    VOID = "it never ran, and never will under this id"
    RUNNING = "it runs"
    ENDED = "it ended"
    UNKNOWN = "it began, is gone, and left no word of its end"


@dataclass(frozen=True, slots=True)
class Facts:
    """The contents of a run directory; None where a file is not there.

    `living`: the process of `pid` is alive in that very life, looked at *before* `exit` was read. `boot_now`: the boot
    id of the machine, empty where it cannot tell.
    """

    verdict: str | None = None
    pid: str | None = None
    boot: str | None = None
    exit: str | None = None
    living: bool = False
    boot_now: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """How a command is. `term`: of the verdict. `exit` None after its end: it was killed. Streams: what is new."""

    standing: Standing
    term: int = 0
    exit: int | None = None
    rebooted: bool = False
    stdout: bytes = b""
    stderr: bytes = b""


def judge(facts: Facts, stdout: bytes = b"", stderr: bytes = b"") -> Progress:
    """Answer what a run directory means."""
    verdict = _VERDICT.fullmatch(facts.verdict or "")
    if verdict is None:
        return Progress(Standing.UNDECIDED)
    term = int(verdict[2])
    if verdict[1] == "void":
        return Progress(Standing.VOID, term)
    told = (facts.exit or "").strip()
    if told == "killed" or told.isdigit():
        code = None if told == "killed" else int(told)
        return Progress(Standing.ENDED, term, code, stdout=stdout, stderr=stderr)
    boot = (facts.boot or "").strip()
    rebooted = bool(boot and facts.boot_now and boot != facts.boot_now)
    standing = Standing.RUNNING if facts.living and not rebooted else Standing.UNKNOWN
    return Progress(standing, term, None, rebooted, stdout, stderr)


def process_of(pid: str | None) -> tuple[int, int] | None:
    """Answer number and start (clock ticks since boot, 0 unknown) of the process in a pid file, None when there is
    none to be read."""
    fields = (pid or "").split()
    if len(fields) != 3 or not all(each.isdigit() for each in fields) or int(fields[0]) <= 1:
        return None
    return int(fields[0]), int(fields[2])


def exports(env: Mapping[str, str]) -> str:
    """Write an environment as a shell reads it. Names were checked by `command.check`."""
    return "".join(f"export {name}={_quoted(value)}\n" for name, value in env.items())


def _quoted(value: str) -> str:
    inner = value.replace("'", "'\\''")
    return f"'{inner}'"
