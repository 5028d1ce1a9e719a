"""The whole of the plane's work in a simulated world: real nodes, real tasks; time, store and machines are played.

`amp.testing.sim` asks whether the plane has one leader and one history. Here it is asked whether the work that the
leader does is done once, and whole: `story` is one seed of it, `judge` says what must hold, `planted` breaks it.
"""
