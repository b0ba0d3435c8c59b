"""What is being received is hashed, bounded and gone when nobody wants it; the vault takes it without a copy."""

from __future__ import annotations

import errno
import hashlib
import os
import stat

import pytest

from nurseconv_dagster.errors import VaultUnavailableError
from nurseconv_dagster.intake import vault as vault_module
from nurseconv_dagster.intake.spooling import Spool
from nurseconv_dagster.intake.vault import FileVault, hash_file


@pytest.fixture
def vault(tmp_path):
    return FileVault(tmp_path / "vault")


def files(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_what_was_written_is_known_by_its_hash_when_the_last_byte_is_here(vault):
    with Spool(vault.incoming, 1000) as spool:
        assert all(spool.write(piece) for piece in (b"ab", memoryview(b"xcx")[1:2], b""))
        path = spool.finish()
        assert path.read_bytes() == b"abc"
        assert (spool.sha256, spool.size_bytes) == (hashlib.sha256(b"abc").hexdigest(), 3)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_not_one_byte_over_the_limit_reaches_the_disk(vault):
    with Spool(vault.incoming, 5) as spool:
        assert spool.write(b"abcd")
        assert not spool.write(b"ef")
        assert spool.finish().stat().st_size == 4
        assert spool.write(b"e")
        assert not spool.write(b"f")


@pytest.mark.parametrize("error", [None, RuntimeError("killed in the middle")])
def test_whatever_happens_the_file_is_gone_afterwards(error, vault, tmp_path):
    try:
        with Spool(vault.incoming, 100) as spool:
            spool.write(b"half")
            if error:
                raise error
    except RuntimeError:
        assert error
    assert files(tmp_path) == []


def test_the_vault_takes_a_received_file_without_copying_it(vault, tmp_path, monkeypatch):
    monkeypatch.setattr(FileVault, "_copy", lambda *_: pytest.fail("copied"))
    with Spool(vault.incoming, 100) as spool:
        spool.write(b"words")
        path = spool.finish()
        inode = path.stat().st_ino
        key = vault.put(path, spool.sha256)
        assert vault.put(path, spool.sha256) == key
    assert files(tmp_path) == [vault.path(key)]
    assert (vault.path(key).stat().st_ino, vault.verify(key)) == (inode, True)


@pytest.mark.parametrize("number", [errno.EPERM, errno.EMLINK])
def test_a_file_system_without_hard_links_gets_a_copy(number, vault, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(vault_module.Path, "hardlink_to", refuse)
    with Spool(vault.incoming, 100) as spool:
        spool.write(b"words")
        key = vault.put(spool.finish(), spool.sha256)
    assert files(tmp_path) == [vault.path(key)]
    assert vault.verify(key)


def test_a_full_disk_is_a_transient_error_without_names(vault, monkeypatch):
    monkeypatch.setattr(os, "fdopen", lambda *_: pytest.fail("not reached"))

    def full(**_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "CanaryName")

    monkeypatch.setattr("nurseconv_dagster.intake.spooling.tempfile.mkstemp", full)
    with Spool(vault.incoming, 100) as spool, pytest.raises(VaultUnavailableError) as caught:
        spool.write(b"words")
    assert "Canary" not in str(caught.value)


def test_a_received_file_is_on_the_disk_before_it_is_an_object(vault, monkeypatch):
    done = []
    real_sync, real_link = os.fsync, vault_module.Path.hardlink_to
    monkeypatch.setattr(vault_module.os, "fsync", lambda handle: (done.append("sync"), real_sync(handle)))
    monkeypatch.setattr(
        vault_module.Path, "hardlink_to", lambda path, source: (done.append("link"), real_link(path, source))
    )
    with Spool(vault.incoming, 100) as spool:
        spool.write(b"words")
        path = spool.finish()
        vault.put(path, hash_file(path)[0])
    assert done == ["sync", "link", "sync"]
