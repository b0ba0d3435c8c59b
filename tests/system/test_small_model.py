"""A real language model behind the wire of a hospital's own server: asked, counted, and not believed."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from nurseconv_dagster.operations.driver import drive
from nurseconv_dagster.settings import load_settings
from tests.fakes.notes import drop
from tests.small_model import CONTEXT_TOKENS, MISSING, MODEL, SmallModel

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(1800),
    pytest.mark.xdist_group("dagster"),
    pytest.mark.skipif(
        bool(MISSING), reason=f"no small language model here, missing: {', '.join(MISSING)}; run make test-small-model"
    ),
]

CATALOGUE = """\
version: "small-1"
extends: default
profiles:
  bedside:
    title: Three questions
    target_facts_per_minute: 4
    questions: {chief_complaint: required, pain_level: required, follow_up: optional}
"""
TALK = """\
Nurse: What brings you in today?
Patient: I have had a headache for three days.
Nurse: How bad is your pain from zero to ten?
Patient: About a six.
"""


@pytest.fixture
def small_home(home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Settings that send everything to a model; the limits are longer, for a busy machine is not what is tested."""
    monkeypatch.setattr("nurseconv_dagster.resources.extractors.PROVIDER_S", 600.0)
    monkeypatch.setattr("nurseconv_dagster.resources.extractors.DOCUMENT_S", 900.0)
    catalogue = tmp_path / "catalogue.yaml"
    catalogue.write_text(CATALOGUE)

    def configure(model: SmallModel):
        monkeypatch.setenv("CATALOGUE_FILE", str(catalogue))
        monkeypatch.setenv("DEFAULT_PROFILE", "bedside")
        monkeypatch.setenv("OPENAI_BASE_URL", model.url)
        monkeypatch.setenv("OPENAI_MODEL", MODEL)
        monkeypatch.setenv("OPENAI_CONTEXT_TOKENS", str(CONTEXT_TOKENS))
        monkeypatch.setenv("PROVIDER_ORDER", "openai,rules")
        return load_settings()

    return configure


def walk(settings, engine: Engine) -> tuple[list, list, str]:
    """Answers, calls of the model and transcript of one typed talk, at its end."""
    drop(settings, "visit.txt", TALK)
    drive(settings)
    with engine.connect() as connection:
        [status] = connection.execute(text("select status from conversation_uploads")).scalars()
        assert status == "completed"
        answers = connection.execute(text("select * from question_answers where is_current")).all()
        calls = connection.execute(text("select * from extraction_attempts where provider = 'openai'")).all()
        [words] = connection.execute(text("select full_text from conversation_transcriptions")).scalars()
    for call in calls:
        print(
            f"{call.outcome} {call.error_class or ''} {call.latency_s:.1f} s, tokens {call.n_tokens_in} in "
            f"{call.n_tokens_out} out, claims {call.n_claims_made} made {call.n_claims_accepted} accepted"
        )
    assert {answer.question_id for answer in answers} == {"chief_complaint", "pain_level", "follow_up"}
    return answers, calls, words


def assert_proven(answers: list, calls: list, words: str) -> None:
    """What must hold whatever a model says: all of it is counted, and every quote is the transcript's own."""
    assert calls
    for call in calls:
        assert call.latency_s > 0
        assert call.n_tokens_in > 100
        assert call.n_tokens_out > 0
        assert call.cost_usd == 0, "a server of one's own costs nothing"
        assert call.n_claims_made == call.n_claims_accepted + sum(call.n_claims_dropped.values())
    for answer in answers:
        assert answer.hops, "an answer must say who was asked"
        for item in answer.evidence:
            assert words[item["start_char"] : item["end_char"]] == item["quote"]
        if answer.state in ("answered", "denied"):
            assert answer.evidence


def test_a_small_model_that_sees_the_talk_is_asked_counted_and_proven(small_home, store_engine):
    with SmallModel() as model:
        answers, calls, words = walk(small_home(model), store_engine)
    assert_proven(answers, calls, words)
    assert [call.outcome for call in calls] == ["ok"]
    assert calls[0].n_claims_made > 0
    if calls[0].n_claims_accepted:
        assert {answer.hops[0] for answer in answers} == {"openai"}
        assert any(answer.provider == "openai" for answer in answers)
    else:
        assert {answer.provider for answer in answers} <= {"rules", "none"}, "an invented quote became an answer"
        assert {tuple(answer.hops) for answer in answers} == {("openai:ProviderReplyError", "rules")}
