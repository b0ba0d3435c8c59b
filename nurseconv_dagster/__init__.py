"""nurseconv: recordings of nurse conversations become transcripts, proven answers, scores and reporting tables.

What lives here: the package's rooms, from `intake` (a file becomes an upload) to `operations` (the command line).
When to add here: never in this file; pick the room whose door-plate names the job.
What to keep out: imports. `import nurseconv_dagster` must cost nothing.
"""
