"""A deterministic simulation of the plane: the real state machines over a simulated store and simulated clocks.

One seed is one story: nodes start, crash, freeze and return while the store is slow, loses answers, and lets late
requests land. After every step the properties S1-S5, T5 and T6 are asserted; at the end, after the troubles, L1. A
story that breaks one is made as small as it gets, and told.

`python -m amp.testing.sim --seeds 1000` plays; read `plan` first.
"""
