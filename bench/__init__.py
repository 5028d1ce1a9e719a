"""Measures AMP on this machine, with real processes and real stores: `make bench`, or `make bench ONLY=section`.

Each module is a section of the table and answers rows; `table` prints them beside their goals, `load` makes the
requests in a process of its own. Machines are noisy and shared: read medians with their spread, and processor seconds
beside rates. What a run shows is not put into the project by hand, but copied whole into the reference of benchmarks.
"""
