"""Asset checks: what must be true of the data, told in the Dagster UI. One owner per kind of promise.

What lives here: checks of the ledger and its results (SQL in store), and of the frame that leaves for reporting (Great
Expectations). Rows in the marts are dbt's to test.
When to add here: a promise that code alone cannot keep, with a test that sees it fail.
What to keep out: examples of bad rows: a check says how many, never what they hold.
"""
