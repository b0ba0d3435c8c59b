"""What takes the place of what was found: other names, shifted dates, other digits, in the form of the original.

What lives here: `Surrogates`: the same original becomes the same surrogate, two originals never the same one, and no
surrogate is a word or number that the talk itself holds.
When to add here: the surrogate of another kind.
What to keep out: finding, and laying the new words into the talk (`veil.py`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count

from nurseconv_dagster.extraction.numbers import find_numbers
from nurseconv_dagster.extraction.privacy.ages import FIRST_VEILED_AGE
from nurseconv_dagster.extraction.privacy.dates import value_of
from nurseconv_dagster.extraction.privacy.digit_runs import digits_of, read_run
from nurseconv_dagster.extraction.privacy.findings import Finding, Part, Role
from nurseconv_dagster.extraction.privacy.keyed import Keyed
from nurseconv_dagster.extraction.privacy.lexicon import family_names, given_names, is_ordinary
from nurseconv_dagster.extraction.privacy.shifting import WEEKS, choose_weeks, shift, write_part
from nurseconv_dagster.extraction.privacy.spelling import SMALL, cardinal, digit_words, like_case

_CITIES = ("Ashby", "Carrow", "Delmont", "Eastwick", "Fenmore", "Garland", "Harwick", "Kenfield", "Larkhill", "Norwell")
_DOMAINS = ("example.org", "example.net", "example.com", "mail.example.org", "mail.example.net")
_LETTERS = "abcdefghjkmnprstuvw"
_MAX_TRIES = 1000


class Surrogates:
    """The surrogates of one talk.

    Args:
        keyed: the upload's choices.
        text: the whole talk.
        findings: everything that will be replaced in it.
        avoid: further words that no surrogate may be (names known from elsewhere).
    """

    def __init__(self, keyed: Keyed, text: str, findings: Sequence[Finding], avoid: Sequence[str] = ()) -> None:
        self._keyed = keyed
        self._text = text
        self._words = {word.casefold() for source in (text, *avoid) for word in re.findall(r"[^\W\d_]+", source)}
        self._numbers = {number.canonical for number in find_numbers(text)} | set(re.findall(r"\d+", text))
        self._all_digits = re.sub(r"\D", "", text)
        self._given: dict[tuple[str, str], str] = {}
        self._taken: set[str] = set()
        self._pools: dict[Role, list[str]] = {}
        self._dates = {finding: value_of(text, finding) for finding in findings if finding.kind == "date"}
        self._weeks = choose_weeks(keyed.ranked(WEEKS, "weeks"), list(self._dates.values())) if self._dates else 0

    def write(self, finding: Finding) -> list[str]:
        """The words that take the place of each part of a finding."""
        likes = [self._text[part.start : part.end] for part in finding.parts]
        if finding.kind == "date":
            moved = shift(self._dates[finding], self._weeks)
            is_numeric = all(like.isdigit() for like in likes)
            return [
                write_part(moved, part.role, like, is_numeric=is_numeric)
                for part, like in zip(finding.parts, likes, strict=True)
            ]
        if all(part.role == "digits" for part in finding.parts):
            return self._write_digits(finding, likes)
        return [self._write_part(finding, part, like) for part, like in zip(finding.parts, likes, strict=True)]

    def _write_part(self, finding: Finding, part: Part, like: str) -> str:
        if part.role == "number":
            return self._write_age(like) if finding.kind == "age" else self._write_number(like)
        if part.role == "digits":
            return self._write_digits(finding, [like])[0]
        if part.role == "spelled":
            return self._write_spelled(like)
        if part.role == "initial":
            return like_case(self._once("initial", like, self._keyed.ranked(_LETTERS, "initial", like)), like)
        if part.role in ("email", "spoken_email"):
            return self._write_email(like, is_spoken=part.role == "spoken_email")
        return like_case(self._once("name", like, self._names(part.role, like)), like)

    def _once(self, kind: str, original: str, choices: Iterable[str]) -> str:
        """The surrogate of an original; the first of the choices that is free when it has none yet."""
        key = (kind, original.casefold())
        if key not in self._given:
            forbidden = self._taken | {original.casefold()} | (self._words if kind == "name" else set())
            self._given[key] = next(choice for choice in choices if choice.casefold() not in forbidden)
            self._taken.add(self._given[key].casefold())
        return self._given[key]

    def _names(self, role: Role, original: str) -> Iterator[str]:
        """Names of a kind from a place of this original's own on; two put together when the list is used up."""
        pool = self._pools.setdefault(role, self._keyed.ranked(_pool(role), "pool", role))
        start = self._keyed.number("name", original.casefold()) % len(pool)
        pool = pool[start:] + pool[:start]
        yield from pool
        yield from (one + other for one in pool for other in pool)

    def _write_spelled(self, like: str) -> str:
        letters = re.sub(r"[^A-Za-z]", "", like)
        name = self._given.get(("name", letters.casefold())) or self._once(
            "name", letters, self._names("family", letters)
        )
        gap = re.sub(r"[A-Za-z]", "", like[1:3]) or "-"
        return gap.join(name.upper() if like.isupper() else name)

    def _write_email(self, like: str, *, is_spoken: bool) -> str:
        def address(i: int) -> str:
            given = self._keyed.ranked(_pool("given"), "email", like.casefold(), i)[0]
            family = self._keyed.ranked(_pool("family"), "email", like.casefold(), i)[0]
            domain = next(name for name in (*_DOMAINS, f"{family}.example") if name not in self._text.casefold())
            return f"{given}.{family}@{domain}"

        new = self._once("email", like, (address(i) for i in count()))
        return new.replace(".", " dot ").replace("@", " at ") if is_spoken else new

    def _write_digits(self, finding: Finding, likes: Sequence[str]) -> list[str]:
        """Other digits for all parts together, other letters for letters, everything else as it was."""
        groups = [like if re.search(r"\d", like) or not _is_spoken(like) else digits_of(like) for like in likes]
        code = "".join(letter for group in groups for letter in group if letter.isalnum()).casefold()

        def choose(i: int) -> str:
            digits = self._keyed.digits(len(code), "digits", code, i)
            letters = self._keyed.ranked(_LETTERS, "letters", code, i)
            return "".join(digits[n] if old.isdigit() else letters[n % len(letters)] for n, old in enumerate(code))

        new = self._once("digits", code, self._unheard(choose))
        return [
            _fill(group, like, new, sum(map(_n_alnum, groups[:n])))
            for n, (group, like) in enumerate(zip(groups, likes, strict=True))
        ]

    def _unheard(self, choose: Callable[[int], str]) -> Iterator[str]:
        """Choices whose digits stand nowhere in the talk; short ones that are used up have to take what there is."""
        for i in range(_MAX_TRIES):
            digits = re.sub(r"\D", "", choose(i))
            if not digits or digits not in (self._numbers if len(digits) < 4 else self._all_digits):
                yield choose(i)
        yield from (choose(i) for i in count())

    def _write_number(self, like: str) -> str:
        """Another number for a room or a house: of as many digits while the talk leaves one free, else of one more."""
        value = like if like.isdigit() else "".join(word.digits for word in read_run(like, 0)) or "0"
        value = value.replace("00", "", 1) if "hundred" in like.casefold() and len(value) > 3 else value
        choices = [
            number
            for size in range(len(value), len(value) + 3)
            for number in self._keyed.ranked(
                [str(n) for n in range(10 ** (size - 1), min(10**size, 10 ** (size - 1) + 900))], "number"
            )
            if number not in self._numbers
        ]
        new = self._once("number", value, choices)
        return new if like.isdigit() else like_case(_number_words(new, like), like)

    def _write_age(self, like: str) -> str:
        """The lowest number from 90 on that the talk does not hold: as little as possible is said about it."""
        value = find_numbers(like)[0].canonical
        choices = (str(age) for age in count(FIRST_VEILED_AGE) if str(age) not in self._numbers)
        new = self._once("age", value, choices)
        return new if like[0].isdigit() else like_case(cardinal(int(new), "-" if "-" in like else " "), like)


