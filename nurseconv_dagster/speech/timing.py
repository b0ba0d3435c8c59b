"""Words in time: pieces become whole words, move from a window's clock to the recording's, and are cut into segments.

What lives here: `place_words()` and `cut_segments()`.
When to add here: a rule about where a word or a segment begins and ends.
What to keep out: who speaks (channels, roles), offsets into the text (transcripts).
"""

from __future__ import annotations

from dataclasses import replace
from statistics import median

from nurseconv_dagster.speech.decoding import Decoded, Piece
from nurseconv_dagster.speech.quality import flags_of
from nurseconv_dagster.speech.transcripts import Segment, Word
from nurseconv_dagster.speech.windows import Window

# A turn of the other speaker fits into a pause of this length.
PAUSE_S = 1.0
_SENTENCE_ENDS = (".", "?", "!", "。", "？", "！")
_ABBREVIATIONS = frozenset({"dr.", "mr.", "mrs.", "ms.", "st.", "vs.", "e.g.", "i.e.", "approx."})
# Source: the cap that openai/whisper puts on words at sentence ends: twice a word's median length, itself <= 0.7 s.
_MAX_MEDIAN_S = 0.7
# Source: faster-whisper's list of languages written without spaces.
_UNSPACED = frozenset({"zh", "ja", "th", "lo", "my", "yue"})


def place_words(decoded: Decoded, window: Window) -> list[Word]:
    """The window's words in seconds of the recording, in order: no word begins before the last one ended.

    The words' texts keep their leading space, so that they join to the window's text.

    Args:
        decoded: what was heard in the window.
        window: where the window lies in the recording.
    """
    words: list[Word] = []
    clock = 0.0
    for piece in _trim(_glue(list(decoded.words), spaced=decoded.text_language not in _UNSPACED)):
        start_s, end_s = window.in_recording(piece.start_s, piece.end_s)
        start_s = max(round(start_s, 2), clock)
        clock = max(round(end_s, 2), start_s)
        words.append(Word(piece.text, start_s, clock, min(max(piece.probability, 0.0), 1.0)))
    return words


def cut_segments(words: list[Word], decoded: Decoded, speaker: str | None) -> list[Segment]:
    """Segments of one speaker, cut after sentences and at pauses, so that the other's turns fit between them.

    The measures (`avg_logprob`, ...) are those of the window, which is what Whisper judges.

    Args:
        words: of one window, from `place_words`.
        decoded: what was heard in that window.
        speaker: label of the channel; null for a mono recording.
    """
    segments: list[Segment] = []
    current: list[Word] = []
    for word in words:
        if current and (_ends_sentence(current[-1]) or word.start_s - current[-1].end_s > PAUSE_S):
            segments.append(_segment(current, decoded, speaker))
            current = []
        current.append(word)
    return [*segments, _segment(current, decoded, speaker)] if current else segments


def _glue(pieces: list[Piece], *, spaced: bool) -> list[Piece]:
    """Whole words: "0" and ".5" are one number, "140" and "/85" one pressure, a comma belongs to its word."""
    words: list[Piece] = []
    for piece in pieces:
        if not piece.text:
            continue
        bare = piece.text.strip()
        is_new = piece.text.startswith(" ") if spaced else any(letter.isalnum() for letter in bare)
        if words and not (is_new and bare):
            words[-1] = _join(words[-1], piece)
        else:
            words.append(piece)
    return words


def _join(left: Piece, right: Piece) -> Piece:
    n_tokens = left.n_tokens + right.n_tokens
    probability = left.probability * left.n_tokens + right.probability * right.n_tokens
    return Piece(
        text=left.text + right.text,
        start_s=left.start_s,
        end_s=max(left.end_s, right.end_s) if _is_spoken(right) else left.end_s,
        probability=probability / max(n_tokens, 1),
        n_tokens=n_tokens,
    )


def _is_spoken(piece: Piece) -> bool:
    """Punctuation is not: the alignment lays it over the silence after the word."""
    return any(letter.isalnum() for letter in piece.text)


def _trim(words: list[Piece]) -> list[Piece]:
    """Words at sentence ends without the silence that the alignment gave them."""
    lengths = [word.end_s - word.start_s for word in words if word.end_s > word.start_s]
    if not lengths:
        return words
    longest = 2 * min(median(lengths), _MAX_MEDIAN_S)
    trimmed: list[Piece] = []
    for word in words:
        is_long = word.end_s - word.start_s > longest
        if is_long and (not trimmed or trimmed[-1].text.endswith(_SENTENCE_ENDS)):
            trimmed.append(replace(word, start_s=word.end_s - longest))
        elif is_long and word.text.endswith(_SENTENCE_ENDS):
            trimmed.append(replace(word, end_s=word.start_s + longest))
        else:
            trimmed.append(word)
    return trimmed


def _ends_sentence(word: Word) -> bool:
    text = word.text.strip().lower()
    return text.endswith(_SENTENCE_ENDS) and text not in _ABBREVIATIONS


def _segment(words: list[Word], decoded: Decoded, speaker: str | None) -> Segment:
    return Segment(
        id=0,
        text="".join(word.text for word in words).strip(),
        start_s=words[0].start_s,
        end_s=words[-1].end_s,
        speaker=speaker,
        avg_logprob=decoded.avg_logprob,
        no_speech_prob=decoded.no_speech_prob,
        compression_ratio=decoded.compression_ratio,
        words=tuple(words),
        flags=flags_of(decoded),
    )
