"""The transcript: the typed value that leaves the speech room.

What lives here: `Word`, `Segment`, `Transcript`, and `assemble()`, the one place that lays segments into `full_text`.
When to add here: a field that every later room needs. The store writes these fields as they are named.
What to keep out: how the words were found (whisper, typed text), and any judgement of them beyond flags.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Role = Literal["nurse", "patient", "family", "other"]
Outcome = Literal["speech", "no_speech"]


@dataclass(frozen=True, slots=True)
class Word:
    """One spoken word.

    Args:
        text: as transcribed, without surrounding spaces; may carry punctuation.
        start_s: seconds from the start of the recording.
        end_s: seconds from the start of the recording, >= start_s.
        probability: the model's own, 0..1.
        start_char: offset into `Transcript.full_text`, in code points; -1 until assembled.
        end_char: one past the last code point; -1 until assembled.
    """

    text: str
    start_s: float
    end_s: float
    probability: float
    start_char: int = -1
    end_char: int = -1


@dataclass(frozen=True, slots=True)
class Segment:
    """One stretch of speech by one speaker, or one line of a typed conversation.

    Args:
        id: 0, 1, 2, ... in the order of `Transcript.segments`.
        text: the words, stripped.
        start_s: seconds; null for typed text.
        end_s: seconds; null for typed text.
        speaker: a label that tells voices apart ("channel_0", "Nurse"), null when unknown.
        role: who speaks, null when unknown.
        avg_logprob: mean log probability of the tokens (Whisper), <= 0; null for typed text.
        no_speech_prob: Whisper's own, 0..1; null for typed text.
        compression_ratio: gzip ratio of the text (Whisper); high means repetition; null for typed text.
        words: the timed words; empty for typed text.
        flags: why this segment is doubtful: `low_logprob`, `repetitive`, `likely_silence`, `damaged_audio`.
        start_char: offset into `Transcript.full_text`; -1 until assembled.
        end_char: one past the last code point; -1 until assembled.
    """

    id: int
    text: str
    start_s: float | None = None
    end_s: float | None = None
    speaker: str | None = None
    role: Role | None = None
    avg_logprob: float | None = None
    no_speech_prob: float | None = None
    compression_ratio: float | None = None
    words: tuple[Word, ...] = ()
    flags: tuple[str, ...] = ()
    start_char: int = -1
    end_char: int = -1


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said in one upload.

    Args:
        outcome: `no_speech` is a legal result: then there are no segments and no text.
        full_text: all segments' texts; every segment and word points into it.
        segments: ordered by start.
        language: ISO 639-1 code, null when unknown.
        language_probability: 0..1, null when typed or given.
        model_name: what transcribed ("whisper-base", "typed").
        model_revision: hash or version of the weights.
        compute_type: CTranslate2's, "" for typed text.
        processing_time_s: wall seconds spent on this upload.
        duration_s: seconds of audio; null for typed text.
        snr_db: signal-to-noise ratio of the recording in dB; null for typed text or silence.
        confidence_score: duration-weighted mean of exp(avg_logprob), 0..1; null without speech or for typed text.
    """

    outcome: Outcome
    full_text: str
    segments: tuple[Segment, ...]
    language: str | None
    language_probability: float | None
    model_name: str
    model_revision: str
    compute_type: str
    processing_time_s: float
    duration_s: float | None
    snr_db: float | None = None
    confidence_score: float | None = None

    @property
    def is_typed(self) -> bool:
        """True when a person typed it: there is no audio and no second to point at."""
        return self.duration_s is None


def assemble(segments: list[Segment]) -> tuple[str, tuple[Segment, ...]]:
    """The full text and the same segments pointing into it, renumbered from 0.

    A new line starts where the role or speaker changes, else a space joins; so a quote that runs over two segments of
    one speaker stays one line. Word offsets are found by walking the segment's text in order.

    Args:
        segments: in time order; empty texts are dropped.
    """
    text = ""
    placed: list[Segment] = []
    for segment in segments:
        body = segment.text.strip()
        if not body:
            continue
        if placed:
            before = placed[-1]
            text += " " if (before.role, before.speaker) == (segment.role, segment.speaker) else "\n"
        start = len(text)
        text += body
        placed.append(
            replace(
                segment,
                id=len(placed),
                text=body,
                words=_place_words(segment.words, body, start),
                start_char=start,
                end_char=start + len(body),
            )
        )
    return text, tuple(placed)


def _place_words(words: tuple[Word, ...], body: str, offset: int) -> tuple[Word, ...]:
    placed: list[Word] = []
    cursor = 0
    for word in words:
        bare = word.text.strip()
        at = body.find(bare, cursor)
        if at < 0 or not bare:
            continue
        cursor = at + len(bare)
        placed.append(replace(word, text=bare, start_char=offset + at, end_char=offset + cursor))
    return tuple(placed)
