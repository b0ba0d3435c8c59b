"""When work happens: partitions, jobs, the intake sensor, the reconciler sensor.

What lives here: everything that decides when something runs. The ledger says what is due; this room tells Dagster.
When to add here: a new trigger.
What to keep out: what a run does (assets) and who may ride together (store.planning).
"""
