"""Durable bytes: the `Objects` protocol and its stores, and the bytes of the journal and its snapshots.

Knows nothing of leaders or entities. Start with `objects`, then `segment`.
"""
