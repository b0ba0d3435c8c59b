"""A drill is a real restore, and leaves nothing behind, however it ends."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest

from nurseconv_dagster.errors import UploadBusyError
from nurseconv_dagster.operations import drill as drill_module
from nurseconv_dagster.operations.backing_up import back_up
from nurseconv_dagster.operations.drill import drill, remove_leftovers
from nurseconv_dagster.operations.embedded_postgres import _answers, ensure_server
from tests.store.test_erasure import House


@pytest.fixture
def roomy(home):
    """The settings of a home outside pytest's folders, which each start of pytest closes to the server's own user."""
    folder = Path(tempfile.mkdtemp(prefix="nurseconv-test-"))
    settings = home.model_copy(update={"nurseconv_home": folder})
    settings.__dict__.pop("home", None)  # worked out before, and copied with the fields
    yield settings
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.system
def test_a_drill_restores_for_real_and_neither_it_nor_a_killed_one_leaves_a_home_or_a_server(
    roomy, engine, tmp_path, monkeypatch
):
    House(engine, roomy.home).arrive(b"done")
    file = back_up(roomy, tmp_path / "backups", keep_days=7).file
    killed = roomy.home / "drill-killed" / "home"
    servers = [ensure_server(killed)]
    seen = {}

    def examine(other):
        seen["objects"] = [path.read_bytes() for path in other.vault_dir.glob("objects/*/*/*")]
        assert not killed.exists()
        with pytest.raises(UploadBusyError):
            drill(roomy, file)
        remove_leftovers(roomy.home)  # of a backup beside it: it is no leftover
        servers.append(ensure_server(other.home))
        os.kill(os.getpid(), signal.SIGTERM)
        return 0

    monkeypatch.setattr(drill_module, "examine_deep", examine)
    before = dict(os.environ)
    with pytest.raises(KeyboardInterrupt):
        drill(roomy, file)
    assert seen["objects"] == [b"done"]
    assert not list(roomy.home.glob("drill-*"))
    assert not any(_answers(facts) for facts in servers)
    assert dict(os.environ) == before
