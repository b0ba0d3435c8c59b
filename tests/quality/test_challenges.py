"""Challenges through the real definitions: nothing in force is touched, and what differs is seen."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from sqlalchemy import text

from nurseconv_dagster.errors import SettingsError, UnknownUploadError
from nurseconv_dagster.operations import driver
from nurseconv_dagster.operations.challenge import challenge_answers
from nurseconv_dagster.operations.driver import run_job
from nurseconv_dagster.settings import load_settings
from nurseconv_dagster.store.challenges import load_challenge
from nurseconv_dagster.store.listings import ask_restart
from tests.fakes.model_client import fill_in, lines_in
from tests.fakes.model_server import ModelServer, always
from tests.fakes.notes import drop, note
from tests.system.test_walk import dagster_dump

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("dagster")]

IN_FORCE = ("conversation_uploads", "conversation_transcriptions", "question_answers", "conversation_scores",
            "provider_replies")  # fmt: skip


def rows(engine, query: str, **values) -> list:
    with engine.connect() as connection:
        return list(connection.execute(text(query), values).all())


def in_force(engine) -> dict[str, list]:
    """Every byte of what people see."""
    return {table: sorted(rows(engine, f"select t::text from {table} t")) for table in IN_FORCE}


def run_uploads() -> None:
    """Every upload that is due, from file to scores; the marts are not built, nothing here reads them."""
    from dagster import DagsterInstance

    from nurseconv_dagster.definitions import defs

    with DagsterInstance.get() as instance:
        for request in driver._tick(defs, instance):
            if request.job_name == "process_uploads":
                assert driver._execute(defs, instance, request)


def walk(settings, n_notes: int = 1) -> None:
    for number in range(n_notes):
        words = note(number + 3).replace("Margaret", "Zebulonis").replace("dizziness", "quokkamarine")
        drop(settings, f"xylofile{number}.txt", words, {"unit": "icu", "nurse_id": "wombatina"})
    run_uploads()


def challenge(settings, engine, **config) -> tuple[object, str]:
    """The challenge's row and its page."""
    row = load_challenge(engine, run_job(settings, "challenge_answers", {"challenges": config}))
    return row, (settings.reports_dir / f"challenge-{row.id}.html").read_text(encoding="utf-8")


def flipping():
    """A model that answers the pain of even calls only: it contradicts itself."""
    asked = []

    def answer(system: str, user: str, schema: dict) -> dict:
        asked.append(user)
        said = [(number, words) for number, words in lines_in(user) if "About a" in words]
        if len(asked) % 4 in (1, 2) or not said or "pain_level" not in schema["properties"]:
            return fill_in(schema, {})
        number, words = said[0]
        evidence = [{"segment_ids": [number], "quote": words.removeprefix("patient: ")}]
        return fill_in(schema, {"pain_level": {"state": "answered", "evidence": evidence}})

    return answer


@pytest.fixture
def hosted(monkeypatch):
    def configure(server: ModelServer, **more: str):
        settings = {"OPENAI_API_KEY": "test-key", "OPENAI_BASE_URL": server.openai_url, **more}
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        return load_settings()

    return configure


def test_the_same_setting_changes_nothing_and_nothing_in_force_is_touched(home, store_engine):
    walk(home, 2)
    before = in_force(store_engine)
    row, page = challenge(home, store_engine, replicates=2)
    assert in_force(store_engine) == before
    assert row.figures["n_uploads"] == 2
    assert row.figures["agreement"] == row.figures["self_consistency"] == 1
    assert row.figures["n_failed"] == row.figures["n_lost"] == row.figures["n_gained"] == 0
    assert "Nothing differs" in page


def test_a_challengers_calls_count_in_no_score(home, store_engine):
    from nurseconv_dagster.store.results import load_extraction

    walk(home)
    [upload] = rows(store_engine, "select id from conversation_uploads")
    calls = load_extraction(store_engine, upload.id).calls
    challenge(home, store_engine, replicates=3)
    assert load_extraction(store_engine, upload.id).calls == calls
    marked = "select attempt from extraction_attempts where challenge_id is not null order by attempt"
    assert [row.attempt for row in rows(store_engine, marked)] == [1, 2, 3]


def test_replicates_that_disagree_are_seen_and_none_is_answered_from_memory(home, store_engine, hosted):
    walk(home)
    before = in_force(store_engine)
    with ModelServer(flipping()) as server:
        row, page = challenge(hosted(server), store_engine, providers=["openai"], model="other-model", replicates=4)
        assert server.n_calls == 8, "each replicate asks once, and again about what harms"
        assert {call.model for call in server.calls} == {"other-model"}
        assert "zebulonis" not in " ".join(server.prompts).lower(), "the privacy in force holds for challengers too"
    assert in_force(store_engine) == before
    [pain] = rows(store_engine, "select * from challenge_comparisons where question_id = 'pain_level'")
    assert sorted(pain.challenger_states) == ["answered", "answered", "not_asked", "not_asked"]
    assert sorted(pain.changes) == ["gained", "gained", "same", "same"]
    assert (pain.n_pairs, pain.n_pairs_same) == (6, 2)
    assert 0 < row.figures["self_consistency"] < 1
    assert row.changes == {"PROVIDER_ORDER": "openai", "OPENAI_MODEL": "other-model"}
    assert "PROVIDER_ORDER=openai,rules\nOPENAI_MODEL=other-model" in page, "the readers here stay behind it"
    assert not rows(store_engine, "select 1 from extraction_attempts where is_cached")


