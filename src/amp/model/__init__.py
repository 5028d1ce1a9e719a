"""What is managed: applications, entities, locations, tasks, as frozen values, and the one spine of Changes.

Knows neither stores nor leaders nor machines. Start with `changes`, then `model`.
"""
