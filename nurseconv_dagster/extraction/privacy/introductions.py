"""The places where a talk says who somebody is: phrases, titles, questions with their replies, labels, signatures.

What lives here: `find_introductions()` and its phrases.
When to add here: another phrase that a name follows, or goes before.
What to keep out: how far the name goes on (`name_words.py`) and its later mentions (`names.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from nurseconv_dagster.extraction.privacy.lexicon import is_listed, is_ordinary, is_plain_name
from nurseconv_dagster.extraction.privacy.name_words import Reading

_KIN = (
    r"(?:mother|father|mom|mum|mama|dad|papa|parent|sister|brother|son|daughter|dtr|wife|husband|spouse|partner|fiance|"
    r"fiancee|boyfriend|girlfriend|aunt|uncle|cousin|niece|nephew|grandmother|grandfather|grandma|grandpa|grandson|"
    r"granddaughter|friend|neighbor|neighbour|roommate|caregiver|aide|boss|landlord|guardian|social worker|pharmacist)"
)
_LABEL = (
    r"(?:patient|pt|client|resident|name|full name|patient name|nok|next of kin|contact|emergency contact|pcp|"
    r"attending)"
)
# After these a name comes, whatever it looks like.
_TRUSTED = re.compile(
    r"\bname(?:['’]s| is| was)\s+|\bcall(?:s)? (?:me|him|her)\s+|\bgo(?:es)? by\s+|\bnamed\s+"
    r"|\b(?:speak|speaking|talk|talking) (?:to|with)\s+"
    rf"|(?:^|(?<=\n)|(?<=[.;|]\s)){_LABEL}\s*[:#]\s*",
    re.IGNORECASE,
)
# After these a name may come: it must be listed, or written like one.
_LIKELY = re.compile(
    r"\b(?:i['’]m|i am|this is|it['’]s|it is|that['’]s|here['’]s|meet|hi|hello|hey|thanks|thank you|bye|goodbye|"
    r"(?:good )?(?:morning|evening|afternoon)|welcome(?: back)?|sorry|okay|ok|ask for|page|called|signed|signed by|"
    r"seen by|seen with|spoke with|d/w|discussed with|by|yes|and)[,:]?\s+",
    re.IGNORECASE,
)
_KIN_NAMED = re.compile(rf"\b{_KIN}(?:['’]s name)?(?:,| is|,? named|,? called)?\s+", re.IGNORECASE)
_TITLED = re.compile(
    r"\b(?:(?P<formal>mr|mrs|ms|dr)\.?|(?P<job>miss|doctor|nurse|prof|professor|pastor|reverend|rabbi|imam|chaplain|"
    r"uncle|aunt|grandma|grandpa))\s+(?=[^\W\d_])",
    re.IGNORECASE,
)
_ASKED = re.compile(
    r"\b(?:your|his|her|the|full|last|first|patient['’]s|child['’]s) name\b|\bwho am i (?:speaking|talking|calling)\b|"
    r"\bspeaking (?:to|with)\b|\bcall you\b|\bwho (?:is|do we have|should we call|would you like us to call)\b|"
    r"\bwho['’]s (?:this|that|here|there|calling)\b|\bname(?: and [\w ]{1,20})?\s*(?:for me|please)?\s*\?",
    re.IGNORECASE,
)
_CREDENTIAL = re.compile(r",?\s+(?:RN|LPN|LVN|NP|PA-C|PA|MD|DO|CNA|RT|PT|OT|RD|MSW|BSN|DNP|PharmD|CRNA)\b")
_SPEAKING = re.compile(r"\s+(?:speaking|here)\b", re.IGNORECASE)
_ORGANISMS = re.compile(r"(?:diff\w*|coli|aureus|pylori|albicans|pneumoniae|auris|max|cath)\Z", re.IGNORECASE)
_INITIAL = re.compile(r"(?<![\w.'’])[A-Z]\.\s?(?=[A-Z][a-z]{2,})")
_REPLY_WORDS, _REPLY_CHARS = 14, 110  # how far a reply's name may be from its question
_STOPS = ".,?!;\n"


def find_introductions(reading: Reading) -> Iterator[range]:
    """Each name where it is introduced, as the indices of its words; the same name may come many times."""
    for match in _TRUSTED.finditer(reading.text):
        yield from _name_at(reading, reading.index_at(match.end()), match.end(), is_trusted=True)
    for match in _LIKELY.finditer(reading.text):
        yield from _name_at(reading, reading.index_at(match.end()), match.end(), is_trusted=False)
    for match in _KIN_NAMED.finditer(reading.text):
        i = reading.index_at(match.end())
        yield from _name_at(reading, i, match.end(), is_trusted=False, is_shown=_is_capital_name(reading, i))
    yield from _titled(reading)
    yield from _replies(reading)
    yield from _signed(reading)
    for i, word in enumerate(reading.words):
        if is_plain_name(word.text):
            yield reading.name_from(_with_given(reading, i), is_trusted=False)


def _name_at(reading: Reading, i: int, offset: int, *, is_trusted: bool, is_shown: bool = False) -> Iterator[range]:
    """The name that begins right at an offset, if one does; "Alvarez, Rosa" after a label counts whole.

    Args:
        reading: the talk.
        i: index of the word.
        offset: where it has to begin.
        is_trusted: see `Reading.could_be_name`.
        is_shown: it is a name even if it is an ordinary word too.
    """
    if i >= len(reading.words) or reading.words[i].start != offset:
        return
    is_set_off = _is_capital_name(reading, i) and _is_set_off(reading, i) and not _is_month(reading.words[i].text)
    if not (is_shown or is_set_off or reading.could_be_name(i, is_trusted=is_trusted)):
        return
    name = reading.name_from(i, is_trusted=is_trusted)
    yield name
    after = name.stop
    if is_trusted and len(name) == 1 and after < len(reading.words) and reading.gap_before(after) == ", ":
        is_name = reading.words[after].is_title and reading.could_be_name(after, is_trusted=True)
        yield from [reading.name_from(after, is_trusted=True)] if is_name else []


def _titled(reading: Reading) -> Iterator[range]:
    for match in _TITLED.finditer(reading.text):
        i = reading.index_at(match.end())
        is_next = i < len(reading.words) and reading.words[i].start == match.end() and len(reading.words[i].text) > 1
        if is_next and match.group() != "MS " and _may_follow_title(reading, i, match):
            yield reading.name_from(i, is_trusted=True)


def _may_follow_title(reading: Reading, i: int, match: re.Match[str]) -> bool:
    """True for a name after "Mrs.", or after a job: "Dr. Long", but not "doctor will"."""
    word, formal = reading.words[i].text, (match["formal"] or "").casefold()
    if reading.words[i].is_title:
        return not is_ordinary(word) or is_listed(word) or match.group()[:2] in ("Mr", "Ms", "Dr")
    if is_ordinary(word):
        return formal in ("mr", "mrs", "dr") and is_listed(word)
    return is_listed(word) or formal in ("mr", "mrs", "dr") or reading.is_uncased


def _replies(reading: Reading) -> Iterator[range]:
    """The first name in the words after a question for one."""
    for match in _ASKED.finditer(reading.text):
        first = reading.index_at(match.end())
        for i in range(first, min(first + _REPLY_WORDS, len(reading.words))):
            word = reading.words[i]
            if word.start - match.end() > _REPLY_CHARS:
                break
            if _is_short_reply(reading, i) or reading.could_be_name(i, is_trusted=not is_ordinary(word.text)):
                yield reading.name_from(i, is_trusted=True)
                break


def _signed(reading: Reading) -> Iterator[range]:
    """Names before a credential or before "speaking", and names with an initial: "K. Underwood, RN"."""
    for pattern, needs_capital in ((_CREDENTIAL, True), (_SPEAKING, False)):
        for match in pattern.finditer(reading.text):
            i = reading.index_at(match.start()) - 1
            if i < 0 or reading.words[i].end != match.start() or is_ordinary(reading.words[i].text):
                continue
            if reading.words[i].is_title or (not needs_capital and is_plain_name(reading.words[i].text)):
                yield range(_with_given(reading, i), i + 1)
    for match in _INITIAL.finditer(reading.text):
        i = reading.index_at(match.end())
        if not is_ordinary(reading.words[i].text) and not _ORGANISMS.match(reading.words[i].text):
            yield reading.name_from(i - 1, is_trusted=False)


def _with_given(reading: Reading, i: int) -> int:
    """Index of the given name or initial right before a family name, else the index itself."""
    if i == 0 or not reading.words[i].is_title or not reading.words[i - 1].is_title:
        return i
    before, gap = reading.words[i - 1].text, reading.gap_before(i)
    is_initial = len(before) == 1 and gap == ". " and before != "I"
    return i - 1 if is_initial or (gap in (" ", "-") and reading.could_be_name(i - 1, is_trusted=False)) else i


def _is_set_off(reading: Reading, i: int) -> bool:
    """True when a stop follows the word, or another name does: "Will.", "Will Frost"."""
    after = reading.text[reading.words[i].end : reading.words[i].end + 1]
    return after == "" or after in _STOPS or reading.could_be_name(i + 1, is_trusted=True)


def _is_capital_name(reading: Reading, i: int) -> bool:
    """True for listed names with a capital, even if they are words too: "Hope"."""
    return i < len(reading.words) and reading.words[i].is_title and is_listed(reading.words[i].text)


def _is_short_reply(reading: Reading, i: int) -> bool:
    """True for a listed name that is a reply by itself: "Will.", and "bill" on a line of its own."""
    is_line = reading.is_uncased and is_listed(reading.words[i].text) and "\n" in reading.gap_before(i)
    return (is_line or _is_capital_name(reading, i)) and _is_set_off(reading, i)


def _is_month(word: str) -> bool:
    return word.casefold() in {"april", "may", "june", "august", "march"}
