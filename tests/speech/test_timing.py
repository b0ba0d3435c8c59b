"""Laws of words in time: whole words, in order, and segments where a turn can end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nurseconv_dagster.speech.decoding import Decoded, Piece
from nurseconv_dagster.speech.gate import Stretch
from nurseconv_dagster.speech.timing import cut_segments, place_words
from nurseconv_dagster.speech.windows import Window

WHOLE = Window((Stretch(0, 30 * 16_000),))


def decoded(*pieces, language="en"):
    text = "".join(piece.text for piece in pieces)
    return Decoded(
        text=text, words=pieces, avg_logprob=-0.2, no_speech_prob=0.01, compression_ratio=1.0, text_language=language
    )


def pieces_of(*texts, length_s=0.3):
    return [Piece(text, at * length_s, (at + 1) * length_s, 0.9, 1) for at, text in enumerate(texts)]


def words_of(heard):
    return [word.text.strip() for word in place_words(heard, WHOLE)]


def test_a_dose_a_pressure_and_a_hyphened_word_are_one_word_each():
    heard = decoded(*pieces_of(" 0", ".", "5", " mg", ",", " 140", "/85", ",", " follow", "-", "up", "."))
    assert words_of(heard) == ["0.5", "mg,", "140/85,", "follow-up."]


def test_a_joined_word_has_the_mean_probability_of_its_tokens():
    heard = decoded(Piece(" 0", 0.0, 0.2, 0.9, 1), Piece(".5", 0.2, 0.5, 0.3, 2))
    (word,) = place_words(heard, WHOLE)
    assert (word.start_s, word.end_s, round(word.probability, 6)) == (0.0, 0.5, 0.5)


def test_a_language_without_spaces_keeps_its_characters_apart():
    assert words_of(decoded(*pieces_of("我", "头", "痛", "。"), language="zh")) == ["我", "头", "痛。"]


def test_silence_after_a_sentence_belongs_to_no_word():
    heard = decoded(*pieces_of(" Do", " you", " smoke"), Piece("?", 0.9, 2.9, 0.9, 1), Piece(" No.", 2.9, 5.0, 0.9, 1))
    smoke, no = place_words(heard, WHOLE)[2:]
    assert smoke.end_s <= 1.0
    assert no.start_s >= 4.0


texts = st.sampled_from([" the", " 5", ".", "0", " mg", "?", " No", ",", " -", "/85", " "])
times = st.floats(0, 31, allow_nan=False)
any_pieces = st.lists(
    st.builds(Piece, texts, times, times, st.floats(0, 1), st.integers(1, 4)).filter(lambda piece: piece.text),
    max_size=30,
)
any_window = st.lists(st.tuples(st.integers(0, 9_000), st.integers(1_000, 90_000)), min_size=1, max_size=5)


@given(any_pieces, any_window)
def test_words_never_run_backwards_nor_out_of_their_window_and_lose_no_letter(pieces, gaps):
    stretches, at = [], 0
    for gap, length in gaps:
        stretches.append(Stretch(at + gap, at + gap + length))
        at += gap + length
    window, heard = Window(tuple(stretches)), decoded(*pieces)
    words = place_words(heard, window)
    edges = [edge for word in words for edge in (word.start_s, word.end_s)]
    assert edges == sorted(edges)
    assert all(0 <= edge <= at / 16_000 + 0.01 for edge in edges)
    assert "".join(word.text for word in words) == heard.text
    assert "".join(one.text.strip() for one in cut_segments(words, heard, None)).replace(" ", "") == heard.text.replace(
        " ", ""
    )


def test_segments_end_with_a_sentence_but_not_with_a_title():
    heard = decoded(*pieces_of(" Dr.", " Lee", " comes", ".", " Any", " pain", "?", " No", "."))
    segments = cut_segments(place_words(heard, WHOLE), heard, "channel_0")
    assert [one.text for one in segments] == ["Dr. Lee comes.", "Any pain?", "No."]
    assert {one.speaker for one in segments} == {"channel_0"}


def test_a_pause_in_which_another_may_speak_ends_a_segment():
    heard = decoded(*pieces_of(" I", " feel"), Piece(" dizzy", 2.0, 2.4, 0.9, 1))
    segments = cut_segments(place_words(heard, WHOLE), heard, None)
    assert [(one.text, one.start_s, one.end_s) for one in segments] == [("I feel", 0.0, 0.6), ("dizzy", 2.0, 2.4)]
