"""What damage means: from the figures of one decoding to a refusal, or to facts that people are told.

What lives here: `Evidence` and the rule over it, as plain arithmetic.
When to add here: a figure of the decoder that listeners must know.
What to keep out: files, packets and samples.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nurseconv_dagster.intake.arrivals import Refusal

_EXACT_FORMATS = frozenset({"wav", "flac"})  # no encoder delay: every sample is declared
_EXACT_S = 0.001
_PADDED_S = 0.1  # encoders pad their first and last packets
_PADDED_PACKETS = 4


@dataclass(frozen=True, slots=True)
class Evidence:
    """The figures of one decoding; seconds are those of the source.

    Args:
        audio_format: as sniffed.
        declared_s: what the header promises; null when it says nothing.
        counted_s: of all packets, counted without decoding.
        decoded_s: of all frames that decoded.
        filled_s: silence laid where the timestamps jump.
        lost_inside_s: the part of `filled_s` that was sound once.
        n_packets: read.
        n_errors: of these, broken.
        n_format_changes: of rate, channels or sample format.
        n_audio_tracks: in the file; one was read.
        has_wrong_checksum: the samples are not those that FLAC's checksum was made of.
        structure: facts that the container's bytes showed.
    """

    audio_format: str
    declared_s: float | None
    counted_s: float
    decoded_s: float
    filled_s: float = 0.0
    lost_inside_s: float = 0.0
    n_packets: int = 0
    n_errors: int = 0
    n_format_changes: int = 0
    n_audio_tracks: int = 1
    has_wrong_checksum: bool = False
    structure: tuple[str, ...] = ()

    @property
    def laid_s(self) -> float:
        """Seconds of the recording as it comes out, silence included."""
        return self.decoded_s + self.filled_s

    @property
    def expected_s(self) -> float:
        """Seconds that should have come out: the header's word, else the packets'."""
        return self.counted_s if self.declared_s is None else self.declared_s

    @property
    def tolerance_s(self) -> float:
        """Seconds by which an undamaged recording may differ from its header."""
        if self.audio_format in _EXACT_FORMATS:
            return _EXACT_S
        return max(_PADDED_S, _PADDED_PACKETS * self.counted_s / max(1, self.n_packets))

    @property
    def missing_s(self) -> float:
        """Seconds that never came, 0 within the tolerance."""
        missing_s = self.expected_s - self.laid_s
        return missing_s if missing_s > self.tolerance_s else 0.0

    @property
    def lost_fraction(self) -> float:
        """The share of seconds or of packets that is lost, whichever is larger; 1 when nothing decoded."""
        if self.decoded_s <= 0.0:
            return 1.0
        lost_s = self.missing_s + self.lost_inside_s
        return min(1.0, max(lost_s / max(self.expected_s, self.laid_s), self.n_errors / max(1, self.n_packets)))


def refuse_damage(evidence: Evidence, max_lost_fraction: float) -> Refusal | None:
    """The refusal of a recording that lost too much, else null.

    Args:
        evidence: of the whole decoding.
        max_lost_fraction: 0..1; nothing decoded is refused at any value.
    """
    if evidence.decoded_s > 0.0 and evidence.lost_fraction <= max_lost_fraction:
        return None
    return Refusal(
        "damaged_audio",
        f"only {evidence.decoded_s:.1f} of {max(evidence.expected_s, evidence.laid_s):.1f} s of sound could be "
        f"decoded, and {evidence.n_errors} of {evidence.n_packets} packets are broken; at least "
        f"{1 - max_lost_fraction:.0%} must be whole. Send the recording again from its source.",
    )


def tell_damage(evidence: Evidence) -> tuple[str, ...]:
    """Facts about damage, for people; empty when there is none."""
    return (*evidence.structure, *_facts(evidence))


def _facts(evidence: Evidence) -> Iterator[str]:
    if evidence.n_errors:
        yield f"{evidence.n_errors} of {evidence.n_packets} packets did not decode"
    if evidence.missing_s:
        yield f"{evidence.missing_s:.2f} of {evidence.expected_s:.2f} s are missing"
    if evidence.lost_inside_s:
        yield f"{evidence.lost_inside_s:.2f} s were lost inside; silence stands in their place"
    if evidence.declared_s is not None and evidence.laid_s - evidence.declared_s > evidence.tolerance_s:
        yield f"{evidence.laid_s:.2f} s were decoded where the header declares {evidence.declared_s:.2f} s"
    if evidence.has_wrong_checksum:
        yield "the samples do not match the FLAC file's own checksum"
    if evidence.n_format_changes:
        yield f"rate, channels or sample format change inside, {evidence.n_format_changes} times"
    if evidence.n_audio_tracks > 1:
        yield f"only the first of {evidence.n_audio_tracks} audio tracks was read"
