"""How the plane survives: the pure state machines of leadership, and the thin shells that act for them.

Pure: `machine` (the whole, events in, actions out), `writer`, `reader`, `lease`, `election`, `members`, `modes`.
Acting: `elector`. Knows nothing of entities.
"""
