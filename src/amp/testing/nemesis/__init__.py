"""A campaign against real AMP processes: faults from a seed, clients that write all the time, a checker that judges.

`history` says what is recorded, `checker` what is a proof of a broken promise, `campaign` what is done to the nodes.
Run it: `python -m amp.testing.nemesis --help`. Only processes that it started are ever signalled.
"""
