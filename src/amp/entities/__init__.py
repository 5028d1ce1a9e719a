"""What the kinds of entities are and do. `types` declares them, `state` decides how they are, the others act.

`application` and `software` hold the effectors; `lifecycle` finds the one that an entity has.
"""
