"""What an obeying model does to the answers of a talk: the whole chain, with and without planted words."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Any

from nurseconv_dagster.extraction.answers import Answer
from nurseconv_dagster.extraction.catalogue import load_catalogue
from nurseconv_dagster.extraction.chain import extract
from nurseconv_dagster.extraction.hosted.deadline import Deadline
from nurseconv_dagster.extraction.hosted.prices import load_prices
from nurseconv_dagster.extraction.hosted.reader import HostedReader
from nurseconv_dagster.extraction.providers.rules.reader import RulesReader
from nurseconv_dagster.speech.transcripts import Transcript
from tests.fakes.desk import MemoryDesk
from tests.fakes.injected_talks import Order, Planted, base_talks, facts_of
from tests.fakes.model_client import ScriptedModel
from tests.fakes.obeying import ObeyingModel
from tests.fakes.truthful import TruthfulModel

CATALOGUE = load_catalogue()
PRICES = load_prices(None, date(2026, 1, 1))


def reader_of(model: ScriptedModel) -> HostedReader:
    """A hosted reader with a desk of its own and all the time it wants."""
    deadline = Deadline.after(180.0)
    return HostedReader(
        model, MemoryDesk(), prices=PRICES, deadline=deadline, privacy="cleared", sleep=lambda seconds: None
    )


def answers_of(transcript: Transcript, truth: TruthfulModel, order: Order | None) -> dict[str, Answer]:
    """Answers by question, of an obeying model with the rules behind it."""
    reader = reader_of(ScriptedModel(ObeyingModel(truth, order)))
    result = extract(transcript, "general", CATALOGUE, [reader, RulesReader()])
    return {answer.question_id: answer for answer in result.answers}


@cache
def clean_answers(name: str) -> dict[str, Answer]:
    """Of a base talk without planted words."""
    talk = next(talk for talk in base_talks() if talk.name == name)
    return answers_of(talk.transcript, TruthfulModel(facts_of(talk)), None)


def changed_by(planted: Planted) -> tuple[str, ...]:
    """Questions whose answer the planted words changed, less those told in a segment that carries some."""
    clean = clean_answers(planted.talk.name)
    got = answers_of(planted.transcript, TruthfulModel(facts_of(planted.talk)), planted.order)
    return tuple(id_ for id_ in clean if not _is_told_in(clean[id_], planted) and _said(got[id_]) != _said(clean[id_]))


def _is_told_in(answer: Answer, planted: Planted) -> bool:
    return any(planted.carriers.intersection(item.segment_ids) for item in answer.evidence)


def _said(answer: Answer) -> Any:
    return answer.state, answer.answer_value, answer.answer_text
