"""The sample conversations are what their references and their README promise."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import yaml
from jsonschema import Draft202012Validator

from nurseconv_dagster.evaluation.references import load_references
from nurseconv_dagster.extraction.catalogue import load_catalogue
from nurseconv_dagster.extraction.questions import Profile
from nurseconv_dagster.extraction.tokens import norms, tokenise
from nurseconv_dagster.intake.arrivals import Refusal, Sidecar
from nurseconv_dagster.intake.decoding import decode
from nurseconv_dagster.intake.limits import Limits
from nurseconv_dagster.intake.sidecars import load_sidecar

SAMPLES = Path(__file__).parents[1] / "samples"
BUCKET = SAMPLES / "bucket"
REFERENCES = {reference.name: reference for reference in load_references(SAMPLES / "reference")}
WHOLE = [name for name, reference in REFERENCES.items() if reference.outcome != "damaged"]
RECORDINGS = [name for name in WHOLE if not REFERENCES[name].file.endswith(".txt")]
STEREO = {"admission", "handoff", "discharge", "denials"}


def test_the_samples_are_small_enough_for_git() -> None:
    n_bytes = sum(path.stat().st_size for path in SAMPLES.rglob("*") if path.is_file())

    assert n_bytes < 3_000_000


def test_every_file_of_the_bucket_has_one_reference_and_a_sidecar() -> None:
    files = sorted(path.relative_to(BUCKET).as_posix() for path in BUCKET.rglob("*.*") if path.suffix != ".json")

    assert files == sorted(reference.file for reference in REFERENCES.values())
    assert all((BUCKET / f"{file}.json").is_file() for file in files)


@pytest.mark.parametrize("name", REFERENCES)
def test_a_reference_knows_its_file_by_hash(name: str) -> None:
    content = (BUCKET / str(REFERENCES[name].file)).read_bytes()

    assert REFERENCES[name].sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("name", REFERENCES)
def test_every_sidecar_is_accepted_and_says_all_that_a_report_groups_by(name: str) -> None:
    sidecar = read_sidecar(name)

    assert sidecar.consent is True
    assert sidecar.unit == REFERENCES[name].file.split("/")[0]
    assert None not in (sidecar.nurse_id, sidecar.encounter_id, sidecar.profile, sidecar.language)


@pytest.mark.parametrize("name", RECORDINGS)
def test_every_recording_decodes_whole_with_the_channels_it_promises(name: str) -> None:
    with av.open(str(BUCKET / REFERENCES[name].file)) as container:
        channels = {frame.layout.nb_channels for frame in container.decode(audio=0)}
    recording = decode(BUCKET / REFERENCES[name].file, "ogg", Limits())

    assert channels == {2 if name in STEREO else 1}
    assert not isinstance(recording, Refusal)
    assert recording.damage == ()
    assert recording.samples.shape[0] == (2 if name in STEREO else 1)
    assert 20 <= recording.duration_s <= 140


@pytest.mark.parametrize("name", sorted(STEREO))
def test_a_voice_does_not_leak_into_the_other_channel(name: str) -> None:
    recording = decode(BUCKET / REFERENCES[name].file, "ogg", Limits())
    assert not isinstance(recording, Refusal)
    tenths = recording.samples[:, : recording.samples.shape[1] // 1600 * 1600].reshape(2, -1, 1600)
    level_db = 10 * np.log10((tenths**2).mean(axis=2) + 1e-12)

    for speaking, silent in ((0, 1), (1, 0)):
        assert np.median(level_db[silent][level_db[speaking] > -30]) < -60


def test_silence_is_quieter_than_any_speech() -> None:
    recording = decode(BUCKET / REFERENCES["silence"].file, "ogg", Limits())

    assert not isinstance(recording, Refusal)
    assert 10 * np.log10((recording.samples**2).mean()) < -55
    assert REFERENCES["silence"].outcome == "no_speech"


def test_the_damaged_recording_does_not_pass_as_a_whole_one() -> None:
    verdict = decode(BUCKET / REFERENCES["damaged"].file, "flac", Limits())

    assert isinstance(verdict, Refusal) or verdict.damage


@pytest.mark.parametrize("name", WHOLE)
def test_a_reference_answers_every_question_of_its_profile_and_no_other(name: str) -> None:
    assert list(REFERENCES[name].answers) == [question.id for question in profile_of(name).questions]


@pytest.mark.parametrize("name", WHOLE)
def test_every_expected_answer_was_said(name: str) -> None:
    said = padded(REFERENCES[name].full_text)
    stretches = [
        part for answer in REFERENCES[name].answers.values() if answer.text for part in answer.text.split("; ")
    ]

    assert [stretch for stretch in stretches if padded(stretch) not in said] == []


@pytest.mark.parametrize("name", WHOLE)
def test_every_expected_value_has_the_shape_that_the_catalogue_gives_it(name: str) -> None:
    schemas = {question.id: dict(question.schema) for question in profile_of(name).questions}
    for question_id, answer in REFERENCES[name].answers.items():
        if answer.value is not None:
            # A reference may hold a part of the value only.
            schema = {key: value for key, value in schemas[question_id].items() if key != "required"}
            errors = [error.message for error in Draft202012Validator(schema).iter_errors(answer.value)]
            assert errors == [], question_id


@pytest.mark.parametrize("name", WHOLE)
def test_a_reference_says_what_the_script_says(name: str) -> None:
    script: dict[str, Any] = yaml.safe_load((SAMPLES / "scripts" / f"{name}.yaml").read_text(encoding="utf-8"))
    turns = [(turn.role, turn.text) for turn in REFERENCES[name].transcript]
    unasked = "not_asked" if turns else "not_applicable"
    states = {id_: answer.state for id_, answer in REFERENCES[name].answers.items() if answer.state != unasked}

    assert turns == [next(pair for pair in turn.items() if pair[0] != "gap_s") for turn in script["turns"]]
    assert states == {id_: answer.get("state", "answered") for id_, answer in script["answers"].items()}
    assert script["sidecar"] == json.loads((BUCKET / f"{REFERENCES[name].file}.json").read_text(encoding="utf-8"))


def test_the_typed_note_holds_the_turns_of_its_reference() -> None:
    reference = REFERENCES["phone_note"]
    lines = [f"{turn.role.capitalize()}: {turn.text}" for turn in reference.transcript]

    assert (BUCKET / reference.file).read_text(encoding="utf-8").splitlines() == lines


def profile_of(name: str) -> Profile:
    return load_catalogue().profiles[read_sidecar(name).profile or ""]


def read_sidecar(name: str) -> Sidecar:
    sidecar = load_sidecar(BUCKET / REFERENCES[name].file)
    assert isinstance(sidecar, Sidecar)
    return sidecar


def padded(text: str) -> str:
    return f" {' '.join(norms(tokenise(text)))} "
