"""The only room that speaks SQL: tables, ledger, results, codec, migrations.

What lives here: one module per group of tables, and the engine they share.
When to add here: a query. Writes are idempotent and fenced by the attempt number, in the same transaction.
What to keep out: decisions about audio, answers or scores; Dagster; SQL strings anywhere else.
"""
