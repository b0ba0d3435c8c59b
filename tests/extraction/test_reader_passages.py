"""The reader is shown labels, and quotes without them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nurseconv_dagster.extraction.providers.passages import present
from nurseconv_dagster.speech.transcripts import Role, Segment, Transcript, assemble

ROLES: list[Role | None] = ["nurse", "patient", "family", "other", None]
segments_strategy = st.lists(
    st.tuples(st.sampled_from(ROLES), st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), max_size=60)),
    min_size=1,
    max_size=12,
)


def transcript_of(turns: list[tuple[Role | None, str]]) -> Transcript:
    text, segments = assemble([Segment(id=0, text=words, role=role, speaker=role) for role, words in turns])
    return Transcript("speech", text, segments, "en", None, "typed", "", "", 0.0, None)


def test_known_roles_become_labels_at_the_start_of_lines() -> None:
    transcript = transcript_of([("nurse", "Any pain?"), ("patient", "No."), ("patient", "None at all.")])
    (passage,) = present(transcript, max_chars=4096)
    assert passage.text == "Nurse: Any pain?\nPatient: No. None at all."


def test_without_roles_the_words_run_on() -> None:
    (passage,) = present(transcript_of([(None, "Any pain?"), (None, "No.")]), max_chars=4096)
    assert passage.text == "Any pain? No."


@given(segments_strategy, st.integers(60, 400))
def test_every_word_stands_in_a_passage_and_leads_back_to_its_place(
    turns: list[tuple[Role | None, str]], max_chars: int
) -> None:
    transcript = transcript_of(turns)
    seen: set[int] = set()
    for passage in present(transcript, max_chars=max_chars):
        assert len(passage.text) <= max_chars + 1
        for start, (begin, end) in zip(passage.starts, passage.origins, strict=True):
            assert passage.text[start : start + end - begin] == transcript.full_text[begin:end]
            assert passage.origin(start, start + end - begin) == (begin, end)
            seen.update(range(begin, end))
    wanted = {i for segment in transcript.segments for i in range(segment.start_char, segment.end_char)}
    assert seen == wanted


def test_a_span_that_begins_in_a_label_is_quoted_without_it() -> None:
    transcript = transcript_of([("nurse", "Any pain?"), ("patient", "A little.")])
    (passage,) = present(transcript, max_chars=4096)
    at = passage.text.index("Patient:")
    place = passage.origin(at, len(passage.text))
    assert place is not None
    assert transcript.full_text[slice(*place)] == "A little."
