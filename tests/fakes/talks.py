"""Small conversations for tests: typed lines with or without roles, or spoken words with seconds and probabilities."""

from __future__ import annotations

from typing import get_args

from nurseconv_dagster.speech.transcripts import Role, Segment, Transcript, Word, assemble


def typed(*lines: str) -> Transcript:
    """A typed transcript; "nurse: ..." or "patient: ..." at the start of a line gives its role."""
    segments = []
    for i, line in enumerate(lines):
        label, _, rest = line.partition(": ")
        role = next((known for known in get_args(Role) if known == label), None)
        segments.append(Segment(i, rest if role else line, role=role, speaker=role))
    full_text, placed = assemble(segments)
    return Transcript("speech" if placed else "no_speech", full_text, placed, "en", None, "typed", "", "", 0.0, None)


def spoken(*lines: str, probability: float = 0.9) -> Transcript:
    """The same with one second a word, counted through the whole conversation."""
    segments, second = [], 0.0
    for segment in typed(*lines).segments:
        words = tuple(
            Word(word, second + i, second + i + 0.8, probability) for i, word in enumerate(segment.text.split())
        )
        segments.append(
            Segment(
                segment.id, segment.text, words[0].start_s, words[-1].end_s, segment.speaker, segment.role, words=words
            )
        )
        second += len(words)
    full_text, placed = assemble(segments)
    return Transcript("speech", full_text, placed, "en", 0.99, "whisper-base", "r", "int8", 0.1, second)
