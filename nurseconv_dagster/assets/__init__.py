"""One file an asset: take the batch, call the room, return counts.

What lives here: the four assets of an upload, in the order of the walk, and the reporting tables that dbt builds.
When to add here: a new asset, in a file of its own.
What to keep out: what a room computes, SQL, and anything that an asset would have to be tested for on its own.
"""
