"""The same recording is the same upload everywhere; two notes of the same words are two."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from nurseconv_dagster.intake.identity import identity_key, unread_key, upload_id

SHA, OTHER = "a" * 64, "b" * 64
WORDS = st.text(st.characters(exclude_categories=[]), max_size=20)


@given(st.none() | WORDS, st.none() | WORDS, st.none() | WORDS)
def test_a_recording_is_its_bytes_whatever_is_said_about_it(key, encounter, location):
    assert identity_key("audio", SHA, key, encounter, location) == identity_key("audio", SHA, None, None, None)
    assert identity_key("audio", OTHER, key, encounter, location) != identity_key("audio", SHA, None, None, None)


@given(WORDS, WORDS, WORDS)
def test_a_text_is_told_apart_by_key_then_encounter_then_path(key, encounter, location):
    assert identity_key("text", SHA, key, encounter, location) == identity_key("text", SHA, key, None, None)
    assert identity_key("text", SHA, None, encounter, location) == identity_key("text", SHA, None, encounter, None)
    kinds = {
        identity_key("text", SHA, key, None, None),
        identity_key("text", SHA, None, key, None),
        identity_key("text", SHA, None, None, key),
        identity_key("audio", SHA, None, None, None),
    }
    assert len(kinds) == 4


def test_two_notes_of_the_same_words_with_nothing_shared_are_two():
    assert identity_key("text", SHA, None, None, None) != identity_key("text", SHA, None, None, None)


def test_the_same_key_with_other_bytes_meets_the_first_row():
    assert identity_key("text", SHA, "k", None, None) == identity_key("text", OTHER, "k", None, None)
    assert identity_key("text", SHA, None, "e", None) != identity_key("text", OTHER, None, "e", None)


@given(WORDS, WORDS)
def test_nothing_said_can_be_read_from_the_key(words, other):
    key = identity_key("text", SHA, None, words + "Canary", None)
    assert "Canary" not in key
    assert key.isascii()
    assert (words == other) == (
        identity_key("text", SHA, words, None, None) == identity_key("text", SHA, other, None, None)
    )


def test_an_unread_file_is_its_place_and_version():
    assert unread_key("too_large", "a", "1") == unread_key("too_large", "a", "1")
    assert (
        len({unread_key("too_large", "a", "1"), unread_key("too_large", "a", "2"), unread_key("empty_file", "a", "1")})
        == 3
    )
    assert unread_key("too_large", "a", "bc") != unread_key("too_large", "ab", "c")
    assert unread_key("empty_file", None, None) != unread_key("empty_file", None, None)


def test_upload_ids_are_the_same_on_every_machine():
    assert upload_id(f"recording:{SHA}") == UUID("78ecf2c6-784d-5187-a375-42886b8daee9")
