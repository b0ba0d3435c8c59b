"""The patterns that name an answer by the words around it: data, one entry a way to say something.

What lives here: `PATTERNS`; in each, the group `x` is the answer.
When to add here: a way to state something that is seldom used for anything else.
What to keep out: how the patterns are used (`statements.py`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from nurseconv_dagster.extraction.providers.rules.findings import FindingState, RuleKind
from nurseconv_dagster.speech.transcripts import Role

_REST = r"[^.;\n?!]{2,120}?(?=[.;\n?!]|$)"
_THING = r"[^.,;\n?!]{2,60}?(?=[.,;\n?!]|\s+(?:and|but|so|because|which)\s|$)"
_DAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_WHEN = (
    rf"(?:in\s+(?:the\s+next\s+)?(?:a|an|one|two|three|four|five|six|seven|eight|ten|"
    rf"\d+)(?:\s+(?:to|or)\s+\w+)?\s+(?:hours?|days?|weeks?|months?)(?:\s+time)?|(?:on|next|"
    rf"this)\s+{_DAY}|{_DAY}|tomorrow(?:\s+\w+)?|"
    r"(?:on\s+)?(?:the\s+)?\d{1,2}(?:st|nd|rd|th)|(?:january|february|march|april|may|june|"
    r"july|august|september|october|november|december)\s+\w+|at\s+(?:\d{1,2}|nine|ten|"
    r"eleven|noon|eight|two|three|four)(?::\d\d)?)"
)


@dataclass(frozen=True, slots=True)
class StatementPattern:
    """One way to state an answer.

    Args:
        question_id: what it answers.
        pattern: with a group `x`.
        kind: how much the rule is trusted.
        state: denied where it says that there is none.
        not_by: whose sentences it is not looked for in.
    """

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
) -> StatementPattern:
    return StatementPattern(question_id, re.compile(pattern, re.IGNORECASE), kind, state, not_by)


PATTERNS = (
    _p(
        "allergies",
        r"\b(?P<x>nkd?a|no known (?:drug |food |medication )*allerg(?:y|ies)|"
        r"denies (?:any )?(?:drug )?allergies|no (?:drug |known )*allergies)\b",
        "denied",
        "denied",
    ),
    _p("allergies", rf"\ballerg(?:ic|y) to (?P<x>{_THING}(?:,? and {_THING})?)"),
    _p("allergies", rf"\ballerg(?:ies|y):\s*(?P<x>(?!nkd?a|none|no known){_REST})"),
    _p(
        "allergies",
        r"\b(?P<x>(?!I\b|it\b|that\b|this\b|which\b)\w+(?: \w+)? (?:gives?|gave|makes?|"
        r"made) (?:me|him|her) (?:really |very |a |an |terrible |bad )*(?:hives|rash|itch\w*|"
        r"swell|sick as|break out|blisters)[^.;\n?!]{0,25})",
        "told",
    ),
    _p(
        "code_status",
        r"\b(?P<x>(?:a )?full code|limited code|DNR(?:,? ?(?:/|and|"
        r"but not) ?DNI)?(?: okay to intubate)?|DNI|do not resuscitate(?: order)?|no code|"
        r"comfort (?:care|measures)(?: only)?|allow natural death)\b",
    ),
    _p(
        "fall_risk",
        r"\b(?P<x>(?:a )?(?:high|moderate|low|increased) (?:fall risk|risk (?:for|of) falls?|"
        r"risk of falling)(?:,? (?:Morse|bed alarm|chair alarm)[^.;\n?!]{0,30})*)",
    ),
    _p(
        "fall_risk",
        r"(?P<x>(?:one|two|three|no|several|\d+) (?:recent )?falls? (?:in|over|since|this|"
        r"last)[^.;\n?!]{2,50})",
    ),
    _p(
        "fall_risk",
        r"\b(?P<x>(?:I|he|she|patient) (?:fell|went down|slipped and fell|"
        r"tripped)[^.;\n?!]{0,50})",
        "told",
    ),
    _p(
        "infection_precautions",
        r"\b(?P<x>(?:contact|droplet|airborne|standard|enteric|neutropenic)(?: and (?:contact|"
        r"droplet|airborne))? (?:precautions|isolation)(?:,? for [^.;\n?!]{2,20})?)",
    ),
    _p("surgical_history", rf"\b(?:PSH|surgical history|past surgeries):\s*(?P<x>(?!none|denies){_REST})"),
    _p(
        "surgical_history",
        r"\b(?P<x>(?:I|he|she)(?:['’]ve)? ?(?:had|have had|has had) (?:my|his|her|an?|the|"
        r"both) [^.;\n?!]{2,40}?(?:out|removed|replaced|repaired|replacement|bypass|stents?|"
        r"surgery|\w+ectomy)(?: (?:in|when|at|about|back) [^.;\n?!]{2,25})?)",
    ),
    _p(
        "surgical_history",
        r"\b(?P<x>(?:they|he|she) (?:took|taken) (?:my |his |her |a |"
        r"the )?[^.;\n?!]{2,25} out(?: in [^.;\n?!]{2,12})?)",
        "told",
    ),
    _p("surgical_history", r"\b(?:s/p|status post)\s+(?P<x>[^.;,\n?!]{3,50})", "told"),
    _p("past_medical_history", rf"\b(?:PMHx?|past medical history|medical history):\s*(?P<x>(?!none|denies){_REST})"),
    _p("past_medical_history", rf"\b(?<!family )(?<!surgical )(?:history of|known) (?P<x>(?!falls){_REST})"),
    _p("medications", rf"\b(?:(?:current |home )?med(?:ication)?s?|rx):\s*(?P<x>(?!none|denies){_REST})"),
    _p("diagnosis", r"\bdiagnos(?:ed|is)(?: with|:| is| of| was)\s+(?P<x>[^.;,\n?!]{3,60})"),
    _p(
        "diagnosis",
        r"\b(?:I|we|they|doctor|doc|team|surgeons?|he|she|Dr\.? \w+)(?:['’]re|"
        r"['’]m)? (?:all )?(?:thinks?|thinking|suspects?|believes?|"
        r"reckons?)(?: that)?(?: what you['’]ve got is| it['’]s| it is| this is| this might be|"
        r" it might be| it could be| you have| you['’]ve got| he has| she has| it|"
        r" this is most likely| it['’]s most likely)\s+(?:most likely |probably |"
        r"likely )?(?P<x>(?!going|time|about|okay|fine|good|just|ready|"
        r"not)[^.;,\n?!]{3,50}?)(?=[.;,\n?!]| rather than| so | and | but | because|$)",
        not_by=("patient",),
    ),
    _p(
        "diagnosis",
        r"\b(?:admitted|brought in|came in|came up|here)(?: yesterday| today| last night|"
        r" on \w+| from the ED| from ED)*(?: to (?:us|the (?:ward|unit|hospital|"
        r"floor)))? (?:with|for) (?P<x>[^.;,\n?!]{3,50}?)(?=[.;,\n?!]| and had | and you| but |"
        r"$)",
        "told",
        not_by=("patient", "family"),
    ),
    _p(
        "diagnosis",
        r"\b(?:work ?up showed|found to have|turned out to be|scan showed|consistent with|"
        r"being treated for|treating (?:him|her|you) for)\s+(?P<x>[^.;,\n?!]{3,50})",
        not_by=("patient",),
    ),
    _p(
        "follow_up",
        rf"(?P<x>(?:with (?:Dr|Mr|Ms|Mrs|Doctor|the)\.? [^.;\n?!]{{2,40}}?(?:on|in|"
        rf"at) )?{_WHEN}[^.;\n?!]{{0,40}})(?<=\w)",
        "planned",
        not_by=("patient",),
    ),
    _p(
        "teach_back_done",
        r"\b(?P<x>(?:patient|pt|he|she)?\s*(?:verbali[sz]ed understanding|demonstrated|"
        r"repeated back|teach[- ]?back)[^.;\n?!]{0,80})",
    ),
    _p(
        "warning_signs_taught",
        r"\b(?P<x>if (?:you|she|he|it|the|your|her|his|there|this|"
        r"that)[^.;\n?!]{4,160}?)(?=,? (?:please )?(?:call|ring|dial|phone|come|go|get|"
        r"that['’]s|you need|take (?:her|him)|don['’]t sit)\b)",
        "planned",
        not_by=("patient",),
    ),
    _p(
        "warning_signs_taught",
        r"\b(?:call|ring|come back|return)(?: us| the doctor| back| your doctor)?(?: right away|"
        r" immediately)? (?:if|for) (?P<x>[^.;\n?!]{4,160})",
        "planned",
        not_by=("patient",),
    ),
    _p("treatment_plan", rf"(?:^|[.\n]\s*)plan(?: of care)?(?: is(?: to)?|:)\s+(?P<x>{_REST})"),
    _p(
        "treatment_plan",
        r"\b(?:we['’]ll|we will|we['’]re going to|I['’]ll|I['’]m going to|"
        r"I['’]d like (?:you )?to|I['’]d suggest|they want to|doctor wants to|surgery wants to|"
        r"team wants to)\s+(?P<x>(?:also )?(?:start|prescribe|refer|stop|switch|put you on|"
        r"give you (?:some|a|an)|order|increase|decrease|change the|continue|wean|run|keep|"
        r"get (?:a|an|some|you)|send (?:you|off)|arrange|book|step up|taking|repeat|operate|"
        r"advance|ask)\b[^.;\n?!]{2,110})",
        "planned",
        not_by=("patient",),
    ),
    _p(
        "discharge_instructions",
        r"\b(?:I|we)(?:['’]d)? (?:want|need|like) you to (?P<x>[^.;\n?!]{4,90})",
        "planned",
        not_by=("patient",),
    ),
    _p(
        "discharge_instructions",
        r"(?:^|[.!?\n]\s*|, |and )(?P<x>(?:keep (?:the|your|it)|no (?:driving|lifting|"
        r"heavy lifting|swimming|baths|alcohol)|do your|ice it|avoid|drink plenty|make sure you|"
        r"don['’]t (?:lift|drive|shower|bathe|stop)|elevate|prop|try and keep|weigh yourself|"
        r"finish)\b[^.;\n?!]{3,80})",
        "planned",
        not_by=("patient",),
    ),
    _p("pending_items_watch", rf"\b(?:pending|still waiting (?:on|for)|awaiting)[: ]\s*(?P<x>{_REST})", "told"),
    _p(
        "skin_wounds",
        r"\b(?P<x>skin (?:is |was )?(?:intact|clear|warm and dry)|no (?:pressure (?:injur(?:y|"
        r"ies)|ulcers?|sores?)|skin breakdown|open areas|wounds))\b",
        "told",
    ),
    _p(
        "skin_wounds",
        r"\b(?P<x>(?:(?:a|there['’]s a|an?) )?(?:stage (?:one|two|three|four|[1-4]|i+)|"
        r"unstageable|deep tissue injury|skin tear|pressure (?:injury|ulcer))[^.;\n?!]{0,60})",
        "told",
    ),
    _p(
        "mobility_assistive_device",
        r"\b(?P<x>(?:ambulates?|walks?|up|transfers?)(?: \w+){0,4}? (?:independently|with (?:a |"
        r"an |the |her |his )?(?:assist\w*(?: of \w+)?|walker|rollator|cane|stick|frame|"
        r"crutches|one|two)[^.;,\n?!]{0,30}))",
    ),
    _p(
        "mobility_assistive_device",
        r"\b(?P<x>(?:he|she|patient|I)(?:['’]s|['’]m| is| am)? (?:bed ?bound|on bed ?rest|"
        r"wheelchair bound)|uses? (?:a|an|her|his|my|single) [^.;,\n?!]{0,20}?(?:walker|"
        r"rollator|cane|stick|frame|crutches|wheelchair)[^.;,\n?!]{0,25})",
    ),
    _p(
        "lines_drains_airways",
        r"\b(?P<x>(?:an? |the |one |two )?(?:(?:1[468]|2[0246])[- ]?(?:gauge|g)\b|PICC|Foley|"
        r"triple lumen|central line|art(?:erial)? line|JP(?: drain)?|chest tube|NG(?: tube)?|"
        r"trach|peripheral IV|\d(?:\.\d)? tube|port-?a-?cath)[^.;\n?!]{0,90})",
    ),
    _p(
        "nutrition_diet",
        r"\b(?P<x>NPO|nil by mouth|nothing (?:by mouth|to eat or drink)|(?:a )?(?:clear|"
        r"full) liquids?(?: diet)?|(?:a |regular |cardiac |diabetic |renal |soft |pureed |"
        r"low[- ](?:sodium|salt|fat) )+diet|tube feeds?[^.;,\n?!]{0,20})\b",
    ),
    _p(
        "elimination",
        r"\b(?P<x>last (?:BM|bowel movement)[^.;,\n?!]{1,25}|no BM[^.;,\n?!]{0,25}|"
        r"voided [^.;\n?!]{2,30})",
    ),
    _p(
        "substance_use",
        r"\b(?P<x>(?:drinks|smokes|denies (?:tobacco|alcohol|smoking|drug)|(?:current|former|"
        r"never|non)[- ]?smoker|half a pack|a pack)[^.;\n?!]{0,50})",
        "told",
    ),
    _p(
        "home_safety_support",
        r"\b(?P<x>(?:I |he |she |patient )?lives? (?:alone|with|by (?:my|him|"
        r"her)self)[^.;\n?!]{0,60})",
    ),
    _p("home_safety_support", r"\b(?P<x>(?:my|his|her) [a-z]+(?: [A-Z]\w+)? lives with (?:me|him|her|us))"),
    _p(
        "mental_status_orientation",
        r"\b(?P<x>(?:alert(?: and |,? ?& ?))?(?:oriented|A ?& ?O) ?(?:times|x)? ?(?:one|two|"
        r"three|four|[1-4])?|(?:alert|awake) and oriented)\b",
    ),
    _p(
        "medication_adherence",
        r"\b(?P<x>takes? (?:all )?(?:meds|medications?|them|pills) (?:as prescribed|every day|"
        r"regularly)[^.;\n?!]{0,40})",
    ),
)
