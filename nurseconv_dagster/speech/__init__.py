"""Samples become a transcript: speech gate, Whisper, batching, roles, quality, subtitles.

What lives here: everything between decoded samples (or typed text) and a `Transcript`.
When to add here: a new way to hear, time or attribute words.
What to keep out: files and formats (intake), questions (extraction), SQL, Dagster.
"""
