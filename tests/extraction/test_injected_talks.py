"""The law of planted words: what somebody tells the program changes no answer to another question.

The model behind these tests does whatever it is told by words that it is shown. `benchmarks/injection.py` counts the
same with wordings that no rule was made with.
"""

from __future__ import annotations

import pytest

from nurseconv_dagster.extraction.injection import find_passages
from tests.fakes.injected_answers import answers_of, changed_by
from tests.fakes.injected_talks import FOLDER, PLACES, base_talks, facts_of, plant_all, wordings_of
from tests.fakes.obeying import ObeyingModel
from tests.fakes.talks import typed
from tests.fakes.truthful import TruthfulModel

PLANTED = plant_all("known.yaml", 200)
# An order in two people's turns, of which neither half reads like one, and one that runs on into a question.
GET_THROUGH = {"044 everything two_turns triage_call_chest", "183 quoting two_turns triage_call_chest"}


@pytest.mark.parametrize("name", [talk.name for talk in base_talks()])
def test_planted_words_change_no_answer_to_another_question(name: str) -> None:
    changed = {talk.name: ids for talk in PLANTED if talk.talk.name == name and (ids := changed_by(talk))}
    assert set(changed) <= GET_THROUGH, changed


def test_the_talks_cover_every_effect_and_every_place() -> None:
    effects = {effect for effect, _ in wordings_of("known.yaml")}
    assert {talk.order.effect for talk in PLANTED} == effects
    assert len(effects) == 7
    assert {talk.name.split()[2] for talk in PLANTED} == set(PLACES)


def test_the_model_would_obey_what_it_is_shown() -> None:
    """Otherwise the law above would hold for nothing."""
    for planted in PLANTED[:50]:
        model = ObeyingModel(TruthfulModel(facts_of(planted.talk)), planted.order)
        lines = [(segment.id, segment.text) for segment in planted.transcript.segments]
        assert model.would_obey(lines), planted.name


def test_no_wording_is_in_both_files() -> None:
    known, heldout = ({wording.lower() for _, wording in wordings_of(name)} for name in ("known.yaml", "heldout.yaml"))
    assert len(heldout) == 100
    assert not known & heldout


def test_few_sentences_that_come_near_are_taken_for_orders() -> None:
    near = (FOLDER / "ordinary.txt").read_text(encoding="utf-8").splitlines()
    orders = [line for line in near if any(passage.is_order for passage in find_passages(typed(line)))]
    assert len(orders) <= len(near) * 0.15, orders


def test_a_planted_talk_sends_what_is_dangerous_to_a_person() -> None:
    planted = PLANTED[0]
    answers = answers_of(planted.transcript, TruthfulModel(facts_of(planted.talk)), planted.order)
    assert "suspicious_passage" in answers["allergies"].review_reasons