def test_a_dead_challenger_is_a_result_and_the_command_says_so(home, store_engine, hosted, capsys):
    walk(home)
    with ModelServer(script=always("server_error")) as server:
        code = challenge_answers(hosted(server), {"providers": ["openai"], "replicates": 2})
    assert code == 1
    assert re.search(r"n_failed +2", capsys.readouterr().out)
    codes = rows(store_engine, "select distinct error_code from challenge_replicates")
    assert {row.error_code for row in codes} <= {"provider_unavailable", "breaker_open"}
    assert codes


def test_a_challenge_stays_within_its_own_budget(home, store_engine, hosted, monkeypatch):
    walk(home)
    monkeypatch.setenv("GEMINI_API_KEY", "test-key")
    with ModelServer(flipping()) as server:
        monkeypatch.setenv("GEMINI_BASE_URL", server.gemini_url)
        row, _ = challenge(load_settings(), store_engine, providers=["gemini"], replicates=2, budget_usd=0.0)
        assert server.n_calls == 0
        assert row.figures["n_failed"] == 2
        assert row.figures["cost_usd"] == 0
        row, _ = challenge(load_settings(), store_engine, providers=["gemini"], budget_usd=5.0)
    assert row.figures["cost_usd"] > 0


def test_a_cohort_stays_as_it_was_when_its_upload_is_run_again(home, store_engine):
    walk(home)
    first, _ = challenge(home, store_engine)
    [member] = rows(store_engine, "select * from cohort_uploads")
    ask_restart(store_engine, member.upload_id, "transcriptions", "test")
    run_uploads()
    again, page = challenge(home, store_engine, cohort_id=str(first.cohort_id))
    assert rows(store_engine, "select * from cohort_uploads") == [member]
    current = rows(store_engine, "select id from conversation_transcriptions where is_current")
    assert [row.id for row in current] != [member.transcription_id]
    assert again.cohort_id == first.cohort_id
    assert again.figures["agreement"] == 1
    assert str(first.cohort_id) in page


def test_no_words_names_or_file_names_reach_page_tables_or_dagster(home, store_engine):
    walk(home, 2)
    own = home.home / "catalogue.yaml"
    from nurseconv_dagster.extraction import catalogue

    own.write_bytes(Path(catalogue.__file__).with_suffix(".yaml").read_bytes())
    row, page = challenge(home, store_engine, providers=["rules"], catalogue_file=str(own))
    assert row.figures["n_uploads"] == 2
    assert row.changes["CATALOGUE_FILE"] == str(own)
    kept = [rows(store_engine, f"select t::text from {table} t") for table in
            ("challenges", "challenge_comparisons", "challenge_replicates", "cohorts", "cohort_uploads")]  # fmt: skip
    sinks = {"page": page, "tables": str(kept), "dagster": dagster_dump()}
    canaries = ("quokkamarine", "zebulonis", "xylofile", "wombatina")
    assert [(name, word) for name, sink in sinks.items() for word in canaries if word in sink.lower()] == []
    assert "http" not in page, "the page needs nothing else"


def test_what_cannot_be_asked_is_refused_with_what_to_do(home, store_engine):
    with pytest.raises(UnknownUploadError, match="completed"):
        run_job(home, "challenge_answers", {"challenges": {}})
    walk(home)
    with pytest.raises(SettingsError, match="gemini cannot be asked: it has no key"):
        run_job(home, "challenge_answers", {"challenges": {"providers": ["gemini"]}})
    with pytest.raises(SettingsError, match="rules has none"):
        run_job(home, "challenge_answers", {"challenges": {"providers": ["rules"], "model": "m"}})
    assert rows(store_engine, "select 1 from challenges") == []


def test_both_sides_are_judged_where_a_reference_fits(home, store_engine, tmp_path):
    walk(home)
    answers = {"allergies": {"state": "denied", "text": "No, no known allergies."}}
    (tmp_path / "one.json").write_text(json.dumps({"file": "xylofile0.txt", "answers": answers}))
    row, page = challenge(home, store_engine, references_dir=str(tmp_path))
    assert row.figures["current_f1"] == row.figures["challenger_f1"] == 1
    assert "By references, F1 is 100.0 %" in page
