"""Who and whether: does a negation reach into a quote, does it deny, is it about somebody else, was it taken back.

What lives here: small rules over the clause around a stretch of the transcript.
When to add here: another way to say no, to speak of a relative, or to correct oneself.
What to keep out: the search for the quote itself (`evidence.py`), values (`reading*.py`), states (`checking.py`).
"""

from __future__ import annotations

import re
from typing import Literal

from nurseconv_dagster.extraction.meaning import NEGATIONS
from nurseconv_dagster.extraction.tokens import Token, tokenise
from nurseconv_dagster.extraction.words import word_set

_REACH_TOKENS = 8  # a negation further back than this in one clause is seldom about the quote
_CLAUSE_END = re.compile(r"[.?!;:\n]")
_TURN_WORDS = word_set("but however although except though because")
_SUBJECTS = word_set(
    "i im ive he hes she shes they theyre we were it its my his her their this that theres there youre you"
)
# "don't forget your lisinopril", "not only", "no problem": the negation is not about what follows.
_HARMLESS_AFTER = word_set("forget hesitate worry stop skip miss know only sure just problem problems wait sorry")
_BARE_ANSWERS = word_set("no nope nah")
_DENIALS = NEGATIONS | word_set("free clear intact")

_KIN = (
    r"(?:mother|father|mom|mum|dad|sister|brother|son|daughter|wife|husband|aunt|uncle|cousin|grandmother|grandfather|"
    r"grandma|grandpa|neighbor|neighbour|friend|partner|parents?|kids?|children)"
)
_THIRD_PARTY = re.compile(
    rf"\b(?:my|his|her|their|the|our)\s+(?:\w+\s+)?{_KIN}(?:['’]s|\s+(?:also|already|always|both|just|used\s+to))*\s+"
    r"(?:has|had|have|takes?|took|is|was|are|were|got|gets|died|uses?|smokes?|drinks?|suffers?|allergic|diagnosed)\b"
    rf"|\b(?:my|his|her|their)\s+(?:\w+\s+)?{_KIN}['’]s\s+\w+|\bfamily history\b|\bruns in (?:the|my) family\b",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[.?!\n]")
_LIGHT_IN_DENIALS = word_set(
    "i im ive he she they we it you my the a an any of to at all that have has had is are am do does did know "
    "known take takes taking anything really other drug food medication medicine patient reported stated so far "
    "in on for right now currently maam sir thank thanks aware think regular either honestly fine thing as"
)
_HEDGE = re.compile(
    r"\b(?:not (?:really )?sure|(?:don['’]?t|do not|can['’]?t|cannot) (?:really )?(?:know|remember|recall)|no idea)\b",
    re.IGNORECASE,
)
_YES = word_set("yes yeah yep yup yea correct right sure absolutely definitely")
_CONTEXT_BEFORE = 120  # characters: about two spoken sentences
_MARKERS = (
    r"(?:no,? wait|wait,? no|i mean|i meant|sorry|correction|make that|scratch that|rather|actually|no,? no|my mistake)"
)
_CORRECTION = re.compile(rf"\b(?:{_MARKERS}|let me correct|excuse me)\b", re.IGNORECASE)
_CORRECTION_NEXT = re.compile(rf"[\s,.…-]*{_MARKERS}\b[\s,.…-]*[^.?!\n]{{1,60}}", re.IGNORECASE)
_TIME_MARK = re.compile(
    r"\b(?:now|currently|today|tonight|earlier|yesterday|this morning|last (?:night|week|month|year|time)|ago|"
    r"before|after|was|were|used to|usually|sometimes|at (?:its |the )?(?:worst|best)|at rest|at night|when|"
    r"goes (?:up|down))\b",
    re.IGNORECASE,
)


def negation_before(text: str, start: int) -> int | None:
    """Where a negation that reaches into the stretch at `start` begins; null when none does.

    It reaches when it stands before the stretch in the same clause: "not | allergic to penicillin". A bare "No," that
    answers a question and a clause with a subject of its own end its reach.

    Args:
        text: the whole transcript.
        start: offset of the stretch, code points.
    """
    clause_start = max((match.end() for match in _CLAUSE_END.finditer(text, max(0, start - 200), start)), default=0)
    clause_start = max(clause_start, start - 200, 0)
    tokens = tokenise(text[clause_start:start])[-_REACH_TOKENS:]
    for i in range(len(tokens) - 1, -1, -1):
        if tokens[i].norm in _TURN_WORDS or _opens_own_clause(text[clause_start:start], tokens, i):
            return None
        if tokens[i].norm in NEGATIONS:
            return None if _is_harmless(text, clause_start, tokens, i, start) else clause_start + tokens[i].start
    return None


def is_negative(quote: str) -> bool:
    """True when the quote itself says no: "no known allergies", "I don't take any", "denies pain"."""
    return any(token.norm in _DENIALS for token in tokenise(quote))


def is_blanket_denial(quote: str, topic: frozenset[str]) -> bool:
    """True when a negative quote denies the whole topic ("no allergies", "nothing") and not one thing ("no fever").

    Args:
        quote: the transcript's words.
        topic: words that name the topic itself (the question's cues).
    """
    if not is_negative(quote):
        return False
    left = {token.norm for token in tokenise(quote)} - _DENIALS - _LIGHT_IN_DENIALS
    return all(any(word[:4] == name[:4] for name in topic) for word in left)


def is_about_someone_else(text: str, start: int, end: int) -> bool:
    """True when the sentence around the stretch speaks of a relative: "my mother takes warfarin"."""
    return _THIRD_PARTY.search(text[_sentence_start(text, start) : end]) is not None


def is_uncertain(text: str, start: int, end: int) -> bool:
    """True when the speaker hedges in the sentence of the stretch: "I'm not sure if it was penicillin"."""
    return _HEDGE.search(text[_sentence_start(text, start) : end]) is not None


def is_corrected(text: str, earlier_end: int, later_start: int) -> bool:
    """True when the speaker takes the earlier statement back before the later: "thirty, no wait, forty".

    Args:
        text: the whole transcript.
        earlier_end: end of the earlier statement.
        later_start: start of the later one, at most two sentences on.
    """
    gap = text[earlier_end:later_start]
    return len(gap) <= _CONTEXT_BEFORE and _CORRECTION.search(gap) is not None


def correction_after(text: str, end: int) -> int | None:
    """Where the correction ends that directly follows a statement ("thirty|, no wait, forty"); null when none does.

    Args:
        text: the whole transcript.
        end: end of the statement.
    """
    match = _CORRECTION_NEXT.match(text, end)
    return match.end() if match else None


def time_marks(text: str, start: int, end: int) -> frozenset[str]:
    """Words in the sentence of a stretch that set it at another time or occasion: "now", "yesterday", "when I walk"."""
    closing = _SENTENCE_END.search(text, end)
    sentence = text[_sentence_start(text, start) : closing.start() if closing else len(text)]
    return frozenset(match.group().lower() for match in _TIME_MARK.finditer(sentence))


def answer_to_question(text: str, end: int) -> tuple[Literal["yes", "no", "open"], int] | None:
    """What was answered, and where the answer's first word ends, when the stretch that ends at `end` is in a question.

    Returns:
        null when the sentence is no question; "open" when the reply begins with neither yes nor no.
    """
    closing = _SENTENCE_END.search(text, max(0, end - 1))
    if closing is None or closing.group() != "?":
        return None
    after = closing.end()
    reply = tokenise(text[after : after + _CONTEXT_BEFORE])
    if not reply or (reply[0].norm not in NEGATIONS and reply[0].norm not in _YES):
        return "open", end
    return ("no" if reply[0].norm in NEGATIONS else "yes"), after + reply[0].end


def _sentence_start(text: str, start: int) -> int:
    lowest = max(0, start - _CONTEXT_BEFORE)
    return max((match.end() for match in _SENTENCE_END.finditer(text, lowest, start)), default=lowest)


def _opens_own_clause(clause: str, tokens: tuple[Token, ...], i: int) -> bool:
    """A subject right after a comma or "and": what stands before it speaks of something else."""
    is_linked = i > 0 and tokens[i - 1].norm in ("and", "so", "then")
    return tokens[i].norm in _SUBJECTS and (is_linked or clause[: tokens[i].start].rstrip().endswith(","))


def _is_harmless(text: str, offset: int, tokens: tuple[Token, ...], i: int, start: int) -> bool:
    after = tokens[i + 1].norm if i + 1 < len(tokens) else ""
    if not after:
        following = tokenise(text[start : start + 40])
        after = following[0].norm if following else ""
    gap_end = offset + tokens[i].end
    is_answer = tokens[i].norm in _BARE_ANSWERS and (text[gap_end : gap_end + 1] == "," or after in _SUBJECTS)
    return is_answer or after in _HARMLESS_AFTER
