"""Resources: the thin Dagster shell around plain objects. A resource builds, an asset calls.

What lives here: one `ConfigurableResource` per thing the assets need: store, intake, stages, transcriber, and so on.
When to add here: an asset needs a new plain object that settings decide on.
What to keep out: the objects' own logic (their rooms) and heavy imports at module level.
"""
