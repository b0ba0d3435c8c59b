"""A backup of 1,000 uploads, everything lost, everything back: seconds, megabytes, and every hash tested.

    python benchmarks/restore_drill.py [N_UPLOADS]

Uploads get their rows through the store's own functions and their results as the stages would write them: what is
measured is the way out and the way back, not the work. One in fifty is a recording of 3 MB.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

N_UPLOADS = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
RECORDING_BYTES = 3_000_000


def fill(settings) -> None:
    from sqlalchemy import text, update

    from nurseconv_dagster.encryption.ring import ring_of
    from nurseconv_dagster.intake.vault import hash_file, vault_of
    from nurseconv_dagster.store.arrivals import ArrivalLedger
    from nurseconv_dagster.store.engine import app_url, open_engine, transaction
    from nurseconv_dagster.store.resealing import reseal_step
    from nurseconv_dagster.store.tables import conversation_uploads
    from tests.fakes.results import add_results
    from tests.fakes.uploads import new_upload

    engine, vault = open_engine(app_url(settings)), vault_of(settings)
    with transaction(engine) as connection:  # filling is not what is measured, and need not survive a crash
        connection.execute(text(f"alter database {engine.url.database} set synchronous_commit = off"))
    engine.dispose()
    ledger, source = ArrivalLedger(engine), settings.home / "source"
    for number in range(N_UPLOADS):
        is_recording = number % 50 == 0
        source.write_bytes(secrets.token_bytes(RECORDING_BYTES) if is_recording else f"Nurse: note {number}".encode())
        sha = hash_file(source)[0]
        upload = new_upload(sha, kind="audio" if is_recording else "text", location=f"ward/{number}")
        object.__setattr__(upload, "object_key", vault.put(source, sha))
        upload_id = ledger.record_arrival(upload).upload_id
        states = {f"question_{n}": "answered" for n in range(12)}
        add_results(engine, upload_id, states, n_segments=20, words="said aloud")
        with transaction(engine) as connection:
            mine = update(conversation_uploads).where(conversation_uploads.c.id == upload_id)
            connection.execute(mine.values(status="completed", stage="done", partition_no=number + 1))
    source.unlink()
    while reseal_step(engine, ring_of(settings)):
        pass
    engine.dispose()


def main() -> int:
    root = Path(tempfile.mkdtemp(prefix="nurseconv-drill-"))
    sys.path.insert(0, str(Path(__file__).parents[1]))
    os.chdir(root)
    os.environ.update(NURSECONV_HOME=str(root / "home"), ENCRYPTION_KEY_FILE=str(root / "ring.json"))

    from nurseconv_dagster.encryption.ring import add_key, ring_of
    from nurseconv_dagster.operations.backing_up import back_up
    from nurseconv_dagster.operations.deep_doctor import examine_deep
    from nurseconv_dagster.operations.embedded_postgres import stop_server
    from nurseconv_dagster.operations.home import prepare_store
    from nurseconv_dagster.operations.restoring import open_backup, restore
    from nurseconv_dagster.settings import load_settings

    add_key(root / "ring.json", datetime.now(UTC))
    settings = load_settings()
    prepare_store(settings)
    fill(settings)

    def timed(what, work):
        began, cpu = time.monotonic(), time.process_time()
        result = work()
        took_s = time.monotonic() - began
        print(
            f"{what:<22} {took_s:7.1f} s  ({N_UPLOADS / took_s:6.0f} uploads/s; "
            f"{time.process_time() - cpu:.1f} s of this process's processor)"
        )
        return result

    made = timed("first backup", lambda: back_up(settings, root / "backups", 7))
    again = timed("second, nothing new", lambda: back_up(settings, root / "backups", 7))
    print(f"{'size':<22} {made.n_bytes / 1e6:7.1f} MB; the second wrote {again.file.stat().st_size / 1e6:.1f} MB")
    stop_server(settings.home)
    shutil.rmtree(settings.home)

    def bring_back():
        with open_backup(again.file, ring_of(settings)) as backup:
            return restore(settings, again.file, backup, replace=False)

    restored = timed("verify and restore", bring_back)
    code = timed("doctor --deep", lambda: examine_deep(settings))
    stop_server(settings.home)
    shutil.rmtree(root)
    print(f"{restored.n_uploads} uploads and {restored.n_objects} objects are back; exit code {code}")
    return code or int(restored.n_uploads != N_UPLOADS)


if __name__ == "__main__":
    sys.exit(main())
