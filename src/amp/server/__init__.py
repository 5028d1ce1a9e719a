"""HTTP at the edge: who asks, may they, does this node answer, and which resource does.

Reads `plane.views`, writes through `plane.requests`, and decides nothing about entities or leadership itself.
Start with `app` (the pipeline), then `routing`, then `api/` (a file a resource).
"""
