"""Where entities run. `localhost` is the only kind of place in this version."""
