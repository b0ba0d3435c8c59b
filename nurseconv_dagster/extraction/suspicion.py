"""How much words sound like an order to whoever fills in a form from a talk, and not like a talk of care.

What lives here: `suspicion()`: a sum over kinds of words; no single word is enough, and no wording is needed.
When to add here: a word of one of the kinds, with the benchmark's false alarms beside it (`benchmarks/injection.py`).
What to keep out: whole wordings, and what follows from them (`injection.py`).

An order to a program can be worded in endless ways, but it must name its reader, or the form that is filled in, and say
what to do with it. People in care seldom speak of these together.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

ENOUGH = 2.5
"""From here on words are an order. No ordinary sentence of the talks of the tree comes so far."""
PERHAPS = 1.5
"""From here on they could be one. One ordinary sentence in a hundred comes so far."""

_READERS = (
    r"a\.?i|llms?|gpt|chat ?gpt|chat ?bots?|bots?|robots?|gemini|claude|copilot|algorithms?|software|parsers?|"
    r"summari[sz]ers?|scribes?|transcribers?|annotators?|extractors?|extraction|transcription|language models?|"
    r"voice assistant|automated|automaton|"
    r"who ?ever (?:is |will )?(?:\w+ )?(?:summari[sz]\w*|transcrib\w*|fill\w*|typ\w*|cod\w*|read\w*|writ\w*|"
    r"process\w*|annotat\w*)"
)
_MACHINES = r"computer|machine|system|program|tool|assistant|model|database|engine|operator|vendor|parsing|app"
_ADDRESSED = (
    r"(?:^|[.,;:!?]\s*)(?:(?:hey|hi|hello|dear|ok|okay|so|now|please|attention|listen|you|the)\s+)*"
    rf"(?:{_MACHINES})(?=\s*,)|"
    r"(?:hey|dear|attention|ok(?:ay)?(?: so)?|note to (?:the|any)|(?:tell|have|let|ask|for) the|the|as an?|"
    rf"if (?:a|the)|(?:^|[.!?]\s+))\s*(?:\w+ )?(?:{_MACHINES})\s+(?:please|must|should|shall|has to|is to|needs? to|"
    r"may|wants?|reading|that reads|which reads|set|put|mark|stop|skip|ignore|answer|fill|return|do not|don't|just|"
    r"strike|treat|use|leave|copy|throw|going over|out of|you)"
)
_FORMS = (
    r"forms?|fields?|box(?:es)?|slots?|entr(?:y|ies)|items?|checklists?|questionnaires?|templates?|outputs?|results?|"
    r"summar(?:y|ies)|schemas?|tables?|catalog(?:ue)?s?|answers?|questions?|evidence|quot(?:e|es|ation)|labels?|states?|"
    r"sheets?|documents?|remainder|rules?|formats?|structured?|topics?|findings?|values?|sentences?|"
    r"phrases?|keys?|propert(?:y|ies)|object|records?|columns?|rows?|category|recordings?|text|passages?|conversation|"
    r"file|reply|replies|responses?|facts?|data|words|lines?|list|report"
)
_PROGRAM_WORDS = (
    r"json|yaml|xml|markdown|transcripts?|prompts?|(?:curly|square|open|close) ?(?:brackets?|braces?)|colon|"
    r"not[ _](?:asked|discussed|applicable|raised)|never (?:mentioned|asked|discussed|came up|brought up)|"
    r"[a-z]+(?:_[a-z]+)+|null|verbatim|override|overwrite|overrule|extract\w*|structured (?:data|record)|schema|"
    r"maintenance mode|configuration|briefing"
)
_ORDERS = (
    r"mark|set|put|write|fill|leave|remove|replace|use|copy|paste|cite|return|respond|say|treat|"
    r"consider|code|log|enter|note|stop|quit|print|repeat|translate|link|tie|attribute|swap|annotate|submit|make|"
    r"must|shall|should|has to|hand in|give|keep|do not|don't|cannot|may not|assign|choose|pick|select|produce|"
    r"generate|compose|change|switch|exclude|include|end|ends|finish|tell|count|belongs?|read|is to be|are to be"
)
_LAY_ASIDE = (
    r"ignor(?:e|ed|ing)|disregard(?:ed)?|overlook(?:ed)?|discard(?:ed)?|omit(?:ted)?|suppress(?:ed)?|redact(?:ed)?|"
    r"strike|skip|leave out|left out|throw away|pretend|forget|erase[ds]?|delete[ds]?|blank|empty|act as|"
    r"do(?:es)?(?: not|n't) count|not (?:be )?(?:used|part of|meant for|to be)|take out|drop"
)
_PLACES = (
    r"(?:after|from|below|above|before|beyond) this(?: (?:point|line|sentence|mark))|"
    r"this (?:line|sentence|recording|transcript|conversation|file|text|document|talk|message)|any further|"
    r"the rest|what(?:ever)? (?:follows|comes (?:next|after))|that follows|(?:up to|stop|ends?) here|later lines|"
    r"(?:everything|anything|nothing|text|words|lines|all) (?:\w+ )?(?:after|below|above|following)|the following|"
    r"from (?:here|now) on"
)
_TOPICS = r"chief complaint|pain level|vital signs|treatment plan|follow[ -]up|patient (?:name|age)"
_DICTATED = (
    r"(?:correct|right|expected|only|allowed|final|proper|true) (?:answer|reply|response|value|result|quote)s?|"
    r"(?:answer|value|evidence|quote|entry|state)s? (?:to|for|of|under)|you are now|as (?:evidence|proof|the answer)|"
    r"(?:answer|reply|respond)(?:ed)? (?:with|by|in|only)|word for word|from the beginning|nothing (?:else|more)|"
    r"always say|like one|(?:answer|quote|evidence|reply|entry|value) (?:is|must be|should be|has to be|reads)|"
    rf"(?:as|under) (?:the |a )?(?:{_TOPICS}|diagnosis|medications?|allergies|symptoms|discharge instructions)|"
    r"(?:in|from|of|for) (?:your|the) (?:final )?(?:output|report|result|summary|list|reply|table|record|"
    r"template|answer|form)|your (?:only |final |whole )*(?:output|list|result|summary|task|job|reply|template|"
    r"instructions|rules|manual|report|schema|prompt|configuration|format|notes)"
)
_EVERYTHING = r"every|each|all|everything|nothing|none|whole|entire|only|always|anything|regardless|whatever|no matter"


@dataclass(frozen=True, slots=True)
class _Kind:
    """Words of one kind: what each counts, and how much they count together at most."""

    words: re.Pattern[str]
    each: float
    most: float


def _kind(words: str, each: float, most: float) -> _Kind:
    return _Kind(re.compile(rf"(?<![\w'’])(?:{words})(?![\w'’])", re.IGNORECASE), each, most)


_KINDS = (
    _kind(_READERS, 2.0, 2.5),
    _kind(_ADDRESSED, 2.0, 2.0),
    _kind(_FORMS, 1.0, 1.5),
    _kind(_PROGRAM_WORDS, 1.5, 3.0),
    _kind(_ORDERS, 0.75, 1.0),
    _kind(_LAY_ASIDE, 1.0, 1.0),
    _kind(_PLACES, 1.0, 1.0),
    _kind(_DICTATED, 1.0, 1.0),
    _kind(_EVERYTHING, 0.5, 0.5),
    _kind(_TOPICS, 0.5, 0.5),
)


def suspicion(text: str) -> float:
    """How much the words of a sentence or two sound like an order to a program; `ENOUGH` is enough.

    Args:
        text: a sentence, or a part of a long one.
    """
    line = " ".join(text.split())
    return sum(min(kind.most, kind.each * len(set(_found(kind, line)))) for kind in _KINDS)


def _found(kind: _Kind, text: str) -> list[str]:
    return [match.group().lower() for match in kind.words.finditer(text)]
