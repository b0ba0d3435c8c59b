"""Encryption at rest: the ring of keys, sealed files that can be read in parts, sealed texts of a table.

What lives here: AES-256-GCM as this product uses it, and nothing of what is kept with it.
When to add here: another form in which content is sealed.
What to keep out: which files and columns are sealed (intake.vault, store.codec, operations.backups).
"""
