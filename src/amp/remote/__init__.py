"""Hands on machines: run a command, read and write files, look for a process. `machine` is the seam, `local` this host.

Knows nothing of entities, leaders or stores.
"""
