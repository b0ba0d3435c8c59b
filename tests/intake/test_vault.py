"""The vault keeps every content once, whole, and under no name."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from nurseconv_dagster.errors import VaultUnavailableError
from nurseconv_dagster.intake import vault as vault_module
from nurseconv_dagster.intake.vault import FileVault, hash_file


@pytest.fixture
def vault(tmp_path):
    return FileVault(tmp_path / "vault")


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "Canary Name.wav"
    path.write_bytes(os.urandom(3_000_000))
    return path


def kept(tmp_path):
    return [path for path in (tmp_path / "vault").rglob("*") if path.is_file()]


def test_what_is_put_is_what_is_read(vault, source):
    sha256, size_bytes = hash_file(source)
    assert (sha256, size_bytes) == (hashlib.sha256(source.read_bytes()).hexdigest(), 3_000_000)
    key = vault.put(source, sha256)
    assert key == f"objects/{sha256[:2]}/{sha256[2:4]}/{sha256}"
    assert vault.path(key).read_bytes() == source.read_bytes()
    assert vault.verify(key)


def test_an_object_is_for_its_owner_only(vault, source, tmp_path):
    path = vault.path(vault.put(source, hash_file(source)[0]))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert not any("Canary" in str(path.relative_to(tmp_path)) for path in kept(tmp_path))


def test_the_same_bytes_twice_are_one_object(vault, source, tmp_path):
    again = tmp_path / "other.mp3"
    again.write_bytes(source.read_bytes())
    keys = {vault.put(path, hash_file(path)[0]) for path in (source, again, source)}
    assert len(keys) == len(kept(tmp_path)) == 1


def test_concurrent_puts_leave_one_whole_object_and_no_leftovers(vault, source, tmp_path):
    sha256 = hash_file(source)[0]
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: vault.put(source, sha256), range(24)))
    assert len(keys) == len(kept(tmp_path)) == 1
    assert vault.verify(keys.pop())


def test_a_file_that_changed_since_it_was_hashed_is_not_kept(vault, source, tmp_path):
    sha256 = hash_file(source)[0]
    source.write_bytes(b"something else")
    with pytest.raises(VaultUnavailableError) as caught:
        vault.put(source, sha256)
    assert caught.value.code == "source_changed"
    assert kept(tmp_path) == []


def test_a_half_object_is_replaced_by_a_whole_one(vault, source):
    sha256 = hash_file(source)[0]
    key = vault.put(source, sha256)
    vault.path(key).write_bytes(b"half")
    assert not vault.verify(key)
    assert vault.put(source, sha256) == key
    assert vault.verify(key)


def test_rot_is_found(vault, source):
    key = vault.put(source, hash_file(source)[0])
    data = bytearray(vault.path(key).read_bytes())
    data[1000] ^= 1
    vault.path(key).write_bytes(bytes(data))
    assert not vault.verify(key)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_full_or_read_only_disk_is_a_transient_error_without_names(number, vault, source, tmp_path, monkeypatch):
    def fail(_):
        raise OSError(number, os.strerror(number), str(source))

    monkeypatch.setattr(vault_module.os, "fsync", fail)
    with pytest.raises(VaultUnavailableError) as caught:
        vault.put(source, hash_file(source)[0])
    assert os.strerror(number) in str(caught.value)
    assert "Canary" not in str(caught.value)
    assert kept(tmp_path) == []


def test_a_vault_whose_folder_cannot_be_made_is_unavailable(source, tmp_path):
    (tmp_path / "vault").write_text("in the way")
    with pytest.raises(VaultUnavailableError):
        FileVault(tmp_path / "vault").put(source, hash_file(source)[0])


@pytest.mark.parametrize(
    "key", ["../secret", "objects/ab/cd/../../../x", "", "objects/ab/cd/" + "a" * 64, "/etc/passwd"]
)
def test_only_object_keys_are_looked_up(key, vault):
    with pytest.raises(VaultUnavailableError):
        vault.path(key)


def test_a_missing_object_is_told_and_a_deleted_one_stays_deleted(vault, source, tmp_path):
    key = vault.put(source, hash_file(source)[0])
    vault.delete(key)
    vault.delete(key)
    assert kept(tmp_path) == []
    with pytest.raises(VaultUnavailableError):
        vault.path(key)


def test_leftovers_of_killed_processes_are_removed_and_growing_ones_are_not(vault, source, tmp_path):
    vault.put(source, hash_file(source)[0])
    for name, age_s in (("old", 7200), ("young", 0)):
        path = Path(tmp_path / "vault" / "incoming" / name)
        path.write_bytes(b"half")
        os.utime(path, (time.time() - age_s,) * 2)
    assert vault.remove_leftovers(3600) == 1
    assert sorted(path.name for path in kept(tmp_path) if path.parent.name == "incoming") == ["young"]
