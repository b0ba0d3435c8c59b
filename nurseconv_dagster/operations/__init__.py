"""What an operator does: the `nurseconv` command line, embedded Postgres, the home folder, exports, doctor.

What lives here: one module per command or per thing an operator touches.
When to add here: a new command.
What to keep out: work that the pipeline does (assets) and SQL (store).
"""
