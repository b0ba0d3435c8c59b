"""What is stated outright: patterns that name the answer by the words around it.

What lives here: the table of patterns and `find_statements()`.
When to add here: a way to state something that is seldom used for anything else; the answer is the group `x`.
What to keep out: numbers (`measurements.py`), persons (`people.py`), replies to questions (`replies.py`).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from nurseconv_dagster.extraction.drugs import is_drug
from nurseconv_dagster.extraction.providers.rules.findings import Finding, FindingState, RuleKind
from nurseconv_dagster.extraction.providers.subject import doubt, patient_kin
from nurseconv_dagster.extraction.providers.turns import Sentence, Talk
from nurseconv_dagster.speech.transcripts import Role

_REST = r"[^.;\n?!]{2,120}?(?=[.;\n?!]|$)"
_THING = r"[^.,;\n?!]{2,60}?(?=[.,;\n?!]|\s+(?:and|but|so|because|which)\s|$)"
_DAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_WHEN = (
    rf"(?:in\s+(?:the\s+next\s+)?(?:a|an|one|two|three|four|five|six|seven|eight|ten|\d+)(?:\s+(?:to|or)\s+\w+)?\s+(?:hours?|days?|weeks?|months?)(?:\s+time)?|(?:on|next|this)\s+{_DAY}|{_DAY}|tomorrow(?:\s+\w+)?|"
    r"(?:on\s+)?(?:the\s+)?\d{1,2}(?:st|nd|rd|th)|(?:january|february|march|april|may|june|july|august|september|october|november|december)\s+\w+|at\s+(?:\d{1,2}|nine|ten|eleven|noon|eight|two|three|four)(?::\d\d)?)"
)


@dataclass(frozen=True, slots=True)
class _Pattern:
    question_id: str
    pattern: re.Pattern[str]
    kind: RuleKind = "stated"
    state: FindingState = "answered"
    not_by: tuple[Role, ...] = ()


def _p(
    question_id: str,
    pattern: str,
    kind: RuleKind = "stated",
    state: FindingState = "answered",
    not_by: tuple[Role, ...] = (),
) -> _Pattern:
    return _Pattern(question_id, re.compile(pattern, re.IGNORECASE), kind, state, not_by)


_PATTERNS = (
    _p("allergies", r"\b(?P<x>nkd?a|no known (?:drug |food |medication )*allerg(?:y|ies)|denies (?:any )?(?:drug )?allergies|no (?:drug |known )*allergies)\b", "denied", "denied"),
    _p("allergies", rf"\ballerg(?:ic|y) to (?P<x>{_THING}(?:,? and {_THING})?)"),
    _p("allergies", rf"\ballerg(?:ies|y):\s*(?P<x>(?!nkd?a|none|no known){_REST})"),
    _p("allergies", r"\b(?P<x>(?!I\b|it\b|that\b|this\b|which\b)\w+(?: \w+)? (?:gives?|gave|makes?|made) (?:me|him|her) (?:really |very |a |an |terrible |bad )*(?:hives|rash|itch\w*|swell|sick as|break out|blisters)[^.;\n?!]{0,25})", "told"),
    _p("code_status", r"\b(?P<x>(?:a )?full code|limited code|DNR(?:,? ?(?:/|and|but not) ?DNI)?(?: okay to intubate)?|DNI|do not resuscitate(?: order)?|no code|comfort (?:care|measures)(?: only)?|allow natural death)\b"),
    _p("fall_risk", r"\b(?P<x>(?:a )?(?:high|moderate|low|increased) (?:fall risk|risk (?:for|of) falls?|risk of falling)(?:,? (?:Morse|bed alarm|chair alarm)[^.;\n?!]{0,30})*)"),
    _p("fall_risk", r"(?P<x>(?:one|two|three|no|several|\d+) (?:recent )?falls? (?:in|over|since|this|last)[^.;\n?!]{2,50})"),
    _p("fall_risk", r"\b(?P<x>(?:I|he|she|patient) (?:fell|went down|slipped and fell|tripped)[^.;\n?!]{0,50})", "told"),
    _p("infection_precautions", r"\b(?P<x>(?:contact|droplet|airborne|standard|enteric|neutropenic)(?: and (?:contact|droplet|airborne))? (?:precautions|isolation)(?:,? for [^.;\n?!]{2,20})?)"),
    _p("surgical_history", rf"\b(?:PSH|surgical history|past surgeries):\s*(?P<x>(?!none|denies){_REST})"),
    _p("surgical_history", r"\b(?P<x>(?:I|he|she)(?:['’]ve)? ?(?:had|have had|has had) (?:my|his|her|an?|the|both) [^.;\n?!]{2,40}?(?:out|removed|replaced|repaired|replacement|bypass|stents?|surgery|\w+ectomy)(?: (?:in|when|at|about|back) [^.;\n?!]{2,25})?)"),
    _p("surgical_history", r"\b(?P<x>(?:they|he|she) (?:took|taken) (?:my |his |her |a |the )?[^.;\n?!]{2,25} out(?: in [^.;\n?!]{2,12})?)", "told"),
    _p("surgical_history", r"\b(?:s/p|status post)\s+(?P<x>[^.;,\n?!]{3,50})", "told"),
    _p("past_medical_history", rf"\b(?:PMHx?|past medical history|medical history):\s*(?P<x>(?!none|denies){_REST})"),
    _p("past_medical_history", rf"\b(?<!family )(?<!surgical )(?:history of|known) (?P<x>(?!falls){_REST})"),
    _p("medications", rf"\b(?:(?:current |home )?med(?:ication)?s?|rx):\s*(?P<x>(?!none|denies){_REST})"),
    _p("diagnosis", r"\bdiagnos(?:ed|is)(?: with|:| is| of| was)\s+(?P<x>[^.;,\n?!]{3,60})"),
    _p("diagnosis", r"\b(?:I|we|they|doctor|doc|team|surgeons?|he|she|Dr\.? \w+)(?:['’]re|['’]m)? (?:all )?(?:thinks?|thinking|suspects?|believes?|reckons?)(?: that)?(?: what you['’]ve got is| it['’]s| it is| this is| this might be| it might be| it could be| you have| you['’]ve got| he has| she has| it| this is most likely| it['’]s most likely)\s+(?:most likely |probably |likely )?(?P<x>(?!going|time|about|okay|fine|good|just|ready|not)[^.;,\n?!]{3,50}?)(?=[.;,\n?!]| rather than| so | and | but | because|$)", not_by=("patient",)),
    _p("diagnosis", r"\b(?:admitted|brought in|came in|came up|here)(?: yesterday| today| last night| on \w+| from the ED| from ED)*(?: to (?:us|the (?:ward|unit|hospital|floor)))? (?:with|for) (?P<x>[^.;,\n?!]{3,50}?)(?=[.;,\n?!]| and had | and you| but |$)", "told", not_by=("patient", "family")),
    _p("diagnosis", r"\b(?:work ?up showed|found to have|turned out to be|scan showed|consistent with|being treated for|treating (?:him|her|you) for)\s+(?P<x>[^.;,\n?!]{3,50})", not_by=("patient",)),
    _p("follow_up", rf"(?P<x>(?:with (?:Dr|Mr|Ms|Mrs|Doctor|the)\.? [^.;\n?!]{{2,40}}?(?:on|in|at) )?{_WHEN}[^.;\n?!]{{0,40}})(?<=\w)", "planned", not_by=("patient",)),
    _p("teach_back_done", r"\b(?P<x>(?:patient|pt|he|she)?\s*(?:verbali[sz]ed understanding|demonstrated|repeated back|teach[- ]?back)[^.;\n?!]{0,80})"),
    _p("warning_signs_taught", r"\b(?P<x>if (?:you|she|he|it|the|your|her|his|there|this|that)[^.;\n?!]{4,160}?)(?=,? (?:please )?(?:call|ring|dial|phone|come|go|get|that['’]s|you need|take (?:her|him)|don['’]t sit)\b)", "planned", not_by=("patient",)),
    _p("warning_signs_taught", r"\b(?:call|ring|come back|return)(?: us| the doctor| back| your doctor)?(?: right away| immediately)? (?:if|for) (?P<x>[^.;\n?!]{4,160})", "planned", not_by=("patient",)),
    _p("treatment_plan", rf"(?:^|[.\n]\s*)plan(?: of care)?(?: is(?: to)?|:)\s+(?P<x>{_REST})"),
    _p("treatment_plan", r"\b(?:we['’]ll|we will|we['’]re going to|I['’]ll|I['’]m going to|I['’]d like (?:you )?to|I['’]d suggest|they want to|doctor wants to|surgery wants to|team wants to)\s+(?P<x>(?:also )?(?:start|prescribe|refer|stop|switch|put you on|give you (?:some|a|an)|order|increase|decrease|change the|continue|wean|run|keep|get (?:a|an|some|you)|send (?:you|off)|arrange|book|step up|taking|repeat|operate|advance|ask)\b[^.;\n?!]{2,110})", "planned", not_by=("patient",)),
    _p("discharge_instructions", r"\b(?:I|we)(?:['’]d)? (?:want|need|like) you to (?P<x>[^.;\n?!]{4,90})", "planned", not_by=("patient",)),
    _p("discharge_instructions", r"(?:^|[.!?\n]\s*|, |and )(?P<x>(?:keep (?:the|your|it)|no (?:driving|lifting|heavy lifting|swimming|baths|alcohol)|do your|ice it|avoid|drink plenty|make sure you|don['’]t (?:lift|drive|shower|bathe|stop)|elevate|prop|try and keep|weigh yourself|finish)\b[^.;\n?!]{3,80})", "planned", not_by=("patient",)),
    _p("pending_items_watch", rf"\b(?:pending|still waiting (?:on|for)|awaiting)[: ]\s*(?P<x>{_REST})", "told"),
    _p("skin_wounds", r"\b(?P<x>skin (?:is |was )?(?:intact|clear|warm and dry)|no (?:pressure (?:injur(?:y|ies)|ulcers?|sores?)|skin breakdown|open areas|wounds))\b", "told"),
    _p("skin_wounds", r"\b(?P<x>(?:(?:a|there['’]s a|an?) )?(?:stage (?:one|two|three|four|[1-4]|i+)|unstageable|deep tissue injury|skin tear|pressure (?:injury|ulcer))[^.;\n?!]{0,60})", "told"),
    _p("mobility_assistive_device", r"\b(?P<x>(?:ambulates?|walks?|up|transfers?)(?: \w+){0,4}? (?:independently|with (?:a |an |the |her |his )?(?:assist\w*(?: of \w+)?|walker|rollator|cane|stick|frame|crutches|one|two)[^.;,\n?!]{0,30}))"),
    _p("mobility_assistive_device", r"\b(?P<x>(?:he|she|patient|I)(?:['’]s|['’]m| is| am)? (?:bed ?bound|on bed ?rest|wheelchair bound)|uses? (?:a|an|her|his|my|single) [^.;,\n?!]{0,20}?(?:walker|rollator|cane|stick|frame|crutches|wheelchair)[^.;,\n?!]{0,25})"),
    _p("lines_drains_airways", r"\b(?P<x>(?:an? |the |one |two )?(?:(?:1[468]|2[0246])[- ]?(?:gauge|g)\b|PICC|Foley|triple lumen|central line|art(?:erial)? line|JP(?: drain)?|chest tube|NG(?: tube)?|trach|peripheral IV|\d(?:\.\d)? tube|port-?a-?cath)[^.;\n?!]{0,90})"),
    _p("nutrition_diet", r"\b(?P<x>NPO|nil by mouth|nothing (?:by mouth|to eat or drink)|(?:a )?(?:clear|full) liquids?(?: diet)?|(?:a |regular |cardiac |diabetic |renal |soft |pureed |low[- ](?:sodium|salt|fat) )+diet|tube feeds?[^.;,\n?!]{0,20})\b"),
    _p("elimination", r"\b(?P<x>last (?:BM|bowel movement)[^.;,\n?!]{1,25}|no BM[^.;,\n?!]{0,25}|voided [^.;\n?!]{2,30})"),
    _p("substance_use", r"\b(?P<x>(?:drinks|smokes|denies (?:tobacco|alcohol|smoking|drug)|(?:current|former|never|non)[- ]?smoker|half a pack|a pack)[^.;\n?!]{0,50})", "told"),
    _p("home_safety_support", r"\b(?P<x>(?:I |he |she |patient )?lives? (?:alone|with|by (?:my|him|her)self)[^.;\n?!]{0,60})"),
    _p("home_safety_support", r"\b(?P<x>(?:my|his|her) [a-z]+(?: [A-Z]\w+)? lives with (?:me|him|her|us))"),
    _p("mental_status_orientation", r"\b(?P<x>(?:alert(?: and |,? ?& ?))?(?:oriented|A ?& ?O) ?(?:times|x)? ?(?:one|two|three|four|[1-4])?|(?:alert|awake) and oriented)\b"),
    _p("medication_adherence", r"\b(?P<x>takes? (?:all )?(?:meds|medications?|them|pills) (?:as prescribed|every day|regularly)[^.;\n?!]{0,40})"),
)  # fmt: skip
_HISTORIC = re.compile(r"\b(?:mustn['’]t|must not|skip)\b", re.IGNORECASE)
_APPOINTMENT = re.compile(
    r"\b(?:follow[- ]?up|appointments?|appt|see (?:you|the|dr|mr|your)|come back|come out|back (?:in|on)|be back|round again|booked|book (?:in|an)|speak again|call you back|ring you|next visit|clinic|review|check ?up|give us a (?:ring|call)|look at (?:him|her|you)|at the (?:gp|clinic|surgery))\b",
    re.IGNORECASE,
)
_DOSE = re.compile(
    r"\s*(?:,?\s*(?:\d+(?:\.\d+)?|[\w-]+)?\s*(?:mg|mcg|g|ml|units?|milligrams?|micrograms?|tablets?|puffs?|drops?|mics)\b|,?\s*(?:once|twice|three times|four times|every|each|daily|at (?:night|bedtime|noon)|in the (?:morning|evening)|"
    r"(?:a|per) day|nightly|bid|tid|qid|prn|as needed|IV|PO|q\d+h|when I need it|a week|with food|\w+ hours?|morning|evening|night|bedtime|for \w+ days)\b)*",
    re.IGNORECASE,
)
_WORD = re.compile(r"[A-Za-z][A-Za-z-]+")
_NOT_A_DRUG_LIST = re.compile(
    r"\ballerg|\breact|\bhives|\brash\b|\bprescribe|\bswitch\b|\bstop\b|\bwe['’]ll\b|\bsick\b|\bcan['’]t have\b",
    re.IGNORECASE,
)


def find_statements(talk: Talk) -> Iterator[Finding]:
    """Everything that the patterns and the lexicon of medicines find, at most one finding for each question and kind."""
    kin = patient_kin(talk)
    found: dict[tuple[str, RuleKind, FindingState], list[tuple[int, int]]] = defaultdict(list)
    for pattern in _PATTERNS:
        for match in pattern.pattern.finditer(talk.text):
            place = _trim(talk.text, *match.span("x"))
            if _stands(talk, pattern, place, kin):
                found[pattern.question_id, pattern.kind, pattern.state].append(place)
    for (question_id, kind, state), spans in found.items():
        yield Finding(question_id, kind, _distinct(spans), state)
    medicines = tuple(place for sentence in talk.sentences for place in _medicines(talk, sentence, kin))
    if medicines:
        yield Finding("medications", "stated", medicines[:6])


def _stands(talk: Talk, pattern: _Pattern, place: tuple[int, int], kin: frozenset[str]) -> bool:
    sentence = talk.sentences[talk.sentence_at(place[0])]
    if sentence.role in pattern.not_by or sentence.text.endswith("?") or place[1] - place[0] < 2:
        return False
    if pattern.question_id == "follow_up" and not _APPOINTMENT.search(sentence.text):
        return False
    is_denial = pattern.state == "denied"
    return is_denial or doubt(talk, pattern.question_id, *place, kin) is None


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    words = text[start:end]
    return start + len(words) - len(words.lstrip(" ,")), end - (len(words) - len(words.rstrip(" ,")))


def _distinct(spans: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    kept: list[tuple[int, int]] = []
    for start, end in spans:
        if all(end <= other[0] or start >= other[1] for other in kept):
            kept.append((start, end))
    return tuple(kept[:4])


def _medicines(talk: Talk, sentence: Sentence, kin: frozenset[str]) -> Iterator[tuple[int, int]]:
    """The stretch of a sentence from its first medicine to the last one's dose."""
    if sentence.text.endswith("?") or _NOT_A_DRUG_LIST.search(sentence.text):
        return
    exchange = talk.exchange_of(sentence)
    if exchange and _NOT_A_DRUG_LIST.search(exchange.prompt.text):
        return
    words = [match for match in _WORD.finditer(sentence.text) if is_drug(match.group())]
    if not words:
        return
    dose = _DOSE.match(sentence.text, words[-1].end())
    start, end = sentence.start + words[0].start(), sentence.start + (dose.end() if dose else words[-1].end())
    if doubt(talk, "medications", start, end, kin) is None:
        yield _trim(talk.text, start, end)
