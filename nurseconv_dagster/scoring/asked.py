"""Q: the questions that count for one upload, each with its answer.

What lives here: `Item`, `items_of()`, and what a single item earns (`done()`, `covered()`, `grade()`).
When to add here: something that several scores ask of one question.
What to keep out: sums over items (one module per score).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from nurseconv_dagster.extraction.answers import REVIEWER, Answer, State
from nurseconv_dagster.extraction.questions import Profile, Question
from nurseconv_dagster.scoring.rubric import Rubric


@dataclass(frozen=True, slots=True)
class Item:
    """A question of the profile and what became of it; a question without a row was not asked."""

    question: Question
    answer: Answer | None

    @property
    def state(self) -> State:
        """The answer's state."""
        return self.answer.state if self.answer else "not_asked"

    @property
    def is_answered(self) -> bool:
        """True for `answered` and `denied`: there is something that was said."""
        return self.state in ("answered", "denied")


def items_of(profile: Profile, answers: Iterable[Answer]) -> tuple[Item, ...]:
    """Q: the profile's questions in its order without those that do not apply; other answers are ignored."""
    by_id = {answer.question_id: answer for answer in answers}
    items = (Item(question, by_id.get(question.id)) for question in profile.questions)
    return tuple(item for item in items if item.state != "not_applicable")


def done(item: Item, rubric: Rubric) -> float:
    """What the item's state earns, 0..1."""
    return rubric.done[item.state]


def covered(item: Item, rubric: Rubric, *, must_be_yes: bool) -> float:
    """As `done()`; but where only a yes will do, a stated no earns nothing.

    Args:
        must_be_yes: for questions such as "was the identity verified?".
    """
    is_no = item.state == "denied" or (item.answer is not None and item.answer.answer_value is False)
    return 0.0 if must_be_yes and is_no else done(item, rubric)


def grade(item: Item, rubric: Rubric) -> float:
    """g': the grade of the best evidence of an answered item, 1 for every other state and for a reviewer's answer.

    A reviewer has heard the recording and needs no quote. Anybody else's answer without a quote proves nothing: 0.
    """
    if item.answer is None or not item.is_answered:
        return 1.0
    if item.answer.evidence:
        return max(rubric.grades[evidence.grade] for evidence in item.answer.evidence)
    return 1.0 if item.answer.provider == REVIEWER else 0.0
