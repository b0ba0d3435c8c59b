"""A flag for words that read like instructions to a program instead of a conversation of care.

What lives here: `find_suspicious()` and its patterns.
When to add here: another wording of such an instruction, with a test that no real talk is flagged by it.
What to keep out: any consequence. Nothing is dropped or lowered here: whoever asks sends the upload to review.
"""

from __future__ import annotations

import re

from nurseconv_dagster.speech.transcripts import Transcript

_MODEL = (
    r"(?:ai|a\.i\.|assistant|chat ?bot|chat ?gpt|gpt|gemini|claude|language model|llm|bot|copilot|"
    r"model(?!\s+(?:patient|student|citizen|train|of)\b))"
)
_FIELD = r"(?:[a-z]+(?:_[a-z]+)+|patient name|patient age|chief complaint|pain level|vital signs|treatment plan)"
_STATE = (
    r"(?:answered|denied|not[_ ]asked|asked[_ ]no[_ ]answer|declined|unable|conflicting|not[_ ]applicable|true|false|"
    r"null|none|correct|complete|confident)"
)
_RULES = r"(?:instructions?|prompts?|directions?|rules?|guidelines?|commands?|directives?|programming|guardrails?)"
_EARLIER = (
    r"(?:previous|prior|above|preceding|earlier|former|foregoing|initial|original|last|other|all|any|these|"
    r"those|system)"
)
_DROP = r"\b(?:ignore|disregard|forget|override|bypass|discard|neglect|do not follow|don['’]?t follow|stop following)\b"
_LAY_ASIDE = (
    rf"{_DROP}[\w\s,'’]{{0,30}}\b{_EARLIER}\b[\w\s,'’]{{0,25}}\b{_RULES}\b",
    rf"{_DROP}\s+(?:\w+\s+){{0,2}}your\s+(?:\w+\s+)?{_RULES}\b",
    rf"{_DROP}[\w\s,'’]{{0,20}}\b(?:everything|anything|all|what(?:ever)?)\b[\w\s]{{0,15}}"
    r"\b(?:above|before this|so far|you were (?:told|instructed|programmed))\b",
    r"\b(?:new|updated|revised|real|actual|additional|hidden|secret)\s+(?:system\s+)?"
    r"(?:instructions?|prompts?|directives?)\s*(?:[:.]|(?:are|is|for|follow|begin)\b)",
    r"\b(?:reveal|repeat|show|print|leak|tell me|what (?:is|are|was|were))\b[\w\s,]{0,20}\b(?:your|the)\s+"
    r"(?:system|hidden|secret|initial|original)\s+(?:prompts?|instructions?|messages?|rules?)\b",
)
_PLAY_A_PART = (
    r"\b(?:you are|you['’]re|act as|pretend (?:to be|you are|you['’]re)|behave (?:like|as)|become)\s+(?:now\s+)?"
    rf"(?:(?:an?|the|in)\s+)?(?:\w+\s+){{0,3}}{_MODEL}\b",
    r"\byou are now\s+(?:an?|the|in|acting|operating|running|required|instructed|free)\b[\w\s]{0,40}"
    r"\b(?:mode|assistant|program|system|bot|model|character|persona|restrictions?|unrestricted|output|respond|"
    r"answer)\b",
    r"\b(?:developer|debug|admin(?:istrator)?|god|jailbreak|dan|maintenance|unrestricted|sudo)\s+mode\b",
    r"\b(?:attention|dear|hey|hello|note to|message (?:to|for)|instructions? (?:to|for))\s+"
    rf"(?:the\s+)?(?:\w+\s+)?{_MODEL}\b",
    r"\b(?:as|if you are) an?\s+(?:\w+\s+)?(?:ai|language model|llm)\b",
)
_CHAT_FORMAT = (
    r"(?:^|[\n.!?>\]\"'*]\s*)[#*\[<|]*\s*(?:system|assistant|developer)"
    r"(?:\s+(?:prompt|message|instructions?|override|note))?\s*[\]>|*]*\s*:",
    r"\b(?:system|assistant|developer|user)\s+(?:prompt|override|message)\b|\bsystem colon\b",
    r"<\|?\s*/?\s*(?:im_start|im_end|system|assistant|user|endoftext|instructions?|transcript|inst)\b[^>\n]{0,20}>",
    r"\[/?INST\]|<</?SYS>>|```|#{2,}\s*(?:instruction|system|response)",
    r"\bend of (?:the\s+)?(?:transcript|conversation|prompt|context|input)\b[\s\S]{0,40}"
    r"\b(?:instruction|now|system|task|new)",
)
_DICTATED = (
    r"\b(?:respond|reply|output|answer|print|write|return|say|emit|generate|produce)\b[\w\s,]{0,25}"
    r"\b(?:with|in|as|only|the following|this|exactly)\b[\w\s,]{0,15}"
    r"\b(?:json|yaml|xml|markdown|html|code ?block|following (?:text|answers?|values?)|exact(?:ly)? (?:text|"
    r"words|phrase))\b",
    r"\b(?:respond|reply)\s+(?:(?:only|always|just)\s+)*(?:with|by saying)\s+(?:only\b|exactly\b|nothing but\b|"
    r"the\b|[\"'“‘])",
    r"\b(?:mark|set|flag|label|record|fill in|code|answer)\b[\w\s,]{0,15}\b(?:all|every|each|any|the remaining|"
    r"the other)\b"
    r"[\w\s,]{0,20}\b(?:questions?|answers?|fields?|items?|entries)\b[\w\s,]{0,15}\b(?:as|to|with)\b",
    rf"\b(?:mark|set|flag|label|treat|report)\s+(?:the\s+)?{_FIELD}\s+(?:question\s+|field\s+)?(?:as|to|equal to)\s+"
    rf"[\"'“]?{_STATE}\b",
    r"\b(?:correct|right|true|expected|only|final|proper)\s+(?:answer|value|response|reply)\s+(?:to|for|"
    r"of)\s+(?:the\s+)?"
    rf"(?:{_FIELD}|questions?|every|all|each|field)\b",
    r"\b(?:answer|value)\s+(?:to|for|of)\s+(?:the\s+)?(?:field\s+|question\s+)?[a-z]+_[a-z_]+\b",
    r"\b(?:set|give|assign|report|use|make)\b[\w\s,]{0,20}\b(?:confidence|probability)(?:\s+(?:score|level|"
    r"value)s?)?\s+"
    r"(?:to|of|as|at|equals?)\s+(?:one|1|0?\.\d|zero|100|high|(?:the )?maximum)\b",
    r"\b(?:do not|don['’]?t|never)\s+(?:extract|summari[sz]e|analy[sz]e|include in (?:the|your) (?:answer|"
    r"output|summary))\b",
)
_REPLY = (
    r"[{\[]\s*[\"'“]\w+[\"'”]\s*:|[\"“]\w+[\"”]\s*:\s*(?:[\"“\[{\d]|true|false|null)|\bopen (?:curly )?(?:brace|"
    r"bracket)\b",
    r"(?:^|[\s,;{])(?:state|question_id|answer_value|answer_text|confidence_score|quotes?)\s*[=:]\s*[\"'“\[{]",
    rf"\b[a-z]+(?:_[a-z]+)+\s*(?:=|:|is|equals)\s*[\"'“]?{_STATE}\b",
)
_SUSPICIOUS = re.compile(
    "|".join((*_LAY_ASIDE, *_PLAY_A_PART, *_CHAT_FORMAT, *_DICTATED, *_REPLY)), re.IGNORECASE | re.MULTILINE
)


def find_suspicious(transcript: Transcript) -> tuple[int, ...]:
    """Ids of the segments whose words read like instructions to a program, in order; empty for ordinary talks.

    An instruction that runs over two segments counts for both. A flag, not a filter: it knows wordings, not intent.

    Args:
        transcript: a whole conversation or note.
    """
    found: set[int] = set()
    for match in _SUSPICIOUS.finditer(transcript.full_text):
        found |= {
            segment.id
            for segment in transcript.segments
            if segment.start_char < match.end() and match.start() < segment.end_char
        }
    return tuple(sorted(found))
