"""Was the topic raised, and what kind of reply came back: yes, no, rather not, don't know, nothing.

What lives here: `classify_reply()`, `asked_exchanges()`, `judge_silence()`, for providers without a language model.
When to add here: another way to say no, to decline, not to know.
What to keep out: which words are the answer (`local.py`, `rules/`), values.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from nurseconv_dagster.extraction.providers.topics import Topic, topic_of
from nurseconv_dagster.extraction.providers.turns import Exchange, Sentence, Talk
from nurseconv_dagster.extraction.questions import Question

ReplyKind = Literal["content", "yes", "no", "declined", "unable", "question", "nothing"]

_FILLER = re.compile(
    r"^(?:(?:um+|uh+|er+m?|erm|ah+|oh+|hm+|mm+|well|so|so so|okay|ok|right|you know|i mean|"
    r"honestly|actually|let's see|let me see|"
    r"let me think|sure|like|now|ha|good question|sorry|yeah,? so|oh,? (?:god|gosh|yes|dear|"
    r"well|yeah)|my goodness)\b[\s,.…!-]*)+",
    re.IGNORECASE,
)
_AFFIRMATION = re.compile(
    r"^(?:yes|yeah|yep|yup|yea|correct|right|that's (?:right|correct|me|the one)|sure|"
    r"absolutely|definitely|of course|i do|i am|"
    r"i have|i did|she (?:is|does|has)|he (?:is|does|has)|mm-?hm+|"
    r"uh-?huh)\b(?:[\s,.!]+(?:ma'am|sir|please|i do|i am|i have|"
    r"thank you|she does|he does))*[\s,.!-]*",
    re.IGNORECASE,
)
_NO = re.compile(
    r"^(?:no|nope|nah|none|never|nothing|not|neither|nil|nobody|no one|negative|don['’]t|do not|hasn['’]t|haven['’]t|"
    r"(?:i|she|he|we|they)(?:['’]m| am|['’]s| is)? (?:not|never|don['’]?t|do not|"
    r"doesn['’]?t|haven['’]?t|hasn['’]?t|didn['’]?t|ain['’]t)|"
    r"i don['’]t think so|can['’]t think of any|denies|nkd?a)\b",
    re.IGNORECASE,
)
# After a "no", words that only say it again.
_NO_AND_NO_MORE = re.compile(
    r"^(?:[\s,.;!-]*(?:no|nope|nah|none|never|nothing|neither|nil|not|at all|that i know of|"
    r"that i['’]m aware(?: of)?|that i can think of|"
    r"i know of|as far as (?:i|we) know|to my knowledge|known|any|anything|like that|"
    r"of those|of that|really|yet|thank (?:you|goodness|god)|thanks|ma['’]am|sir|"
    r"dear|love|honey|doctor|nurse|so far|regular|whatsoever|actually|currently|ever|"
    r"right now|at the moment|at present|"
    r"(?:i|she|he|we)(?:['’]m| am|['’]s| is|['’]ve| have| has)? ?(?:not|don['’]?t|do not|"
    r"doesn['’]?t|haven['’]?t|hasn['’]?t|didn['’]?t|never)? ?"
    r"(?:think so|have|has|had|take|takes|taken|use|do|does|been|got|am|is|allergic|"
    r"aware)?(?: any| anything| that| to anything| one)?|"
    r"(?:drug |food |known )*allerg(?:y|ies)|falls?|pain|medications?|medicines?|meds|"
    r"surger(?:y|ies)|operations?|problems?|conditions?|issues?|"
    r"she['’]s healthy|i['’]m healthy|healthy))*[\s,.;!-]*$",
    re.IGNORECASE,
)
_DECLINED = re.compile(
    r"\b(?:rather not|prefer not|don['’]?t (?:want|wish|care|feel like|need) to (?:say|talk|"
    r"answer|discuss|tell|share|go into|get into|be asked)|"
    r"not (?:going to|gonna) (?:say|tell|answer|discuss|talk)|none of your (?:business|"
    r"concern)|no comment|that['’]s (?:private|personal)|"
    r"(?:i )?(?:refuse|decline)d?(?: to (?:say|answer))?|not comfortable (?:talking|saying|"
    r"answering|discussing|with that)|can we (?:skip|not)|"
    r"skip that|pass on that|why do you (?:need|want) (?:to know|that)|i won['’]t (?:say|answer|tell))\b",
    re.IGNORECASE,
)
_UNABLE = re.compile(
    r"\b(?:(?:i |we |they |she |he |really |honestly )*(?:don['’]?t|do not|wouldn['’]?t|"
    r"didn['’]?t) (?:really |actually |even |quite )?(?:know|remember|recall|have a clue)|"
    r"(?:can['’]?t|cannot|couldn['’]?t|could not) (?:really |quite |honestly |"
    r"even )?(?:remember|recall|say|tell you|think of (?:it|the name))|"
    r"no (?:idea|clue)|haven['’]?t (?:got )?(?:a clue|any idea|the foggiest)|not (?:really |"
    r"quite |too |so )?sure|i forget|unsure|"
    r"(?:i['’]d|you['’]d) have to (?:look|check|ask)|beats me|who knows|don['’]?t (?:pay|"
    r"keep) (?:any )?(?:attention|track|count)|"
    r"(?:doctor|daughter|son|wife|husband|brother|sister|they|people|pharmacy|"
    r"computer) (?:all )?(?:knows?|has it|have it|handles? (?:it|that)|deals with (?:it|"
    r"that)|should know)|"
    r"it['’]s (?:all )?(?:in|on) (?:the|my) (?:computer|chart|bracelet|records?|file|"
    r"system)|too (?:much|many) to (?:list|say)|"
    r"(?:did|have)n['’]?t (?:get|got|gotten|look|looked|check|checked|ask|asked)(?: to| at|"
    r" around to)? (?:that|it)|unable to (?:say|recall|answer))\b",
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
_NEAR_CHARS = 60


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


def with_prompt(talk: Talk, question: Question, start: int, end: int) -> tuple[int, int]:
    """The stretch, together with the prompt before it where only the prompt says what was measured.

    "Have you taken her temperature?" "It was 101.3." is one piece of evidence.
    """
    topic = topic_of(question)
    if question.value_type != "panel" or topic.is_told_in(talk.text[start:end]):
        return start, end
    exchange = talk.exchange_of(talk.sentences[talk.sentence_at(start)])
    is_near = exchange is not None and start - exchange.prompt.end <= _NEAR_CHARS
    if exchange is None or not is_near or not topic.is_asked_in(exchange.prompt.text):
        return start, end
    return exchange.prompt.start, end


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
    kind = _kind_without_content(words, said)
    if kind is not None:
        return kind, offset
    if _NO.match(said):
        return ("no" if _NO_AND_NO_MORE.match(said) else "content"), offset
    yes = strip_affirmation(said)
    if yes and not said[yes:].strip(" .,!"):
        return "yes", offset
    return "content", offset + yes


def _kind_without_content(words: str, said: str) -> ReplyKind | None:
    if _EMPTY.match(words):
        return "nothing"
    if _DECLINED.search(said):
        return "declined"
    if words.rstrip().endswith("?"):
        return "question"
    return "unable" if _is_unable(said) else None


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
