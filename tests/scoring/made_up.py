"""Small made-up questions, answers and transcripts, from which a score can be worked out by hand."""

from __future__ import annotations

from typing import Any

from nurseconv_dagster.extraction.answers import Answer, Evidence, Extraction, Grade, ProviderCall, State
from nurseconv_dagster.extraction.questions import Profile, Question
from nurseconv_dagster.scoring.asked import Item, items_of
from nurseconv_dagster.scoring.rubric import load_rubric
from nurseconv_dagster.speech.transcripts import Role, Segment, Transcript, Word, assemble

RUBRIC = load_rubric()
VERSION = "1.0+000000000000"


def question(
    name: str, weight: float = 1, category: str = "assessment", *, required: bool = True, critical: bool = False
) -> Question:
    return Question(name, name, (name,), (), category, "text", {}, weight, required, critical, is_phi=False)


def evidence(grade: Grade = "exact", role: Role | None = None) -> Evidence:
    return Evidence("word", grade, (0,), 0, 4, None, None, role)


def answer(
    name: str,
    state: State = "answered",
    value: Any = "word",
    *,
    grade: Grade | None = "exact",
    confidence: float | None = 0.8,
    valid: bool = True,
    review: bool = False,
    provider: str = "rules",
) -> Answer:
    has_words = state in ("answered", "denied", "conflicting")
    return Answer(
        question_id=name, question_text=name, category="assessment", value_type="text", is_phi=False, is_required=True,
        is_safety_critical=False, weight=1, state=state, answer_text=None, answer_value=value if has_words else None,
        is_valid=valid, confidence_score=confidence if has_words else None,
        is_confident=has_words and (confidence or 0) >= 0.5, needs_review=review, review_reasons=(),
        evidence=(evidence(grade),) if has_words and grade else (), provider=provider if has_words else "none",
        model_name="", prompt_sha256="", catalogue_version=VERSION, processing_time_s=0.0,
    )  # fmt: skip


def profile(*questions: Question, target: float = 4) -> Profile:
    return Profile("made_up", "Made up", questions, target)


def items(*pairs: tuple[Question, Answer]) -> dict[str, Item]:
    found = items_of(profile(*(one for one, _ in pairs)), [other for _, other in pairs])
    return {item.question.id: item for item in found}


def asked(**states: State) -> dict[str, Item]:
    """Items of weight 1 with these states."""
    return items(*((question(name), answer(name, state)) for name, state in states.items()))


def call(made: int = 0, accepted: int = 0, with_numbers: int = 0, faithful: int = 0, **dropped: int) -> ProviderCall:
    return ProviderCall(
        "rules", "", "ok", (), 0.0, made, accepted, dropped or None, with_numbers, faithful
    )  # fmt: skip


def extraction(*answers: Answer, calls: tuple[ProviderCall, ...] = ()) -> Extraction:
    return Extraction(answers, calls, VERSION)


def typed(*lines: tuple[Role | None, str], language: str | None = None) -> Transcript:
    """A typed conversation."""
    return _transcript([Segment(0, text, role=role, speaker=role) for role, text in lines], None, language)


def spoken(
    *lines: tuple[Role | None, float, float, str], duration_s: float, language: str | None = "en", **facts: Any
) -> Transcript:
    """A recording: who, from, to (seconds), what; words are left out unless given in the segments."""
    segments = [Segment(0, text, start, end, role, role, avg_logprob=-0.1) for role, start, end, text in lines]
    return _transcript(segments, duration_s, language, **facts)


def recording(segments: list[Segment], duration_s: float, **facts: Any) -> Transcript:
    return _transcript(segments, duration_s, "en", **facts)


def timed(text: str, start_s: float, end_s: float, probability: float = 0.9) -> Word:
    return Word(text, start_s, end_s, probability)


def silence(duration_s: float = 60) -> Transcript:
    return Transcript("no_speech", "", (), None, None, "whisper-base", "", "int8", 0.1, duration_s)


def _transcript(
    segments: list[Segment], duration_s: float | None, language: str | None, snr_db: float | None = None
) -> Transcript:
    text, placed = assemble(segments)
    return Transcript("speech", text, placed, language, None, "made_up", "", "", 0.0, duration_s, snr_db)
