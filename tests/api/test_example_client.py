"""The example client of the documentation does what it says, against a real server."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

from sqlalchemy import func, select, update

from nurseconv_dagster.api.app import create_app
from nurseconv_dagster.store.tables import conversation_uploads
from tests.api.serving import serve
from tests.fakes.results import CANARY, add_results

CLIENT = Path(__file__).parents[2] / "docs" / "examples" / "client.py"


def run(address, headers, path):
    key = headers["Authorization"].removeprefix("Bearer ")
    return subprocess.run(
        [sys.executable, CLIENT, address, key, path], capture_output=True, text=True, check=False, timeout=120
    )


def complete_the_first(engine):
    """What the pipeline would do, once the client has sent its file."""
    while True:
        with engine.begin() as connection:
            upload_id = connection.execute(select(conversation_uploads.c.id)).scalar()
            done = {"status": "completed", "stage": "done", "updated_at": func.clock_timestamp()}
            connection.execute(update(conversation_uploads).values(done))
        if upload_id is not None:
            add_results(engine, upload_id, {"symptoms": "answered", "allergies": "not_asked"})
            return
        time.sleep(0.05)


def test_the_example_client_prints_each_question_with_its_state(app, key, engine, tmp_path):
    note = tmp_path / "note.txt"
    note.write_text("Nurse: How are you?\nPatient: Well.\n")
    worker = threading.Thread(target=complete_the_first, args=(engine,))
    with serve(app) as address:
        worker.start()
        done = run(address, key("upload", "read", units=["icu"]), note)
        worker.join(20)
    assert done.returncode == 0, done.stderr
    assert "100 %" in done.stderr
    assert [line.split() for line in done.stdout.splitlines()] == [
        ["symptoms", "answered", CANARY],
        ["allergies", "not_asked"],
    ]


def test_the_example_client_tells_why_a_file_was_not_taken(api_settings, key, tmp_path):
    page = tmp_path / "page.pdf"
    page.write_bytes(b"%PDF-1.7 \x80")
    with serve(create_app(api_settings)) as address:
        done = run(address, key("upload", "read", units=["icu"]), page)
    assert done.returncode == 1
    assert done.stderr.startswith("unknown_format: ")


def test_the_example_client_is_short():
    code = [line for line in CLIENT.read_text().splitlines() if line and not line.startswith(("import", "from", '"""'))]
    assert len(code) <= 20
