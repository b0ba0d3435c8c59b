"""Current results as files: tables, subtitles, FHIR. The command line and the REST API hand out the same bytes.

What lives here: one function for each format, from the store's rows to bytes, and the one list of formats.
When to add here: another format.
What to keep out: where the bytes go (operations, api), queries (store), how subtitles are laid out (speech).
"""
