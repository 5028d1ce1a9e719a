"""The commands below `amp store`. They need no server: each reads a store itself."""

from __future__ import annotations

from cyclopts import App

from amp.cli.store import repair, verify
from amp.cli.store_adopt import adopt
from amp.cli.store_copy import backup, restore
from amp.cli.store_raise import raise_format
from amp.cli.store_show import store_cat, store_ls

store = App(name="store", help="Look after what planes have written: check, list, copy, repair.")
store.command(verify, name="verify")
store.command(store_ls, name="ls")
store.command(store_cat, name="cat")
store.command(backup, name="backup")
store.command(restore, name="restore")
store.command(repair, name="repair")
store.command(adopt, name="adopt")
store.command(raise_format, name="raise")
