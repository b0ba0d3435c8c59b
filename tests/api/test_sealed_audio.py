"""A sealed recording is heard as a plain one is, whole and in parts; without its key it is refused and not garbled."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from nurseconv_dagster.encryption.ring import add_key
from nurseconv_dagster.intake.vault import vault_of
from nurseconv_dagster.settings import Settings
from tests.api.test_reading import (  # noqa: F401 - the same laws, on a vault that seals
    URL,
    reader,
    sound,
    test_a_part_is_given_only_of_the_recording_that_the_client_has_begun,
    test_a_part_of_a_recording_is_heard,
    test_a_part_that_is_not_there_is_refused,
    test_a_recording_is_heard_whole_and_its_head_alone,
)


@pytest.fixture
def api_settings(database, tmp_path):
    add_key(tmp_path / "ring.json", datetime.now(UTC))
    settings = Settings(
        nurseconv_home=tmp_path / "home",
        database_url=database.render_as_string(hide_password=False),
        encryption_key_file=tmp_path / "ring.json",
        _env_file=None,
    )
    settings.vault_dir.mkdir(parents=True)
    return settings


def test_several_parts_of_a_sealed_recording_are_heard_at_once(sound, client, reader, api_settings):  # noqa: F811
    upload_id, content = sound
    vault = vault_of(api_settings)
    assert all(vault.sealed_with(key) for key in vault.object_keys())
    answer = client.get(f"{URL}/{upload_id}/audio", headers={**reader, "Range": "bytes=0-9,1000-1009"})
    assert answer.status_code == 206
    assert content[:10] in answer.content
    assert content[1000:1010] in answer.content


def test_a_recording_whose_key_is_missing_is_refused(sound, client, reader, api_settings):  # noqa: F811
    upload_id, _ = sound
    api_settings.encryption_key_file.unlink()
    add_key(api_settings.encryption_key_file, datetime.now(UTC))
    answer = client.get(f"{URL}/{upload_id}/audio", headers=reader)
    assert (answer.status_code, answer.json()["code"]) == (500, "encryption_key_missing")
