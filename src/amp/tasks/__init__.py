"""Work on entities: a task is one run of an effector, a step a part of one. `runner` runs them, `task` has the words.

What a task did is known by Changes alone. Which entity does what in a task is for `amp.entities` to say.
"""
