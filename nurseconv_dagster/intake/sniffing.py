"""What a file is, from its bytes and never from its name.

What lives here: `sniff()`, the magic numbers, and the names of formats that are known but not taken.
When to add here: an audio format, or a stranger that deserves to be named in its refusal.
What to keep out: opening containers (demuxing) and reading whole texts (texts).
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from pathlib import Path, PurePath

from nurseconv_dagster.intake.arrivals import Kind, Refusal
from nurseconv_dagster.intake.containers import mpeg, ogg
from nurseconv_dagster.setting_rules import AUDIO_FORMATS

CONTENT_TYPES = {
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "m4a": "audio/mp4",
    "ogg": "audio/ogg",
    "flac": "audio/flac",
    "webm": "audio/webm",
    "text": "text/plain",
}
UNKNOWN_CONTENT_TYPE = "application/octet-stream"

_HEAD_BYTES = 1 << 16
_TYPED_SUFFIX = ".txt"
_MP4_OPENINGS = (b"ftyp", b"moov", b"mdat", b"wide", b"skip", b"free")
_STRANGERS = (
    (b"FORM", "AIFF"),
    (b"caff", "Core Audio (CAF)"),
    (b"#!AMR", "AMR"),
    (b"riff\x2e\x91\xcf\x11", "Sony Wave64"),
    (b"RIFX", "big-endian RIFF"),
    (b"RIFF", "RIFF, but not WAVE"),
    (b"RF64", "RF64, but not WAVE"),
    (b"OggS", "Ogg, but neither Vorbis nor Opus"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "Windows Media"),
    (b"%PDF", "PDF"),
    (b"PK\x03\x04", "ZIP or an office document"),
    (b"\xd0\xcf\x11\xe0", "an old office document"),
    (b"\x1f\x8b", "gzip"),
    (b"\x89PNG", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
)
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True, slots=True)
class Sniffed:
    """What the content is.

    Args:
        format: one of `AUDIO_FORMATS`, or `text`.
        content_type: the media type of that format.
    """

    format: str
    content_type: str

    @property
    def kind(self) -> Kind:
        """`text` for a typed conversation, else `audio`."""
        return "text" if self.format == "text" else "audio"


def sniff(path: Path, filename: str | None = None, declared_kind: Kind | None = None) -> Sniffed | Refusal:
    """What the content is, or why it is refused.

    Printable text is a typed conversation only where somebody says so: by a name that ends in `.txt`, or by
    declaring it. Sound is sound under any name.

    Args:
        path: the file; its first 64 KiB are read, for an MP3 those behind its tag.
        filename: the name the sender gave it; null to take the path's.
        declared_kind: what the caller knows it is; null to decide by content.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
        file.seek(mpeg.id3_length(head))
        behind_tag = file.read(_HEAD_BYTES)
    if not head:
        return Refusal("empty_file", "the file holds no bytes; send the recording again.")
    is_typed = declared_kind == "text" or _suffix(path.name if filename is None else filename) == _TYPED_SUFFIX
    if declared_kind == "text" or is_printable(head):
        return _sniff_text(head, is_typed=is_typed and declared_kind != "audio")
    audio_format = _sniff_audio(head, behind_tag)
    if audio_format is not None:
        return Sniffed(audio_format, CONTENT_TYPES[audio_format])
    if is_typed:
        return _refuse_encoding(head)
    return _refuse_stranger(head, behind_tag)


def is_printable(head: bytes) -> bool:
    """True for UTF-8 without control characters other than tab, line and page breaks; a mark in front is allowed.

    Args:
        head: the beginning of a file; may end inside a character.
    """
    try:
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(head)
    except UnicodeDecodeError:
        return False
    return not any(char < " " and char not in "\t\n\r\f" for char in set(text))


def _suffix(filename: str) -> str:
    return PurePath(filename).suffix.lower()


def _sniff_text(head: bytes, *, is_typed: bool) -> Sniffed | Refusal:
    if not is_typed:
        return Refusal(
            "unknown_format",
            "the content is text, not audio; send the recording itself, or name a typed conversation .txt.",
        )
    return Sniffed("text", CONTENT_TYPES["text"]) if is_printable(head) else _refuse_encoding(head)


def _sniff_audio(head: bytes, behind_tag: bytes) -> str | None:
    if head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:12] == b"WAVE":
        return "wav"
    if head[:4] == b"OggS":
        return "ogg" if ogg.find_codec(head) else None
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return "webm"
    if head[4:8] in _MP4_OPENINGS:
        return "m4a"
    if behind_tag[:4] == b"fLaC":
        return "flac"
    return "mp3" if mpeg.find_first_frame(behind_tag) is not None else None


def _refuse_encoding(head: bytes) -> Refusal:
    found = "UTF-16" if head.startswith(_UTF16_MARKS) else "not UTF-8"
    return Refusal("not_utf8", f"the text is {found}; save it as UTF-8 and send it again.")


def _refuse_stranger(head: bytes, behind_tag: bytes) -> Refusal:
    found = next((name for magic, name in _STRANGERS if head.startswith(magic)), None)
    if found is None and behind_tag[:1] == b"\xff" and len(behind_tag) > 1 and behind_tag[1] & 0xF6 == 0xF0:
        found = "raw AAC (ADTS)"
    return Refusal(
        "unknown_format",
        f"the content is {found or 'of no known audio format'}; allowed are {', '.join(AUDIO_FORMATS)}, and typed "
        "conversations in UTF-8 named .txt. Export the recording in one of these.",
    )
