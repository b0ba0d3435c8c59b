"""What running processes tell about their work: log lines, the ids on them, and spans of traces.

What lives here: where lines go and what may stand in them; the ids of the work in hand; traces, when somebody collects.
When to add here: another field of log lines and spans, another way in which work is told of.
What to keep out: figures (store.figures, api.metrics); the lines themselves, which stand where the work is done.
"""
