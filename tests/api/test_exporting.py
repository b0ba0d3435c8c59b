"""Results are taken away in every format, by those who may see them."""

from __future__ import annotations

import io
import json
import zipfile

import pytest

from nurseconv_dagster.exports.files import FORMATS
from tests.api.test_reading import actions, arrive, completed
from tests.fakes.results import CANARY

URL = "/api/v1/uploads"


@pytest.fixture
def reader(key):
    return key("read", units=["icu"])


@pytest.mark.parametrize("file_format", FORMATS)
def test_results_are_taken_away_in_every_format(file_format, client, reader, engine):
    upload_id = completed(engine)
    answer = client.get(f"{URL}/{upload_id}/export", params={"format": file_format}, headers=reader)
    assert answer.status_code == 200, answer.text
    assert f'filename="{upload_id}' in answer.headers["Content-Disposition"]
    if file_format in ("jsonl", "csv", "parquet"):
        archive = zipfile.ZipFile(io.BytesIO(answer.content))
        assert set(archive.namelist()) == {f"{kind}.{file_format}" for kind in ("transcripts", "answers", "scores")}
    elif file_format == "fhir":
        assert json.loads(answer.content)["resourceType"] == "Bundle"
    else:
        assert CANARY in answer.text


def test_what_has_no_results_or_cannot_be_seen_is_told_apart(client, reader, engine):
    waits, hidden = arrive(engine), completed(engine, unit="er")
    answer = client.get(f"{URL}/{waits}/export", params={"format": "srt"}, headers=reader)
    assert (answer.status_code, answer.json()["code"]) == (409, "no_transcript")
    assert client.get(f"{URL}/{hidden}/export", params={"format": "srt"}, headers=reader).status_code == 404
    assert client.get(f"{URL}/{waits}/export", params={"format": "docx"}, headers=reader).status_code == 422
    assert actions(engine) == [
        ("upload.exported", str(waits), {"format": "srt", "refused": "no_transcript"}),
        ("upload.exported", str(hidden), {"format": "srt", "refused": "unknown_upload"}),
    ]
