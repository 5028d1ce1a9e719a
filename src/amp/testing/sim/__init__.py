"""A deterministic simulation of the plane: the real state machines over a simulated store and simulated clocks.

One seed is one story: nodes start, crash, freeze and return while the store is slow, loses answers, and lets late
requests land. After every step the properties S1-S5 are asserted; at the end, after the faults, L1. A failure prints
its seed and replays exactly. `python -m amp.testing.sim --seeds 1000`.
"""
