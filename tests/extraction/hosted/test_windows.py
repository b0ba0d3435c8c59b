"""Laws of windows and batches: everything is asked about, nothing is asked that does not fit."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nurseconv_dagster.errors import ContextTooLongError
from nurseconv_dagster.extraction.catalogue import load_catalogue
from nurseconv_dagster.extraction.hosted.windows import (
    MIN_WINDOW_TOKENS,
    QUESTIONS_PER_CALL,
    cut_windows,
    estimate_segments,
    estimate_tokens,
    halve_window,
    split_questions,
)
from nurseconv_dagster.speech.transcripts import Segment
from tests.fakes.model_client import long_talk

TEXTS = st.lists(
    st.text(alphabet="ab é中\n", min_size=1, max_size=60).map(lambda text: text * 12), min_size=1, max_size=25
)


def words(segments: tuple[Segment, ...]) -> list[str]:
    return [word for segment in segments for word in segment.text.split()]


def test_a_transcript_that_fits_is_one_window_untouched() -> None:
    talk = long_talk(20)
    assert cut_windows(talk, estimate_segments(talk)) == [talk]


def test_windows_are_whole_segments_in_order_and_cover_all_of_them() -> None:
    talk = long_talk(200)
    windows = cut_windows(talk, 1000)
    assert len(windows) > 2
    assert {segment for window in windows for segment in window} == set(talk)
    for window in windows:
        assert estimate_segments(window) <= 1000
        assert [segment.id for segment in window] == list(range(window[0].id, window[-1].id + 1))


def test_neighbouring_windows_overlap_and_each_brings_something_new() -> None:
    for one, other in pairwise(cut_windows(long_talk(200), 1000)):
        assert one[-1] in other
        assert other[-1] not in one


def test_segments_that_nearly_fill_a_window_still_overlap() -> None:
    windows = cut_windows(long_talk(12, words_each=40), 240)
    for one, other in pairwise(windows):
        assert one[-1] in other


def test_an_over_long_segment_is_cut_between_words_with_overlap() -> None:
    talk = (Segment(0, "Tell me.", role="nurse"), Segment(1, " ".join(f"word{i}" for i in range(900)), role="patient"))
    windows = cut_windows(talk, 400)
    assert [word for window in windows for word in words(window) if word == "word899"] == ["word899"]
    assert {word for window in windows for word in words(window)} == set(words(talk))
    for one, other in pairwise(windows):
        assert set(words(one)) & set(words(other))
        assert [segment.id for segment in other] == [1]
        assert other[0].role == "patient"
    assert all(len(window) == len({segment.id for segment in window}) for window in windows)


def test_a_segment_without_a_space_is_cut_all_the_same() -> None:
    windows = cut_windows((Segment(0, "痛" * 3000),), 300)
    assert all(estimate_segments(window) <= 300 for window in windows)
    assert sum(len(window[0].text) for window in windows) >= 3000


@given(TEXTS, st.integers(MIN_WINDOW_TOKENS, 900))
@settings(max_examples=80)
def test_whatever_is_said_every_window_fits_and_every_word_is_in_one(texts: list[str], max_tokens: int) -> None:
    talk = tuple(Segment(i, text, role="patient") for i, text in enumerate(texts))
    windows = cut_windows(talk, max_tokens)
    assert all(estimate_segments(window) <= max_tokens for window in windows)
    for segment in talk:
        parts = [part.text for window in windows for part in window if part.id == segment.id]
        assert parts
        assert len("".join("".join(parts).split())) >= len("".join(segment.text.split()))


def test_a_model_with_no_room_for_a_transcript_is_not_asked() -> None:
    with pytest.raises(ContextTooLongError, match="longer context"):
        cut_windows(long_talk(2), MIN_WINDOW_TOKENS - 1)


def test_halves_are_smaller_and_cover_the_window() -> None:
    talk = long_talk(100)
    halves = halve_window(talk)
    assert len(halves) == 2
    assert {segment for half in halves for segment in half} == set(talk)
    assert max(estimate_segments(half) for half in halves) < 0.6 * estimate_segments(talk)


def test_tokens_are_guessed_upwards_for_every_script() -> None:
    assert estimate_tokens("abc") == 1
    assert estimate_tokens("痛みはありますか") >= 8
    assert estimate_tokens("") == 0
    assert estimate_tokens("\ud800") == 1


def test_questions_are_split_only_when_they_must_and_evenly() -> None:
    admission = load_catalogue().profiles["admission"].questions
    assert split_questions(admission[:QUESTIONS_PER_CALL]) == [admission[:QUESTIONS_PER_CALL]]
    batches = split_questions(admission)
    assert [len(batch) for batch in batches] == [16, 17]
    assert tuple(question for batch in batches for question in batch) == admission
    assert split_questions(()) == []
