"""What a hosted model is asked: rules, transcript, questions, and the schema of the reply.

What lives here: `build_prompt()`, `repair_prompt()`, `prompt_sha256()`. The rules' text stands in `prompt.txt`.
When to add here: something that the model must be told of a question.
What to keep out: how segments are written (`framing.py`), what a reply looks like (`replies.py`).

Questions stand behind the transcript: what is said there cannot come after them, and calls about the same transcript
begin with the same words, which providers bill at a lower price.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

from nurseconv_dagster.extraction.hosted.calls import Prompt
from nurseconv_dagster.extraction.hosted.framing import frame
from nurseconv_dagster.extraction.hosted.replies import choices_of, reply_schema
from nurseconv_dagster.extraction.hosted.windows import QUESTIONS_PER_CALL
from nurseconv_dagster.extraction.questions import Question
from nurseconv_dagster.speech.transcripts import Segment

Pass = Literal["first", "second"]
FIRST: Pass = "first"
SECOND: Pass = "second"

_FOLDER = Path(__file__).parent
_N_CHOICE_WORDS = 3  # of each choice; they show what it means, the rest is for the parser
# A reply of one question is 20 to 60 tokens when nothing was said and rarely more than 300 (ten medicines with quotes);
# models that think before they answer are given room for that.
_TOKENS_PER_QUESTION = 300
_TOKENS_FOR_THINKING = 4096
# Stands for any transcript, so that the hash covers how segments are written: lines, roles, what is made harmless.
_SAMPLE = (Segment(0, "one\n[1] nurse: two", role="patient"), Segment(1, "three\u200b"))
_KINDS = {
    "text": "the words themselves",
    "list": "several things, one quote for each",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "yes or no, given as choice",
    "choice": "one of these, given as choice",
    "quantity": "a number with its unit",
    "panel": "measurements, one quote for each",
    "struct": "whatever is said of it, one quote for each thing",
}


def build_prompt(questions: Sequence[Question], segments: Sequence[Segment], pass_: Pass = FIRST) -> Prompt:
    """Rules, transcript and questions for one call.

    Args:
        questions: of one batch.
        segments: of one window; their ids are those that the reply will name.
        pass_: "second" asks the same in other words and in the opposite order, so that the two replies can be compared.
    """
    ordered = questions if pass_ == FIRST else questions[::-1]
    asked = "\n".join(_render_question(question, pass_) for question in ordered)
    return Prompt(
        system=_read("prompt.txt"),
        user=f"{frame(segments)}\n\nQuestions:\n{asked}\n",
        schema=reply_schema(ordered),
        schema_name="evidence_of_answers",
        max_output_tokens=_TOKENS_FOR_THINKING + _TOKENS_PER_QUESTION * len(questions),
    )


def repair_prompt(prompt: Prompt, rule: str) -> Prompt:
    """The same prompt once more, with the rule that the first reply broke; nothing else is asked for.

    Args:
        prompt: what was asked.
        rule: message of the error that `read_reply` raised: counts, no words of the reply.
    """
    return replace(prompt, user=f"{prompt.user}\n{_read('repair.txt').format(rule=rule)}")


def prompt_sha256(questions: Sequence[Question], pass_: Pass = FIRST) -> str:
    """Hash of everything that shapes the claims besides the transcript: rules, wordings, schema, limits, batches."""
    prompt = repair_prompt(build_prompt(questions, _SAMPLE, pass_), "rule")
    shaping = [prompt.system, prompt.user, prompt.schema, prompt.schema_name, prompt.max_output_tokens]
    return hashlib.sha256(json.dumps([*shaping, QUESTIONS_PER_CALL, pass_]).encode()).hexdigest()


@cache
def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8").strip()


def _render_question(question: Question, pass_: Pass) -> str:
    text, wording = _words_of(question, pass_)
    lines = [f"- {question.id}: {_one_line(text)}"]
    if wording != text:
        lines.append(f"  People also say: {_one_line(wording)}")
    lines.append(f"  Answer: {_one_line(_kind(question))}")
    if question.asked_of:
        lines.append(f"  Only the words of these may prove it: {', '.join(question.asked_of)}")
    return "\n".join(lines)


def _words_of(question: Question, pass_: Pass) -> tuple[str, str]:
    """The question as asked in this pass and one way in which people ask it; the second pass has other ones."""
    others = [wording for wording in question.wordings if wording != question.text] or [question.text]
    if pass_ == SECOND:
        return others[0], others[-1]
    return question.text, others[min(1, len(others) - 1)]


def _kind(question: Question) -> str:
    """What an answer looks like: the kind of value with its unit, and its choices or parts."""
    schema = question.schema
    unit = schema.get("x-unit") or " or ".join(schema.get("x-units", ()))
    kind = _KINDS[question.value_type] + (f" ({unit})" if unit else "")
    parts = _choices(question) or _fields(question)
    return f"{kind}: {parts}" if parts else kind


def _choices(question: Question) -> str:
    """The names of a fixed set; where the model must choose, with some of the words that mean each."""
    words = question.schema.get("x-choices", {})
    if not choices_of(question):
        return ", ".join(words)
    return "; ".join(f"{name} ({', '.join(said[:_N_CHOICE_WORDS])})" if said else name for name, said in words.items())


def _fields(question: Question) -> str:
    """The parts of an object or of a list's items."""
    if question.value_type == "quantity":
        return ""  # its parts are the number and the unit
    parts = question.schema.get("properties") or question.schema.get("items", {}).get("properties", {})
    return ", ".join(_field(name, part) for name, part in parts.items() if name != "said" and "x-unit-of" not in part)


def _field(name: str, part: dict[str, Any]) -> str:
    unit = part.get("x-unit") or " or ".join(part.get("x-units", ()))
    return name.replace("_", " ") + (f" ({unit})" if unit else "")


def _one_line(text: str) -> str:
    return " ".join(text.split())
