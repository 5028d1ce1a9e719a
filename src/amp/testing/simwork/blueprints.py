"""Applications for stories: which phases have commands, how long these take, what they say, and how they end."""

from __future__ import annotations

import random

_PHASES = (
    "pre.install", "install", "post.install", "pre.customize", "customize", "post.customize", "pre.launch", "launch",
    "post.launch",
)  # fmt: skip


def blueprint(rng: random.Random, name: str, targets: list[str], *, asks: bool) -> str:
    """Write an application of one or two processes on one of the targets. `asks`: where others fail."""
    rows = [f"name: {name}", "location:", f"  localhost: {{onbox.base.dir: {rng.choice(targets)}}}", "services:"]
    fails = rng.random() < 0.1
    shared = rng.choice(["say 2 0.3", f"say {rng.randint(1, 9)} {rng.choice([0.3, 0.8, 1.5])}"])
    for number in range(rng.choice([1, 2, 2])):
        rows += ["- type: VanillaSoftwareProcess", f"  name: {name}-{number}", "  brooklyn.config:"]
        word = rng.choice(["fail", "rerun"])
        rows.append(f"    on-interrupt: {'ask' if word == 'fail' and asks else word}")
        rows.append(f"    softwareProcess.serviceProcessIsRunningPollPeriod: {rng.choice(['2s', '5s', '20s'])}")
        rows.append("    start.timeout: 40s")
        often = {"launch": 1.0, "install": 0.8}
        used = [phase for phase in _PHASES if rng.random() < often.get(phase, 0.35)]
        failing = rng.choice(used) if fails else None
        for phase in used:
            # Installations of one application share their directory, so they take turns.
            says = shared if phase == "install" else f"say {rng.randint(0, 6)} {rng.choice([0.05, 0.3, 2.0])}"
            lines = [says, *(["launch"] if phase == "launch" else []), *(["exit 3"] if phase == failing else [])]
            rows += [f"    {phase}.command: |", *(f"      {line}" for line in lines)]
    return "\n".join(rows) + "\n"
