"""From the text of a blueprint to Changes: `yaml` reads, `parse` gives it meaning, `coercion` types, `plan` yields.

Decides only: no I/O, no clock. Every complaint names line and column, counted from 1.
"""