def _pool(role: Role) -> list[str]:
    """Names that can stand for a name of this kind: none that is also a word."""
    if role == "city":
        return list(_CITIES)
    sexes = {"given_f": "f", "given_m": "m", "given": "fm"}.get(role)
    pool = [name for name, sex in given_names().items() if sex in sexes] if sexes else family_names()
    return [name for name in pool if len(name) > 3 and not is_ordinary(name)]


def _is_spoken(like: str) -> bool:
    return bool(read_run(like, 0))


def _n_alnum(group: str) -> int:
    return sum(letter.isalnum() for letter in group)


def _fill(group: str, like: str, new: str, at: int) -> str:
    """A part with its share of the new code: letter for letter when written, in words when spoken."""
    if group != like:
        return like_case(digit_words(new[at : at + len(group)], like), like)
    fresh = iter(new[at:])
    return "".join(like_case(next(fresh), letter) if letter.isalnum() else letter for letter in group)


def _number_words(number: str, like: str) -> str:
    hyphen = "-" if "-" in like else " "
    if len(number) <= 2:
        return cardinal(int(number), hyphen)
    if len(number) == 3 and "hundred" not in like.casefold():
        return f"{SMALL[int(number[0])]} {digit_words(number[1:], like)}"
    if len(number) == 3:
        return cardinal(int(number), hyphen)
    return f"{digit_words(number[:-2], like)} {digit_words(number[-2:], like)}"
