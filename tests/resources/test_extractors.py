"""Laws of what is built for an upload."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from nurseconv_dagster.resources.extractors import Asking, veil_for
from nurseconv_dagster.settings import Settings
from tests.fakes.talks import typed

TALK = typed("nurse: What is your name?", "patient: My name is Rosa Alvarez. My number is 503-555-0160.")


def veiled(home: Path, upload: int = 1) -> str:
    asking = Asking(UUID(int=upload), attempt=1, unit=None, nurse_id=None, encounter_id=None, profile=None)
    return veil_for(Settings(_env_file=None, nurseconv_home=home), asking)(TALK).transcript.full_text


def test_surrogates_stay_the_same_in_one_home(tmp_path: Path) -> None:
    assert veiled(tmp_path) == veiled(tmp_path) != TALK.full_text


def test_an_uploads_id_does_not_tell_its_surrogates(tmp_path: Path) -> None:
    """Ids stand in logs: with the id alone as key, anybody could test which name became which surrogate."""
    assert len({veiled(tmp_path / home) for home in "abcd"}) == 4


def test_two_uploads_of_a_home_do_not_share_surrogates(tmp_path: Path) -> None:
    assert len({veiled(tmp_path, upload) for upload in range(4)}) == 4
