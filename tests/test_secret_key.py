"""Laws of the home's secret: one for each home, made once, seen by its owner only, and never the key itself."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from nurseconv_dagster.errors import SettingsError
from nurseconv_dagster.secret_key import derive_key
from nurseconv_dagster.settings import Settings

MINE = "correct horse battery staple"


def settings_of(home: Path, secret: str = "") -> Settings:
    return Settings(_env_file=None, nurseconv_home=home, secret_key=secret)


def test_a_home_makes_its_secret_once_and_its_owner_alone_reads_it(tmp_path: Path) -> None:
    home = settings_of(tmp_path / "home")
    key = derive_key(home, "sessions")
    file = tmp_path / "home" / "secret.key"
    secret = file.read_text()
    assert derive_key(home, "sessions") == key
    assert file.read_text() == secret
    assert len(secret.strip()) >= 32
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_two_homes_and_two_purposes_never_share_a_key(tmp_path: Path) -> None:
    keys = [
        derive_key(settings_of(tmp_path / home), purpose) for home in "ab" for purpose in ("sessions", "surrogates")
    ]
    assert len(set(keys)) == 4
    assert {len(key) for key in keys} == {32}


def test_a_key_tells_nothing_of_the_secret(tmp_path: Path) -> None:
    assert MINE.encode() not in derive_key(settings_of(tmp_path, MINE), "sessions")


def test_a_secret_of_the_settings_is_the_same_in_every_home_and_makes_no_file(tmp_path: Path) -> None:
    one, other = (derive_key(settings_of(tmp_path / home, MINE), "sessions") for home in "ab")
    assert one == other
    assert list(tmp_path.iterdir()) == []


def test_processes_that_start_together_share_one_secret(tmp_path: Path) -> None:
    home = settings_of(tmp_path / "home")
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: derive_key(home, "sessions"), range(32)))
    assert len(keys) == 1


def test_what_a_killed_process_left_behind_is_not_the_secret(tmp_path: Path) -> None:
    left = tmp_path / "secret.tmp"
    left.write_text("half")
    left.chmod(0o644)
    derive_key(settings_of(tmp_path), "sessions")
    assert (tmp_path / "secret.key").read_text() != "half"
    assert stat.S_IMODE((tmp_path / "secret.key").stat().st_mode) == 0o600


@pytest.mark.parametrize("content", ["", "\n", "short"])
def test_an_empty_file_is_no_secret(tmp_path: Path, content: str) -> None:
    (tmp_path / "secret.key").write_text(content)
    with pytest.raises(SettingsError, match=r"secret.key holds no secret; remove it"):
        derive_key(settings_of(tmp_path), "sessions")


def test_a_secret_that_cannot_be_read_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "secret.key").mkdir()
    with pytest.raises(SettingsError, match=r"can neither be read nor made .* set SECRET_KEY"):
        derive_key(settings_of(tmp_path), "sessions")
