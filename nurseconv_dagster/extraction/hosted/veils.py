"""What a veil promises: a transcript without names goes out, the transcript's own words come back.

What lives here: the protocol `Veiled` and the type `Veil`, as the reader needs them.
When to add here: nothing.
What to keep out: how names are found and replaced (`extraction/privacy`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from nurseconv_dagster.speech.transcripts import Transcript


class Veiled(Protocol):
    """One transcript under its veil."""

    @property
    def transcript(self) -> Transcript:
        """The same segments, ids and count, with other text where somebody was named."""
        ...

    def unveil_quote(self, quote: str, segment_ids: Sequence[int]) -> str:
        """The words that stood there before; a quote that the veil did not touch comes back as it is."""
        ...


# The same transcript must always get the same veil: replies are kept under the words that were sent.
Veil = Callable[[Transcript], Veiled]
