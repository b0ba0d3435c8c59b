"""The fields that log lines and spans may have beside their sentence. What is not here is not written.

What lives here: `FIELDS`.
When to add here: an id, a count, a duration or a word from a fixed list that an operator looks for.
What to keep out: anything a person wrote or said, and names: files, units, nurses, callers.
"""

FIELDS = frozenset({
    "attempt", "correlation_id", "correlation_ids", "disposition", "error_class", "error_code", "is_cached", "job_id",
    "method", "model", "n_done", "n_failed", "n_left_out", "n_uploads", "outcome", "process", "provider", "route",
    "run_id", "seconds", "source", "stage", "status", "upload_id", "upload_ids",
})  # fmt: skip
