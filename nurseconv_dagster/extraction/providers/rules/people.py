"""Who: names, identifiers, language, whom to call.

What lives here: one finder for each.
When to add here: another way to give a name or an identifier.
What to keep out: everything that is not about persons.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from nurseconv_dagster.extraction.providers.asked import asked_exchanges, classify_reply
from nurseconv_dagster.extraction.providers.rules.findings import Finding
from nurseconv_dagster.extraction.providers.subject import doubt
from nurseconv_dagster.extraction.providers.topics import known_topic
from nurseconv_dagster.extraction.providers.turns import Exchange, Talk

_TITLE = r"(?:Mr|Mrs|Ms|Miss|Mister|Missus)\.?"
_PART = (
    r"(?!(?:I|It|My|Yes|Yeah|No|Everyone|Everybody|Sure|Well|Oh|That|This|The|You|He|She|"
    r"And|But|So|Okay|Um|Hi|Hello|Dr|Doctor|Date|January|February|March|April|May|June|July|"
    r"August|September|October|November|December|Just|Call|Not|Thank|Thanks|Like|As|Room|"
    r"Bed|Nurse|Patient|What|Who|How|They|Good|Great|Pt|"
    r"Home)\b)[A-Z][a-z'’]*(?:[A-Z]?[a-z'’-]+)+"
)
_NAME = (
    rf"(?:{_TITLE}\s+{_PART}(?:\s+{_PART})?|{_PART}(?:\s+(?:[A-Z]\.|(?:de|del|la|van|von|der|"
    rf"bin|al)\b|{_PART})){{1,3}})"
)
_ONE_NAME = rf"(?:{_NAME}|{_PART})"
_SAYS_NAME = re.compile(
    rf"\b(?:(?i:my name['’]s|my name is|name['’]s|name is|this is|I['’]m|I am|call me|"
    rf"it['’]s|down as)\s+)(?P<name>{_NAME}(?:, {_PART})?)"
)
_IS_PATIENT = re.compile(
    rf"(?:(?i:\b(?:bed|room)\s+\w+\W+(?:is|you['’]ve got|you have|we have|we['’]ve got|"
    rf"has)?\W*|\b(?:patient|pt)(?:['’]s name)?(?: is|:)\s+|\byou['’]ve got\s+|\bname of\s+|"
    rf"\bpatient\s+|\bfirst (?:is|up is|patient is)\s+|\bnext is\s+|\b(?:I|we)(?:['’]ve got|"
    rf"['’]ve| have| got)\s+))(?P<name>{_NAME})"
)
_IN_BED = re.compile(
    rf"(?P<name>{_NAME})(?=,? (?i:in (?:bed|room)|is in (?:bed|room)|,? (?:a )?\d{{1,3}}[- ]years?[- ]old))"
)
_ADDRESSED = re.compile(
    rf"(?:^|[,.!?]\s*|\b(?i:hi|hello|hey|morning|afternoon|evening|so|okay|ok|right then|"
    rf"well|alright|thanks|thank you|and)\s*,?\s+)(?P<name>{_TITLE}\s+{_PART}|"
    rf"(?<=[Hh]i )(?!there){_NAME}|(?<=[Hh]ello ){_NAME})(?=\s*[,.!?]|\s+(?:so|and|it|let|"
    rf"how|I|we|you)\b)",
    re.MULTILINE,
)
_STAFF = re.compile(
    r"\b(?:nurse|doctor|dr|gp|gps|physio\w*|therapist|aide|your|admitting|looking after|"
    r"taking care|home care|agency|from the|one of the|calling from|speaking)\b",
    re.IGNORECASE,
)

_MONTH = (
    r"(?:january|february|march|april|may|june|july|august|september|october|november|"
    r"december|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)\.?"
)
_YEAR = (
    r"(?:,?\s+(?:of\s+)?(?:\d{2,4}|nineteen[\s-]\w+(?:[\s-]\w+)?|(?:thirty|forty|fifty|"
    r"sixty|seventy|eighty|ninety)(?:[\s-]\w+)?|two thousand(?:\s+and)?(?:\s+\w+)?|"
    r"['’]\d\d))?"
)
_DAY = (
    r"(?:\d{1,2}(?:st|nd|rd|th)?|(?:twenty|thirty)?[\s-]?(?:first|second|third|fourth|fifth|"
    r"sixth|seventh|eighth|ninth|tenth|eleventh|twelfth|\w+teenth|twentieth|thirtieth))"
)
_DATE = re.compile(
    rf"\b(?:the\s+)?(?:{_MONTH}\s+(?:the\s+)?{_DAY}{_YEAR}|"
    rf"{_DAY}\s+(?:of\s+)?{_MONTH}{_YEAR}|\d{{1,2}}[/-]\d{{1,2}}[/-]\d{{2,4}})\b",
    re.IGNORECASE,
)
_BIRTH = re.compile(r"\b(?:date of birth|birth ?da(?:y|te)|dob|born)\b", re.IGNORECASE)
_VERIFIED = re.compile(
    r"\b(?:identity|identifiers?|id)\s+(?:was\s+|were\s+)?(?:verified|confirmed|"
    r"checked)(?:\s+(?:with|by|using|per|via)\s+[^.;\n]+)?",
    re.IGNORECASE,
)
_PHONE = re.compile(r"(?:\d{3}[- .]?)?\d{3}[- .]\d{4}|\d{5} \d{6}")
_RELATION = re.compile(
    r"\b(?:my|his|her|their|the|our|wife|husband|son|daughter|sister|brother|niece|nephew|"
    r"mother|father|mum|mom|dad|partner|friend|neighbou?r|call|yes)\b",
    re.IGNORECASE,
)
_CONTACT = re.compile(
    rf"\b(?:[Hh]er|[Hh]is|[Mm]y|[Tt]he)?\s*(?:wife|husband|son|daughter|sister|brother|niece|"
    rf"nephew|mother|father|partner|friend)\s+(?:{_PART}\s+)*(?:{_PHONE.pattern}|"
    rf"is the contact|is (?:his|her) contact)"
)
_LANGUAGES = (
    r"(?:english|spanish|french|german|portuguese|italian|polish|russian|ukrainian|arabic|"
    r"mandarin|cantonese|chinese|vietnamese|korean|tagalog|creole|hindi|urdu|punjabi|"
    r"bengali|somali|farsi|turkish|greek|japanese|swahili|sign language|asl)"
)
_LANGUAGE = re.compile(
    rf"\b(?:(?:just|only|mostly|mainly)\s+{_LANGUAGES}|(?:speaks?|prefers?|"
    rf"primary language(?: is|:)?|language(?: is|:)?)\s+(?:only\s+|mostly\s+)?{_LANGUAGES}|"
    rf"{_LANGUAGES}(?:[- ]speaking|\s+(?:will do|is (?:fine|better|best)|only)|['’]s (?:fine|"
    rf"better|best)))[^.\n;]{{0,40}}",
    re.IGNORECASE,
)


def find_people(talk: Talk) -> Iterator[Finding]:
    """Everything about persons in the talk."""
    for find in (_name, _identity, _contact, _language):
        yield from find(talk)


def _name(talk: Talk) -> Iterator[Finding]:
    for exchange in asked_exchanges(talk, known_topic("patient_name")):
        place = _name_in_reply(talk, exchange)
        if place:
            yield Finding("patient_name", "stated", (place,))
            return
    for pattern in (_IS_PATIENT, _IN_BED, _SAYS_NAME, _ADDRESSED):
        for match in pattern.finditer(talk.text):
            if not _is_staff(talk, match.start(), pattern is _SAYS_NAME):
                yield Finding("patient_name", "stated", (match.span("name"),))
                return


def _name_in_reply(talk: Talk, exchange: Exchange) -> tuple[int, int] | None:
    for sentence in exchange.reply[:2]:
        match = re.search(rf"{_NAME}|{_PART}, {_PART}", sentence.text) or (
            re.search(_ONE_NAME, sentence.text) if len(sentence.text.split()) <= 6 else None
        )
        if match:
            return sentence.start + match.start(), sentence.start + match.end()
    return None


def _is_staff(talk: Talk, start: int, speaks_of_self: bool) -> bool:
    at = talk.sentence_at(start)
    sentence = talk.sentences[at]
    if not speaks_of_self:
        return sentence.role == "patient"
    around = " ".join(s.text for s in talk.sentences[at : at + 2] if s.line == sentence.line)
    return sentence.role in ("nurse", "other") or _STAFF.search(around) is not None


def _identity(talk: Talk) -> Iterator[Finding]:
    match = _VERIFIED.search(talk.text)
    if match:
        yield Finding("identity_verified", "stated", (match.span(),))
        return
    for exchange in asked_exchanges(talk, known_topic("identity_verified")):
        for sentence in exchange.reply[:2]:
            date = _DATE.search(sentence.text)
            if date:
                yield Finding("identity_verified", "stated", (_with_name(sentence.text, sentence.start, date),))
                return
    for date in _DATE.finditer(talk.text):
        sentence = talk.sentences[talk.sentence_at(date.start())]
        if _BIRTH.search(sentence.text) and doubt(talk, "identity_verified", *date.span()) is None:
            yield Finding("identity_verified", "stated", (date.span(),))
            return


def _with_name(words: str, offset: int, date: re.Match[str]) -> tuple[int, int]:
    name = re.search(_NAME, words[: date.start()])
    return offset + (name.start() if name else date.start()), offset + date.end()


def _contact(talk: Talk) -> Iterator[Finding]:
    for exchange in asked_exchanges(talk, known_topic("emergency_contact")):
        reply = classify_reply(exchange)
        if reply.kind not in ("content", "yes") or not _RELATION.search(talk.text[reply.start : reply.end] or "yes"):
            continue
        last = exchange.reply[-1].end if exchange.reply else reply.end
        phone = _PHONE.search(talk.text, reply.start, last)
        yield Finding("emergency_contact", "stated", ((reply.start, max(reply.end, phone.end() if phone else 0)),))
        return
    match = _CONTACT.search(talk.text)
    if match:
        yield Finding(
            "emergency_contact",
            "stated",
            ((match.start() + len(match.group()) - len(match.group().lstrip()), match.end()),),
        )


def _language(talk: Talk) -> Iterator[Finding]:
    match = _LANGUAGE.search(talk.text)
    if match and not talk.sentences[talk.sentence_at(match.start())].text.endswith("?"):
        yield Finding("preferred_language_interpreter", "stated", (match.span(),))
