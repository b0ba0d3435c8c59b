"""Evaluations through the real store and the real definitions: references in, figures out, no words anywhere."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from nurseconv_dagster.errors import SettingsError
from nurseconv_dagster.operations.driver import run_job
from nurseconv_dagster.operations.evaluate import evaluate_answers
from nurseconv_dagster.settings import load_settings
from tests.quality.test_challenges import rows, walk
from tests.system.test_walk import dagster_dump

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("dagster")]


def write_references(folder: Path, n_notes: int, bucket: Path) -> None:
    """The first is known by its hash, the others by their place; each denies its allergies and one asks too much."""
    folder.mkdir()
    for number in range(n_notes):
        file = bucket / f"xylofile{number}.txt"
        known = {"file": file.name} if number else {"sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
        wrong = {"state": "answered", "text": "quokkamarine"} if number else {"state": "not_asked"}
        answers = {"allergies": {"state": "denied", "text": "No, no known allergies."}, "medications": wrong}
        (folder / f"xylofile-zebulonis{number}.json").write_text(json.dumps({**known, "answers": answers}))


def test_references_are_judged_kept_and_shown_in_dagster_without_words(home, store_engine, capsys):
    walk(home, 2)
    write_references(home.references_dir, 2, home.bucket_dir)
    assert evaluate_answers(home, None, fit=True, as_json=True, names=False) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["n_references"] == told["n_conversations"] == 2
    assert told["questions"]["allergies"]["recall"] == 1
    assert told["questions"]["medications"]["recall"] in (0, None)
    assert told["n_claims_made"] > 0
    assert 0 <= told["ece"] <= 1
    run_job(home, "evaluate_answers", {"evaluations": {}})
    kept = rows(store_engine, "select * from evaluations order by evaluated_at")
    assert len(kept) == 2
    assert kept[0].f1 == kept[1].f1 == told["f1"]
    assert kept[0].references_sha256 == kept[1].references_sha256
    tallies = rows(store_engine, "select distinct kind, name from evaluation_tallies where kind = 'question'")
    assert {row.name for row in tallies} == {"allergies", "medications"}
    from dagster import AssetKey, DagsterInstance

    with DagsterInstance.get() as instance:
        event = instance.get_latest_materialization_event(AssetKey("evaluations"))
        assert event.asset_materialization.metadata["f1"].value == pytest.approx(told["f1"])
    sinks = {"json": str(told), "rows": str(kept), "dagster": dagster_dump()}
    canaries = ("quokkamarine", "zebulonis", "xylofile")
    assert [(name, word) for name, sink in sinks.items() for word in canaries if word in sink.lower()] == []


def test_a_reference_without_an_upload_is_counted_and_a_wrong_one_is_refused(home, tmp_path, capsys):
    folder = tmp_path / "references"
    folder.mkdir()
    (folder / "a.json").write_text(json.dumps({"sha256": "0" * 64, "answers": {}}))
    assert evaluate_answers(home, folder, fit=True, as_json=False, names=False) == 1
    out = capsys.readouterr().out
    assert "1 of 1 references fit no upload" in out
    assert "No fit: 0 answers" in out
    (folder / "b.json").write_text(json.dumps({"sha256": "0" * 64, "answers": {"zebulonis": {"state": "not_asked"}}}))
    with pytest.raises(SettingsError, match=r"reference 2 .*no question of this id"):
        evaluate_answers(home, folder, fit=False, as_json=False, names=False)


def test_a_confidence_file_is_honoured_by_the_next_upload_and_stands_on_its_answers(home, store_engine, monkeypatch):
    from nurseconv_dagster.extraction import confidence

    own = home.home / "confidence.yaml"
    shipped = Path(confidence.__file__).with_name("confidence.yaml").read_text(encoding="utf-8")
    own.write_text(shipped.replace('version: "2"', 'version: "ours"'), encoding="utf-8")
    monkeypatch.setenv("CONFIDENCE_FILE", str(own))
    walk(load_settings())
    stated = rows(store_engine, "select signs, confidence_version from question_answers where signs is not null")
    assert {row.confidence_version.partition("+")[0] for row in stated} == {"ours"}
    assert all(set(row.signs) == set(confidence.SIGNS) for row in stated)
    silent = rows(store_engine, "select 1 from question_answers where signs is null and confidence_score is not null")
    assert silent == []


def test_quality_runs_on_demand_and_never_with_uploads_or_marts():
    from nurseconv_dagster.definitions import defs

    quality = {"evaluations", "challenges"}
    for name in ("process_uploads", "build_marts"):
        keys = {key.to_user_string() for key in defs.resolve_job_def(name).asset_layer.selected_asset_keys}
        assert not keys & quality, name
