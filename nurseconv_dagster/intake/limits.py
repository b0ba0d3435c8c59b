"""What intake is willing to take: one plain value that the settings fill.

What lives here: `Limits`, `limits_of()`.
When to add here: a bound that the door or the decoder must respect.
What to keep out: reading the environment (settings does that); the refusals themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

from nurseconv_dagster.setting_rules import AUDIO_FORMATS
from nurseconv_dagster.settings import Settings


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one arrival.

    Args:
        max_file_size_bytes: larger files are refused unread; texts too.
        allowed_formats: which of `AUDIO_FORMATS` are taken.
        max_duration_s: longer recordings are refused, from the header where it says so, else before decoding.
        max_channels: more channels than a meeting-room microphone has are a measuring device's file.
        min_sample_rate_hz: below this there is no speech band left.
        max_sample_rate_hz: above this it is no recorder's file.
        max_memory_bytes: while decoding, the file itself aside; the default holds four hours of two channels.
        max_lost_fraction: a recording that lost more than this share of its seconds or packets is refused; one that
            lost less is taken, with the damage written down. 0..1.
    """

    max_file_size_bytes: int = 104_857_600
    allowed_formats: tuple[str, ...] = AUDIO_FORMATS
    max_duration_s: float = 4 * 3600.0
    max_channels: int = 8
    min_sample_rate_hz: int = 4_000
    max_sample_rate_hz: int = 384_000
    max_memory_bytes: int = 3 * 1024**3
    max_lost_fraction: float = 0.5


def limits_of(settings: Settings) -> Limits:
    """What the settings allow."""
    return Limits(
        max_file_size_bytes=settings.max_file_size,
        allowed_formats=settings.allowed_audio_formats,
        max_duration_s=settings.max_duration_s,
    )
