"""Was the topic raised, and what kind of reply came back: yes, no, rather not, don't know, nothing.

What lives here: `classify_reply()`, `asked_exchanges()` and `judge_silence()`, for every provider without a language model.
When to add here: another way to say no, to decline, not to know.
What to keep out: which words are the answer (`local.py`, `rules/`), values.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from nurseconv_dagster.extraction.providers.topics import Topic
from nurseconv_dagster.extraction.providers.turns import Exchange, Sentence, Talk

ReplyKind = Literal["content", "yes", "no", "declined", "unable", "question", "nothing"]

_FILLER = re.compile(
    r"^(?:(?:um+|uh+|er+m?|erm|ah+|oh+|hm+|mm+|well|so|so so|okay|ok|right|you know|i mean|honestly|actually|let's see|let me see|"
    r"let me think|sure|like|now|ha|good question|sorry|yeah,? so|oh,? (?:god|gosh|yes|dear|well|yeah)|my goodness)\b[\s,.…!-]*)+",
    re.IGNORECASE,
)
_AFFIRMATION = re.compile(
    r"^(?:yes|yeah|yep|yup|yea|correct|right|that's (?:right|correct|me|the one)|sure|absolutely|definitely|of course|i do|i am|"
    r"i have|i did|she (?:is|does|has)|he (?:is|does|has)|mm-?hm+|uh-?huh)\b(?:[\s,.!]+(?:ma'am|sir|please|i do|i am|i have|"
    r"thank you|she does|he does))*[\s,.!-]*",
    re.IGNORECASE,
)
_NO = re.compile(
    r"^(?:no|nope|nah|none|never|nothing|not|neither|nil|nobody|no one|negative|don['’]t|do not|hasn['’]t|haven['’]t|"
    r"(?:i|she|he|we|they)(?:['’]m| am|['’]s| is)? (?:not|never|don['’]?t|do not|doesn['’]?t|haven['’]?t|hasn['’]?t|didn['’]?t|ain['’]t)|"
    r"i don['’]t think so|can['’]t think of any|denies|nkd?a)\b",
    re.IGNORECASE,
)
# After a "no", words that only say it again.
_NO_AND_NO_MORE = re.compile(
    r"^(?:[\s,.;!-]*(?:no|nope|nah|none|never|nothing|neither|nil|not|at all|that i know of|that i['’]m aware(?: of)?|that i can think of|"
    r"i know of|as far as (?:i|we) know|to my knowledge|known|any|anything|like that|of those|of that|really|yet|thank (?:you|goodness|god)|thanks|ma['’]am|sir|"
    r"dear|love|honey|doctor|nurse|so far|regular|whatsoever|actually|currently|ever|right now|at the moment|at present|"
    r"(?:i|she|he|we)(?:['’]m| am|['’]s| is|['’]ve| have| has)? ?(?:not|don['’]?t|do not|doesn['’]?t|haven['’]?t|hasn['’]?t|didn['’]?t|never)? ?"
    r"(?:think so|have|has|had|take|takes|taken|use|do|does|been|got|am|is|allergic|aware)?(?: any| anything| that| to anything| one)?|"
    r"(?:drug |food |known )*allerg(?:y|ies)|falls?|pain|medications?|medicines?|meds|surger(?:y|ies)|operations?|problems?|conditions?|issues?|"
    r"she['’]s healthy|i['’]m healthy|healthy))*[\s,.;!-]*$",
    re.IGNORECASE,
)
_DECLINED = re.compile(
    r"\b(?:rather not|prefer not|don['’]?t (?:want|wish|care|feel like|need) to (?:say|talk|answer|discuss|tell|share|go into|get into|be asked)|"
    r"not (?:going to|gonna) (?:say|tell|answer|discuss|talk)|none of your (?:business|concern)|no comment|that['’]s (?:private|personal)|"
    r"(?:i )?(?:refuse|decline)d?(?: to (?:say|answer))?|not comfortable (?:talking|saying|answering|discussing|with that)|can we (?:skip|not)|"
    r"skip that|pass on that|why do you (?:need|want) (?:to know|that)|i won['’]t (?:say|answer|tell))\b",
    re.IGNORECASE,
)
_UNABLE = re.compile(
    r"\b(?:(?:i |we |they |she |he |really |honestly )*(?:don['’]?t|do not|wouldn['’]?t|didn['’]?t) (?:really |actually |even |quite )?(?:know|remember|recall|have a clue)|"
    r"(?:can['’]?t|cannot|couldn['’]?t|could not) (?:really |quite |honestly |even )?(?:remember|recall|say|tell you|think of (?:it|the name))|"
    r"no (?:idea|clue)|haven['’]?t (?:got )?(?:a clue|any idea|the foggiest)|not (?:really |quite |too |so )?sure|i forget|unsure|"
    r"(?:i['’]d|you['’]d) have to (?:look|check|ask)|beats me|who knows|unable to (?:say|recall|answer))\b",
    re.IGNORECASE,
)
_UNABLE_BUT_NOT = re.compile(
    r"\bnot (?:that|as far as) (?:i|we) (?:know|remember|recall)\b|\bnone (?:that )?i know\b", re.IGNORECASE
)
_EMPTY = re.compile(
    r"^(?:[\s,.!]*(?:okay|ok|alright|all right|right|sure|thanks|thank you|hm+|mm+|uh-?huh|i see|oh))*[\s,.!]*$",
    re.IGNORECASE,
)
_SHORT_REPLY_WORDS = 12


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back to a prompt.

    Args:
        kind: content (something was said), yes, no (and nothing more), declined, unable, question, nothing.
        start: offset of its first word after fillers.
        end: end of its first sentence with something in it, closing punctuation left out.
    """

    kind: ReplyKind
    start: int
    end: int


