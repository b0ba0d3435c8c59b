"""Numbers written back in the form in which they came: digits, "3rd", "twenty-first", "nineteen sixty two".

What lives here: cardinals, ordinals, years and strings of digits as words; taking over the case of the original.
When to add here: another form in which a replaced number can stand.
What to keep out: which number it becomes (`surrogates.py`).
"""

from __future__ import annotations

import re

from nurseconv_dagster.extraction.words import word_list

SMALL = word_list(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
TENS = word_list("zero ten twenty thirty forty fifty sixty seventy eighty ninety")
ORDINALS = word_list(
    "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
    "fifteenth sixteenth seventeenth eighteenth nineteenth"
)
_TENTHS = {20: "twentieth", 30: "thirtieth"}


def cardinal(value: int, hyphen: str = " ") -> str:
    """A whole number below 1000 in words: 47 is "forty seven", or "forty-seven" with a hyphen."""
    if value < 20:
        return SMALL[value]
    if value < 100:
        return TENS[value // 10] + (hyphen + SMALL[value % 10] if value % 10 else "")
    rest = value % 100
    return f"{SMALL[value // 100]} hundred" + (f" {cardinal(rest, hyphen)}" if rest else "")


def ordinal(value: int, hyphen: str = " ") -> str:
    """A day of the month in words: 21 is "twenty first"."""
    if value < 20:
        return ORDINALS[value]
    return _TENTHS.get(value) or TENS[value // 10] + hyphen + ORDINALS[value % 10]


def suffixed(value: int) -> str:
    """A day of the month in digits: 21 is "21st"."""
    if 10 <= value % 100 <= 20:
        return f"{value}th"
    return f"{value}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(value % 10, 'th') }"


def year_words(year: int, like: str) -> str:
    """A year in words, as in an original: "nineteen sixty two", "two thousand and five", "sixty two".

    Args:
        year: four digits.
        like: the year that was said.
    """
    hyphen = "-" if "-" in like else " "
    century, rest = divmod(year, 100)
    tail = "hundred" if rest == 0 else (f"oh {SMALL[rest]}" if rest < 10 else cardinal(rest, hyphen))
    if not re.match(r"\s*(?:eighteen|nineteen|twenty|two)\b", like, re.IGNORECASE) or len(like.split()) == 1:
        return tail if rest else "oh oh"
    if year in range(2000, 2010) or (year >= 2000 and re.search("thousand", like, re.IGNORECASE)):
        return "two thousand" + (
            f"{' and' if ' and ' in like.lower() else ''} {cardinal(rest, hyphen)}" if rest else ""
        )
    return f"{cardinal(century)} {tail}"


def digit_words(digits: str, like: str) -> str:
    """Digits in words, as in an original of as many digits: "7", "oh", "forty-seven".

    Args:
        digits: what is to be said.
        like: the words that were said.
    """
    zero = "oh" if re.search(r"\boh\b", like, re.IGNORECASE) or len(digits) > 1 else "zero"
    if len(digits) == 2 and digits[0] != "0":
        return cardinal(int(digits), "-" if "-" in like else " ")
    return " ".join(zero if digit == "0" else SMALL[int(digit)] for digit in digits)


def like_case(text: str, like: str) -> str:
    """The text in the case of an original: "ROSA", "rosa", "Rosa"."""
    letters = [letter for letter in like if letter.isalpha()]
    if letters and all(letter.isupper() for letter in letters) and len(letters) > 1:
        return text.upper()
    if letters and letters[0].isupper():
        return text[:1].upper() + text[1:]
    return text.lower()
