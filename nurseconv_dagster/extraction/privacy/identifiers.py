"""Numbers that belong to one person: telephones, records, accounts, rooms and beds, ZIP codes.

What lives here: `find_phones()`, `find_records()`, `find_rooms()`, `find_zips()`.
When to add here: another number of this kind, or another word that announces one.
What to keep out: how digits are said (`digit_runs.py`), dates, ages, addresses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from nurseconv_dagster.extraction.privacy.digit_runs import DigitWord, read_run
from nurseconv_dagster.extraction.privacy.findings import Finding, Kind, Part
from nurseconv_dagster.extraction.tokens import UNITS
from nurseconv_dagster.extraction.words import word_set

_PHONE = re.compile(
    r"(?<![\w.])(?:\+?\d{1,3}[ .-]?)?(?:\(\d{3}\)\s?|\d{3}[ .-])\d{3}[ .-]\d{4}(?!\w)|"
    r"(?<![\w.(+-])\d{3}[.-]\d{4}(?![\w-])"
    r"|\+\d[\d ().-]{7,16}\d(?!\w)"
)
_PHONE_CUE = re.compile(
    r"\b(?:phone|telephone|cell|mobile|call ?back|reach|dial|fax|pager|page me|area code|call|"
    r"(?<!room )(?<!record )(?:my|his|her|the|best|your|their) number|number (?:for|is))\b",
    re.IGNORECASE,
)
_EXTENSION = re.compile(r"\b(?:extension|ext\.?|x)\s*:?\s*(?=\d|[a-z])", re.IGNORECASE)
_RECORD_CUE = re.compile(
    r"\b(?:mrn|(?:medical |health )?record|chart|account|acct|policy|member(?:ship)?|insurance|subscriber|medicare|"
    r"medicaid|social security|of (?:your|his|her|my|the) social|ssn|rx|license|licence|passport|wristband|"
    r"(?:group|claim|case|encounter|reference|confirmation|accession|visit|prescription|file|serial|patient|badge)"
    r"(?= ?(?:id|number|no\b|num|#)))\b",
    re.IGNORECASE,
)
_CODE = re.compile(
    r"(?<![\w.])(?:[A-Z]{1,4}[- ]|[b-hj-z] |"
    r"[A-Za-z]{1,4}-?(?=\d))?\d[A-Za-z\d]*(?:[ -]?[A-Za-z]{0,4}\d[A-Za-z\d]*)*(?!\w|[.:/]\d)"
)
_SSN = re.compile(r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])")
_LONG = re.compile(r"(?<![\w.,-])\d{7,12}(?![\w,%-]|\.\d)")
_ROOM = re.compile(
    r"\b(?<!head of )(?<!head of the )(?:room|rm|bed|bay|bedroom)\b\.?\s*(?:number|no\.|#)?\s*", re.IGNORECASE
)
_YEAR = re.compile(r"(?:19|20)\d\d")
_LETTER = re.compile(r"\s?-?[A-F]\b")
_ZIP_CUE = re.compile(
    r"\bzip(?:\s*-?code)?\b[^\d\n]{0,24}?(?=\d{5}\b|\b(?:zero|oh|one|two|three|four|five|six|seven|eight|nine)\b)", re.I
)
_STATES = (
    "alabama|alaska|arizona|arkansas|california|colorado|connecticut|delaware|florida|georgia|hawaii|idaho|illinois|"
    "indiana|iowa|kansas|kentucky|louisiana|maine|maryland|massachusetts|michigan|minnesota|mississippi|missouri|"
    "montana|nebraska|nevada|hampshire|jersey|mexico|york|carolina|dakota|ohio|oklahoma|oregon|pennsylvania|island|"
    "tennessee|texas|utah|vermont|virginia|washington|wisconsin|wyoming"
)
_STATE_ZIP = re.compile(rf"\b(?:(?-i:[A-Z]{{2}})|{_STATES}),?\s+(\d{{5}}(?:-\d{{4}})?)(?![\w,]|\.\d)", re.IGNORECASE)
_NOT_A_PLACE = word_set("time times more of or over people person rails rail degrees to minute liter each")
_CUE_REACH, _REPLY_REACH = 60, 80  # characters
_MIN_RECORD_DIGITS = 4


def find_phones(text: str) -> Iterator[Finding]:
    """Telephone numbers in digits or words, and extensions after their word."""
    for match in _PHONE.finditer(text):
        if not _has_unit(text, match.end()):
            yield _whole("phone", match.span())
    for start, run in _runs(text):
        is_announced = _PHONE_CUE.search(text[max(0, start - _CUE_REACH) : start]) is not None
        is_digit_by_digit = all(len(word.digits) == 1 for word in run)
        size = _phone_size(run)
        if size and (is_announced or is_digit_by_digit):
            yield _digits("phone", run[:size])
    for match in _EXTENSION.finditer(text):
        run = read_run(text, match.end())
        if 2 <= sum(len(word.digits) for word in run) <= 6:
            yield _digits("phone", run)


def find_records(text: str, known: Sequence[str] = (), others: Sequence[Finding] = ()) -> Iterator[Finding]:
    """Numbers of records, accounts, insurances and the like, where a word announces them, and long bare numbers.

    Args:
        text: the whole talk.
        known: codes from the upload's metadata.
        others: what was found already; none of it is such a number.
    """
    for match in _SSN.finditer(text):
        yield _whole("record", match.span())
    for code in known:
        if re.search(r"\d", code) and len(code) > 2:
            for match in re.finditer(rf"(?<!\w){re.escape(code)}(?!\w)", text, re.IGNORECASE):
                yield _whole("record", match.span())
    for cue in _RECORD_CUE.finditer(text):
        yield from _after_cue(text, cue.end(), others)
    for match in _LONG.finditer(text):
        if not _has_unit(text, match.end()):
            yield _whole("record", match.span())


def find_rooms(text: str) -> Iterator[Finding]:
    """The number of a room or bed after its word; "bed 30 degrees" and "in bed two hours" are none."""
    for match in _ROOM.finditer(text):
        run = read_run(text, match.end())
        run = run[:1] if run and not run[0].is_spoken else run
        if run and sum(len(word.digits) for word in run) <= 4 and not _has_unit(text, run[-1].end, _NOT_A_PLACE):
            letter = _LETTER.match(text, run[-1].end)
            if letter:
                yield Finding("room", (Part("number", run[0].start, run[-1].end), Part("digits", *letter.span())))
            else:
                yield Finding("room", (Part("number", run[0].start, run[-1].end),))


def find_zips(text: str) -> Iterator[Finding]:
    """ZIP codes after their word, in digits or words, or after a state."""
    for cue in _ZIP_CUE.finditer(text):
        run = read_run(text, cue.end())
        size = next((i for i in range(1, len(run) + 1) if sum(len(word.digits) for word in run[:i]) == 5), 0)
        if size:
            yield _digits("zip", run[:size])
    for match in _STATE_ZIP.finditer(text):
        yield _whole("zip", match.span(1))


def _after_cue(text: str, at: int, others: Sequence[Finding]) -> Iterator[Finding]:
    """The first code of four digits or more in the words after a cue, if it is no measurement and nothing else."""
    end = min(at + _REPLY_REACH, len(text))
    codes = [_whole("record", match.span()) for match in _CODE.finditer(text, at, end) if _is_code(match.group())]
    codes += [_digits("record", run) for start, run in _runs(text, at, end) if start < end and _is_spoken_code(run)]
    for code in sorted(codes, key=lambda found: found.start):
        if not any(other.start < code.end and code.start < other.end for other in others):
            if not _has_unit(text, code.end):
                yield code
            return


def _is_code(words: str) -> bool:
    n_digits = sum(letter.isdigit() for letter in words)
    return n_digits >= _MIN_RECORD_DIGITS and not _YEAR.fullmatch(words)


def _is_spoken_code(run: Sequence[DigitWord]) -> bool:
    """Digit by digit, so that no pressure or year is taken for one."""
    is_spoken = all(word.is_spoken and len(word.digits) == 1 for word in run)
    return is_spoken and len(run) >= _MIN_RECORD_DIGITS


def _runs(text: str, start: int = 0, end: int | None = None) -> Iterator[tuple[int, list[DigitWord]]]:
    at, limit = start, len(text) if end is None else min(end, len(text))
    word = re.compile(r"\b\w")
    while at < limit and (match := word.search(text, at)) is not None:
        run = read_run(text, match.start())
        if run:
            yield match.start(), run
            at = run[-1].end
        else:
            following = re.compile(r"\W|\Z").search(text, match.start())
            at = following.end() if following and following.end() > at else at + 1


def _phone_size(run: Sequence[DigitWord]) -> int:
    """How many words of a run make a number of 10, 11 (with a 1 before) or 7 digits; 0 when none do."""
    sizes: dict[int, int] = {}
    total = 0
    for i, word in enumerate(run, 1):
        total += len(word.digits)
        sizes.setdefault(total, i)
    wanted = (11, 10, 7) if run[0].digits.startswith("1") else (10, 7)
    return next((sizes[size] for size in wanted if size in sizes), 0)


def _has_unit(text: str, end: int, further: frozenset[str] = frozenset()) -> bool:
    """True when a unit, or one of further words, follows: a measurement or a count, no number of a person."""
    after = re.match(r"\s*-?([^\W\d_]+|[%°/])", text[end : end + 20])
    word = after[1].casefold() if after else ""
    return word in UNITS or word in further or word in ("%", "/", "bpm", "kcal", "k")


def _whole(kind: Kind, span: tuple[int, int]) -> Finding:
    return Finding(kind, (Part("digits", *span),))


def _digits(kind: Kind, run: Sequence[DigitWord]) -> Finding:
    return Finding(
        kind, tuple(Part("digits", word.start, word.end) for word in run if word.digits != "00" or not word.is_spoken)
    )
