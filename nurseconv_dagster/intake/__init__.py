"""A file becomes an upload: bucket listing, sniffing, strict decoding, typed text, sidecars, the vault, the door.

What lives here: everything that happens to bytes before words are heard, and `door.accept()`, the only way in.
When to add here: a new kind of source, format or refusal.
What to keep out: SQL (the door is handed a ledger), Dagster, models, words.
"""
