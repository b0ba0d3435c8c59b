"""Numbers as people say and write them: "one forty over eighty-five", "half", "98.6" become values with their places.

What lives here: `find_numbers()` (cardinals) and `scan_numbers()` (ordinals too): one grammar for spoken and written.
When to add here: another way to say a number.
What to keep out: what a number means (`reading*.py`) and units (`tokens.py`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from nurseconv_dagster.extraction.words import FILLERS, word_list, word_set

_SMALL = word_list(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TENS = {
    word: 10 * i for i, word in enumerate(word_list("twenty thirty forty fifty sixty seventy eighty ninety"), start=2)
}
_CARDINALS = {word: i for i, word in enumerate(_SMALL)} | _TENS
_SCALES = {"hundred": 100, "thousand": 1000, "million": 1_000_000}
_FRACTIONS = {"half": Decimal("0.5"), "quarter": Decimal("0.25"), "quarters": Decimal("0.25")}
_GLYPHS = {"½": Decimal("0.5"), "¼": Decimal("0.25"), "¾": Decimal("0.75")}
_SLASHED = {"1/2": Decimal("0.5"), "1/4": Decimal("0.25"), "3/4": Decimal("0.75")}
_ORDINALS = {
    word: i
    for i, word in enumerate(
        word_list(
            "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
            "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
        ),
        start=1,
    )
} | {"thirtieth": 30}
# "that one", "no one": a pronoun, not a count.
_BEFORE_PRONOUN_ONE = word_set("no any some every this that which the another each other last next only")
_TABLET = word_set("tablet tablets tab tabs pill pills capsule capsules")
_CENTURIES = (18, 19, 20)

_TOKEN = re.compile(
    r"""(?P<phone>(?<![\w.])(?:\(?\d{3}\)?[ .-]?)?\d{3}[ .-]\d{4}(?![\w]))
      | (?P<clock>(?<![\w.])\d{1,2}:\d{2}(?!\d))
      | (?P<slashed>(?<![\w/.])(?:1/2|1/4|3/4)(?![\w/]))
      | (?P<ordinal>(?<![\w.])\d+(?i:st|nd|rd|th)\b)
      | (?P<digits>(?<![^\W\d_])(?<!\d[.,])(?:\d{1,3}(?:,\d{3})+|\d+)?(?:(?<=\d)\.(?=\d)|(?<![\w.])\.(?=\d))\d+(?!s\b)
                  |(?<![^\W_])(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?!s\b)(?!\d))
      | (?P<glyph>[½¼¾])
      | (?P<word>[^\W\d_]+(?:['’][^\W\d_]+)?)""",
    re.VERBOSE,
)
# Only blanks, hyphens and fillers hold a spoken number together: "one hundred, uh, and forty".
_JOINT = re.compile(rf"[\s\-‐-–]*(?:,?\s*(?:{'|'.join(FILLERS)})\b[\s,\-‐-–]*)*\Z", re.IGNORECASE)
_STARTERS = frozenset(_CARDINALS) | frozenset(_ORDINALS) | word_set("a an half point oh")


@dataclass(frozen=True, slots=True)
class Number:
    """A number in a text.

    Args:
        value: exact, without trailing zeros; a clock time 9:30 is 930, a telephone number its digits.
        start: offset into the text, code points.
        end: one past the last code point.
        is_ordinal: "third", not "three".
    """

    value: Decimal
    start: int
    end: int
    is_ordinal: bool = False

    @property
    def canonical(self) -> str:
        """The one spelling under which "5.0", "five" and "05" are equal: "5"."""
        return canonical(self.value)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int
    is_joined: bool  # nothing but blanks and hyphens since the token before


def canonical(value: Decimal | int | float) -> str:
    """The plain decimal spelling, without exponent and trailing zeros: 98.60 becomes "98.6", 140.0 becomes "140"."""
    exact = value if isinstance(value, Decimal) else Decimal(str(value))
    text = format(exact, "f")
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text


def find_numbers(text: str) -> tuple[Number, ...]:
    """Every cardinal number of a text, in order and never overlapping; ordinals are none of them.

    Args:
        text: any words, spoken ("a hundred and two", "ninety-eight point six", "two and a half") or written.
    """
    return tuple(number for number in scan_numbers(text) if not number.is_ordinal)


def scan_numbers(text: str) -> list[Number]:
    """Cardinals and ordinals ("third", "25th", "twenty-fifth"), in order and never overlapping."""
    tokens = _tokenise(text)
    found: list[Number] = []
    at = 0
    while at < len(tokens):
        if tokens[at].kind == "word" and tokens[at].text not in _STARTERS:
            at += 1
            continue
        ordinal = _read_ordinal(tokens, at)
        match = ordinal or _read_cardinal(tokens, at)
        if match is None:
            at += 1
            continue
        value, after = match
        found.append(Number(value, tokens[at].start, tokens[after - 1].end, is_ordinal=ordinal is not None))
        at = after
    return found


def _tokenise(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    end = 0
    for match in _TOKEN.finditer(text):
        if match.group().lower() in FILLERS:
            continue
        joined = bool(tokens) and _JOINT.match(text[end : match.start()]) is not None
        tokens.append(_Token(match.lastgroup or "", match.group().lower(), match.start(), match.end(), joined))
        end = match.end()
    return tokens


def _read_ordinal(tokens: list[_Token], at: int) -> tuple[Decimal, int] | None:
    token = tokens[at]
    if token.kind == "ordinal":
        return Decimal(token.text[:-2]), at + 1
    if token.text in _ORDINALS:
        return Decimal(_ORDINALS[token.text]), at + 1
    unit = _ORDINALS.get(_text(tokens, at + 1), 0)
    if token.text in _TENS and 1 <= unit <= 9:
        return Decimal(_TENS[token.text] + unit), at + 2
    return None


def _read_cardinal(tokens: list[_Token], at: int) -> tuple[Decimal, int] | None:
    """Value and index of the next token, or null. The order is: written wholes, fractions, spoken or mixed numbers."""
    token = tokens[at]
    if token.kind in ("phone", "clock"):
        return Decimal(re.sub(r"\D", "", token.text)), at + 1
    if token.kind in ("slashed", "glyph"):
        return (_SLASHED | _GLYPHS)[token.text], at + 1
    if (fraction := _read_fraction(tokens, at)) is not None:
        return fraction
    whole = _read_whole(tokens, at)
    if whole is None:
        return _read_decimals(tokens, at, Decimal(0)) if token.text == "point" else None
    value, after = whole
    if value == 1 and after == at + 1 and _is_pronoun(tokens, at):
        return None
    return _read_tail(tokens, after, value)


def _read_tail(tokens: list[_Token], at: int, value: Decimal) -> tuple[Decimal, int]:
    """What may follow a whole number: decimals after "point", or a half."""
    if _text(tokens, at) == "point" and (decimals := _read_decimals(tokens, at, value)):
        return decimals
    if _text(tokens, at) == "and" and (fraction := _read_fraction(tokens, at + 1)):
        return value + fraction[0], fraction[1]
    if at < len(tokens) and tokens[at].is_joined and tokens[at].kind in ("slashed", "glyph"):
        return value + (_SLASHED | _GLYPHS)[tokens[at].text], at + 1
    return value, at


def _read_fraction(tokens: list[_Token], at: int) -> tuple[Decimal, int] | None:
    """Halves and quarters ("half", "a half", "three quarters"); not "half past" nor "quarter to", which tell time."""
    count = {"a": 1, "an": 1, "one": 1, "three": 3}.get(tokens[at].text if at < len(tokens) else "", 0)
    name_at = at + 1 if count else at
    name = _text(tokens, name_at) if count else (tokens[at].text if at < len(tokens) else "")
    if name not in _FRACTIONS or (not count and name != "half"):
        return None
    if _text(tokens, name_at + 1) in ("past", "to", "after", "till"):
        return None
    return max(count, 1) * _FRACTIONS[name], name_at + 1


def _read_decimals(tokens: list[_Token], at: int, whole: Decimal) -> tuple[Decimal, int] | None:
    """Decimals after the word "point" at `at`: digits one by one, or one number ("point twenty-five", "point 6")."""
    digits, after = "", at + 1
    while (digit := _digit(tokens, after)) is not None:
        digits, after = digits + str(digit), after + 1
    if not digits and after < len(tokens) and tokens[after].is_joined:
        below = _read_below_hundred(tokens, after)
        if below is None:
            written = tokens[after].text if tokens[after].kind == "digits" else ""
            below = (int(written), after + 1) if written.isdigit() else None
        if below is None:
            return None
        digits, after = str(below[0]), below[1]
    return (Decimal(f"{canonical(whole)}.{digits}"), after) if digits else None


def _read_whole(tokens: list[_Token], at: int) -> tuple[Decimal, int] | None:
    run = _read_digit_run(tokens, at)
    if run is not None:
        return run
    token = tokens[at]
    if token.kind == "digits":
        return _read_scales(tokens, at + 1, Decimal(token.text.replace(",", "")))
    if token.text in ("a", "an") and _text(tokens, at + 1) in _SCALES:
        return _read_scales(tokens, at + 1, Decimal(1))
    head = _read_below_hundred(tokens, at)
    if head is None:
        return None
    value, after = head
    shortened = _read_shortened(tokens, value, after)
    if shortened is not None:
        return Decimal(shortened[0]), shortened[1]
    return _read_scales(tokens, after, Decimal(value))


def _read_digit_run(tokens: list[_Token], at: int) -> tuple[Decimal, int] | None:
    """Three or more single digits in a row are one number: "one oh five", "five five five one two three four"."""
    if tokens[at].text == "oh" or _digit(tokens, at, must_join=False) is None:
        return None
    after, digits = at + 1, str(_digit(tokens, at, must_join=False))
    while (digit := _digit(tokens, after)) is not None:
        digits, after = digits + str(digit), after + 1
    return (Decimal(int(digits)), after) if len(digits) >= 3 else None


def _read_shortened(tokens: list[_Token], value: int, after: int) -> tuple[int, int] | None:
    """The hundred left out: "one forty" is 140, "nineteen eighty-five" 1985, "nineteen oh five" 1905."""
    if after >= len(tokens) or not tokens[after].is_joined:
        return None
    rest = _read_below_hundred(tokens, after)
    if rest is not None and rest[0] >= 10 and (1 <= value <= 9 or value in _CENTURIES):
        # "take one twenty milligram tablet" is one tablet of 20, not 120
        is_tablet_count = any(_text(tokens, rest[1] + i) in _TABLET for i in range(2))
        return None if is_tablet_count and value <= 9 else (value * 100 + rest[0], rest[1])
    if value in _CENTURIES and _text(tokens, after) in ("oh", "o") and (digit := _digit(tokens, after + 1)):
        return value * 100 + digit, after + 2
    return None


def _read_scales(tokens: list[_Token], at: int, head: Decimal) -> tuple[Decimal, int]:
    """Hundreds, thousands and what follows them: "two thousand three hundred and five"."""
    total, part = Decimal(0), head
    while (scale := _SCALES.get(_text(tokens, at))) is not None:
        at += 1
        if scale == 100:
            part *= scale
        else:
            total, part = total + part * scale, Decimal(0)
        rest = _read_below_hundred(tokens, at + (_text(tokens, at) == "and"))
        if rest is None or not tokens[rest[1] - 1].is_joined:
            continue
        follows = _text(tokens, rest[1])
        if follows == "hundred" and scale == 100:
            break
        part, at = part + rest[0], rest[1]
        if follows not in _SCALES:
            break
    return total + part, at


def _read_below_hundred(tokens: list[_Token], at: int) -> tuple[int, int] | None:
    word = tokens[at].text if at < len(tokens) and tokens[at].kind == "word" else ""
    if word in _TENS:
        unit = _CARDINALS.get(_text(tokens, at + 1), 0)
        return (_TENS[word] + unit, at + 2) if 1 <= unit <= 9 else (_TENS[word], at + 1)
    return (_CARDINALS[word], at + 1) if word in _CARDINALS else None


def _digit(tokens: list[_Token], at: int, *, must_join: bool = True) -> int | None:
    """The value of a single spoken digit; "oh" counts as zero."""
    if at >= len(tokens) or (must_join and not tokens[at].is_joined):
        return None
    word = tokens[at].text
    value = 0 if word in ("oh", "o") else _CARDINALS.get(word, 99)
    return value if value <= 9 else None


def _text(tokens: list[_Token], at: int) -> str:
    """The token's text when it is joined to the one before, else ""."""
    return tokens[at].text if 0 <= at < len(tokens) and tokens[at].is_joined else ""


def _is_pronoun(tokens: list[_Token], at: int) -> bool:
    return at > 0 and tokens[at].kind == "word" and tokens[at].is_joined and tokens[at - 1].text in _BEFORE_PRONOUN_ONE