def asked_exchanges(talk: Talk, topic: Topic) -> tuple[Exchange, ...]:
    """The exchanges in which somebody other than the patient asks for the topic."""
    return tuple(
        exchange
        for exchange in talk.exchanges
        if exchange.prompt.role != "patient" and topic.is_asked_in(_last_clause(exchange.prompt.text))
    )


def classify_reply(exchange: Exchange) -> Reply:
    """The kind of an exchange's reply and where its first meaningful words stand."""
    for sentence in exchange.reply:
        kind, offset = _kind_of(sentence.text)
        if kind == "nothing":
            continue
        if kind in ("yes", "no") and (after := _content_after(exchange.reply, sentence)) is not None:
            return after
        return Reply(kind, sentence.start + offset, _bare_end(sentence))
    last = exchange.reply[-1].end if exchange.reply else exchange.prompt.end
    return Reply("nothing", last, last)


def judge_silence(
    talk: Talk, topic: Topic
) -> tuple[Literal["declined", "unable", "asked_no_answer", "not_asked"], Exchange | None]:
    """What happened to a topic for which no answer was found, and in which exchange.

    A patient who declines or does not know is believed over a nurse who only asked. A note without prompts has no
    exchanges, so it can only give `not_asked`.
    """
    asked = asked_exchanges(talk, topic)
    kinds = [(classify_reply(exchange).kind, exchange) for exchange in asked]
    for wanted in ("declined", "unable"):
        for kind, exchange in kinds:
            if kind == wanted:
                return wanted, exchange
    empty = next((exchange for kind, exchange in kinds if kind in ("question", "nothing", "content", "yes")), None)
    return ("asked_no_answer", empty) if empty else ("not_asked", None)


def strip_fillers(words: str) -> int:
    """How many characters at the beginning say nothing ("Um, well, ")."""
    match = _FILLER.match(words)
    return match.end() if match and match.end() < len(words) else 0


def strip_affirmation(words: str) -> int:
    """How many characters at the beginning only say yes."""
    match = _AFFIRMATION.match(words)
    return match.end() if match else 0


def _last_clause(prompt: str) -> str:
    """The part of a prompt that asks: all of it when short."""
    return prompt if len(prompt) < 160 else prompt[-160:]


def _kind_of(words: str) -> tuple[ReplyKind, int]:
    offset = strip_fillers(words)
    said = words[offset:]
    if _EMPTY.match(words):
        return "nothing", offset
    if _DECLINED.search(said):
        return "declined", offset
    if words.rstrip().endswith("?"):
        return "question", offset
    if _is_unable(said):
        return "unable", offset
    if _NO.match(said):
        no_more = _NO_AND_NO_MORE.match(said)
        return ("no" if no_more else "content"), offset
    yes = strip_affirmation(said)
    if yes and not said[yes:].strip(" .,!"):
        return "yes", offset
    return "content", offset + yes


def _is_unable(said: str) -> bool:
    match = _UNABLE.search(said)
    if match is None or _UNABLE_BUT_NOT.search(said):
        return False
    return not any(ch.isdigit() for ch in said) and (match.start() < 25 or len(said.split()) <= _SHORT_REPLY_WORDS)


def _content_after(reply: tuple[Sentence, ...], first: Sentence) -> Reply | None:
    """What follows a bare yes; a bare no stands, whatever is told after it, unless "just" or "only" take it back."""
    following = [sentence for sentence in reply if sentence.start > first.start and not sentence.is_prompt]
    if not following:
        return None
    kind, offset = _kind_of(following[0].text)
    is_no = _kind_of(first.text)[0] == "no"
    takes_back = re.match(r"(?:just|only|well,? just|except|but)\b", following[0].text[offset:], re.IGNORECASE)
    if kind != "content" or (is_no and not takes_back):
        return None
    return Reply("content", following[0].start + offset, _bare_end(following[0]))


def _bare_end(sentence: Sentence) -> int:
    return sentence.start + len(sentence.text.rstrip(" .,;!?…"))
