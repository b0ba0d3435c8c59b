"""What an audio file says about itself, read from its bytes without decoding: one module a container.

What lives here: `promises.read_promise()` and the readers of WAV chunks, MPEG frames, Ogg pages, FLAC's STREAMINFO and
EBML elements.
When to add here: a container, or a fact of one that its demuxer hides (a checksum, a declared length, an end marker).
What to keep out: samples. A demuxer repairs in silence; these readers only look, so that repairs can be told.
"""
