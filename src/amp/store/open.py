"""Makes the store that a place names. Each kind is imported when it is asked for: a directory needs no cloud client."""

from __future__ import annotations

from amp.store.objects import Objects
from amp.store.place import DirectoryStore, StoreSettings


def open_store(settings: StoreSettings, *, timeout: float = 5.0) -> Objects:
    """Make the store of a place; nothing is asked of it yet. `timeout`: seconds for each request.

    Raises: Invalid, when the place cannot be a store's (an unknown provider, an identity without credential).
    """
    if isinstance(settings, DirectoryStore):
        from amp.store.file import DirectoryObjects

        return DirectoryObjects(settings.path, timeout=timeout)
    from amp.store.cloud import CloudObjects

    return CloudObjects(settings, timeout=timeout)
