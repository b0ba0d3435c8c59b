"""Answers become scores: rubric, scores, conversation dynamics, NEWS2. Pure arithmetic.

What lives here: one function per formula of docs/scoring.md, with its source; a worked example stands in the tests.
When to add here: a score or a component of one.
What to keep out: reading words for new facts (extraction), SQL, Dagster. Without data a score is null, no constant.
"""
