"""Where the three pillars meet: the journal's segments become a model, and a leader acts on it.

`views` is what readers see; `recorder` is the one way to change anything; `leader` runs while in office.
"""
