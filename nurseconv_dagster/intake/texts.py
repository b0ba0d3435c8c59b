"""A typed conversation: strict UTF-8, its lines, and who says each of them where the writer said so.

What lives here: `read_text()`, the role words, and the spans of the lines.
When to add here: a role word that people type in front of a line.
What to keep out: segments and transcripts (speech makes them); what the words mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from nurseconv_dagster.intake.arrivals import Refusal

Role = Literal["nurse", "patient", "family", "other"]

# Who is meant by the words in front of a colon. A caller may be the patient or the family: the role stays unknown.
_ROLE_WORDS: dict[Role | None, tuple[str, ...]] = {
    "nurse": (
        "nurse", "registered nurse", "charge nurse", "staff nurse", "student nurse", "school nurse", "triage nurse",
        "home nurse", "nurse practitioner", "rn", "lpn", "lvn",
    ),
    "patient": ("patient", "pt", "client"),
    "family": (
        "family", "family member", "relative", "mother", "father", "mom", "mum", "dad", "parent", "daughter", "son",
        "wife", "husband", "spouse", "partner", "sister", "brother", "grandmother", "grandfather", "granddaughter",
        "grandson", "aunt", "uncle", "caregiver", "carer", "guardian",
    ),
    "other": (
        "doctor", "dr", "dr.", "physician", "md", "resident physician", "surgeon", "pharmacist", "therapist",
        "physiotherapist", "social worker", "interpreter", "paramedic", "aide", "nursing assistant", "cna",
        "dietitian", "midwife",
    ),
    None: ("caller", "speaker"),
}  # fmt: skip
_ROLES = {word: role for role, words in _ROLE_WORDS.items() for word in words}
_WORDS = "|".join(sorted((re.escape(word).replace(r"\ ", r"[ \t]+") for word in _ROLES), key=len, reverse=True))
# A role word, then a number or a name in brackets; after a doctor's title also the bare name.
_LABEL = re.compile(
    rf"[ \t]*(?P<label>(?P<word>{_WORDS})"
    r"(?:(?:(?<=dr)|(?<=dr\.)|(?<=doctor))(?:[ \t]+[^\W\d_][\w.'-]{0,39}){1,2})?"
    r"(?:[ \t]*\#?\d{1,3})?"
    r"(?:[ \t]*(?:\([^()\n]{0,60}\)|\[[^\[\]\n]{0,60}\]))?)"
    r"[ \t]*[:：]",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class TypedLine:
    """One line that holds words.

    Args:
        speaker: the label as typed ("Nurse 2", "Dr. Lee"), null where no label has come yet.
        role: who that is, null when unknown.
        start_char: offset into `TypedText.text` in code points, behind the label and spaces.
        end_char: one past the last character that is no space.
    """

    speaker: str | None
    role: Role | None
    start_char: int
    end_char: int


@dataclass(frozen=True, slots=True)
class TypedText:
    """A typed conversation.

    Args:
        text: as typed, with every line break as one newline and without the byte order mark.
        lines: in order; a line without a label goes on with the last speaker.
    """

    text: str
    lines: tuple[TypedLine, ...]


def read_text(raw: bytes) -> TypedText | Refusal:
    """The conversation, or why these bytes are none.

    Args:
        raw: UTF-8; a byte order mark is taken off. The caller has checked the size.
    """
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return Refusal("not_utf8", f"byte {error.start} of the text is not UTF-8; save it as UTF-8 and send it again.")
    if "\0" in text:
        return Refusal("not_utf8", "the text holds NUL characters; save it as plain UTF-8 text and send it again.")
    if not any(char.isalnum() for char in text):
        return Refusal("empty_text", "the text holds no letter and no digit; send the typed conversation.")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return TypedText(text, tuple(_read_lines(text)))


def _read_lines(text: str) -> Iterator[TypedLine]:
    speaker: str | None = None
    role: Role | None = None
    line_at = 0
    for line in text.split("\n"):
        body_at = 0
        label = _LABEL.match(line)
        if label:
            speaker, role = label["label"], _ROLES[" ".join(label["word"].lower().split())]
            body_at = label.end()
        body = line[body_at:].strip()
        if body:
            start_char = line_at + line.index(body, body_at)
            yield TypedLine(speaker, role, start_char, start_char + len(body))
        line_at += len(line) + 1
