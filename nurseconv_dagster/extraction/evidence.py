"""Evidence: where in the transcript a provider's quote stands, or that it stands nowhere.

What lives here: `find_quote()` and its three grades. The law: `full_text[start_char:end_char] == quote`, always.
When to add here: another grade of likeness, with a guard that keeps its false finds at none.
What to keep out: what the evidence proves (`checking.py`) and how words are compared (`tokens.py`, `meaning.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

from nurseconv_dagster.extraction.answers import Evidence, Grade
from nurseconv_dagster.extraction.meaning import NEGATIONS, same_meaning
from nurseconv_dagster.extraction.tokens import Token, norms, tokenise
from nurseconv_dagster.extraction.words import word_set
from nurseconv_dagster.speech.transcripts import Role, Segment, Transcript, Word

MIN_SIMILARITY = 0.85  # Source: docs/scoring, grade "fuzzy"
_MIN_FUZZY_TOKENS = 4  # shorter quotes have too little to be like
_QUOTE_MARKS = "\"'“”‘’«»"
# Words that, alone, could be said of anything: without a place they prove nothing.
_PLACELESS = (NEGATIONS - {"nkda", "nka"}) | word_set(
    "yes yeah yep yup ok okay sure right good fine i do am have it is that correct"
)

Span = tuple[int, int]


def find_quote(transcript: Transcript, quote: str, segment_ids: Sequence[int] = ()) -> Evidence | None:
    """The stretch of the transcript that a quote was taken from, or null.

    Tried in order: the same characters; the same words (case, punctuation, line ends, fillers, quotation marks and the
    spelling of numbers and units aside); nearly the same words, only in the named segments and their neighbours, with
    the same numbers, units, negations, sides, frequencies and drug names. No quote begins or ends inside a number.

    Args:
        transcript: where to look.
        quote: the provider's words.
        segment_ids: where it is said to stand; empty means anywhere.
    """
    wanted = tokenise(quote)
    near = _neighbourhood(transcript, segment_ids)
    if not wanted:
        return None
    bare = quote.strip().strip(_QUOTE_MARKS).strip()
    words = _words_of(transcript.full_text)
    for grade, spans in (
        ("exact", _exact_spans(transcript.full_text, bare, words)),
        ("normalised", _normalised_spans(words, wanted)),
    ):
        span = _choose(list(spans), near, is_placeless=all(token.norm in _PLACELESS for token in wanted))
        if span is not None:
            return make_evidence(transcript, span, "exact" if grade == "exact" else "normalised")
    if near is None or len(wanted) < _MIN_FUZZY_TOKENS:
        return None
    likely = _fuzzy_span([word for word in words if _is_within((word.start, word.end), near)], wanted)
    return None if likely is None else make_evidence(transcript, likely[0], "fuzzy", likely[1])


def make_evidence(transcript: Transcript, span: Span, grade: Grade, similarity: float = 1.0) -> Evidence:
    """A stretch of the transcript with its segments, seconds, speaker and the probability of its words.

    Args:
        transcript: where it stands.
        span: start and end offset, code points.
        grade: how it was found.
        similarity: 0..1 to the provider's quote.
    """
    start, end = span
    segments = [segment for segment in transcript.segments if segment.start_char < end and segment.end_char > start]
    spoken = [word for segment in segments for word in segment.words if word.start_char < end and word.end_char > start]
    return Evidence(
        quote=transcript.full_text[start:end],
        grade=grade,
        segment_ids=tuple(segment.id for segment in segments),
        start_char=start,
        end_char=end,
        start_s=_start_s(spoken, segments),
        end_s=_end_s(spoken, segments),
        role=_single_role(segments),
        similarity=similarity,
        word_probability=sum(word.probability for word in spoken) / len(spoken) if spoken else None,
    )


def _start_s(words: Sequence[Word], segments: Sequence[Segment]) -> float | None:
    return words[0].start_s if words else (segments[0].start_s if segments else None)


def _end_s(words: Sequence[Word], segments: Sequence[Segment]) -> float | None:
    return words[-1].end_s if words else (segments[-1].end_s if segments else None)


def _single_role(segments: Sequence[Segment]) -> Role | None:
    roles = {segment.role for segment in segments}
    return roles.pop() if len(roles) == 1 else None


@lru_cache(maxsize=8)
def _words_of(full_text: str) -> tuple[Token, ...]:
    """Cached: every quote of every provider looks at the same transcript."""
    return tokenise(full_text)


def _neighbourhood(transcript: Transcript, segment_ids: Sequence[int]) -> Span | None:
    """From the segment before the first named to the one after the last; null when none is named or known."""
    known = [i for i in segment_ids if 0 <= i < len(transcript.segments)]
    if not known:
        return None
    first, last = max(min(known) - 1, 0), min(max(known) + 1, len(transcript.segments) - 1)
    return transcript.segments[first].start_char, transcript.segments[last].end_char


def _exact_spans(text: str, bare: str, words: Sequence[Token]) -> Iterator[Span]:
    at = text.find(bare) if bare else -1
    while at >= 0:
        end = at + len(bare)
        if not any(word.start < edge < word.end for word in words for edge in (at, end)):
            yield at, end
        at = text.find(bare, at + 1)


def _normalised_spans(words: Sequence[Token], wanted: Sequence[Token]) -> Iterator[Span]:
    have, want = norms(words), norms(wanted)
    for i in range(len(have) - len(want) + 1):
        if have[i] == want[0] and have[i : i + len(want)] == want:
            yield words[i].start, words[i + len(want) - 1].end


def _choose(found: list[Span], near: Span | None, *, is_placeless: bool) -> Span | None:
    """The first one near the named segments, else the first anywhere; "No, never" only where it stands but once."""
    inside = [span for span in found if near is not None and _is_within(span, near)]
    if inside:
        return inside[0]
    return found[0] if found and (not is_placeless or len(found) == 1) else None


def _is_within(span: Span, around: Span) -> bool:
    return around[0] <= span[0] and span[1] <= around[1]


def _fuzzy_span(words: Sequence[Token], wanted: Sequence[Token]) -> tuple[Span, float] | None:
    from rapidfuzz.distance import Indel

    want = " ".join(norms(wanted))
    slack = max(1, len(wanted) // 5)
    best: tuple[Span, float] | None = None
    for size in range(max(1, len(wanted) - slack), len(wanted) + slack + 1):
        for i in range(len(words) - size + 1):
            window = words[i : i + size]
            likeness = Indel.normalized_similarity(want, " ".join(norms(window)), score_cutoff=MIN_SIMILARITY)
            if likeness > (best[1] if best else 0.0) and same_meaning(wanted, window):
                best = ((window[0].start, window[-1].end), likeness)
    return best
