"""The command line as a script sees it: exit codes, one clear sentence, help that teaches."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import ProgrammingError

from tests.fakes.notes import note

pytestmark = pytest.mark.xdist_group("command-line")


def nurseconv(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "nurseconv_dagster.operations.cli", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("WHISPER_MODEL", "enormous", "tiny, base, small, medium, large"),
        ("MAX_FILE_SIZE", "ten", "integer"),
        ("PROVIDER_ORDER", "oracle", "local, rules"),
    ],
)
def test_a_wrong_setting_is_named_with_what_was_found_and_what_is_allowed(tmp_path, name, value, allowed):
    done = nurseconv("status", **{name: value, "NURSECONV_HOME": str(tmp_path)})
    assert done.returncode == 3
    assert f"{name}={value}" in done.stderr
    assert allowed in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unreachable_database_is_one_sentence_and_exit_code_4(tmp_path):
    address = "postgresql://u:secret@127.0.0.1:1/db"
    done = nurseconv("status", DATABASE_URL=address, NURSECONV_HOME=str(tmp_path))
    assert done.returncode == 4
    assert "127.0.0.1:1 did not answer" in done.stderr
    assert "secret" not in done.stderr
    assert "Traceback" not in done.stderr


def test_a_bad_catalogue_is_refused_with_its_line_and_the_reason(home, tmp_path):
    own = tmp_path / "catalogue.yaml"
    own.write_text("version: 1\nquestions:\n  - id: a\n  - id: a\nprofiles: {}\n")
    (tmp_path / "n.txt").write_text(note(1))
    done = nurseconv("ingest", str(tmp_path / "n.txt"), CATALOGUE_FILE=str(own))
    assert done.returncode == 3
    assert "line" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.system
def test_ingest_does_the_work_and_prints_each_end(home, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "good.txt").write_text(note(2))
    (folder / "good.txt.json").write_text('{"unit": "icu"}')
    (folder / "wrong.txt").write_text(note(3))
    (folder / "wrong.txt.json").write_text('{"profile": "no such profile"}')
    (folder / "fake.wav").write_text("this is not audio at all, whatever the name says")
    done = nurseconv("ingest", str(folder), str(tmp_path / "nothing-here"))
    assert done.returncode == 1, done.stderr
    assert "nothing to take in" in done.stderr
    assert "Warning" not in done.stderr  # of a library, of this process or of a run's
    ends = dict(line.split()[0::2][:2][::-1] for line in done.stdout.splitlines() if line[:1].isalpha())
    by_name = {path.rsplit("/", 1)[-1]: status for path, status in ends.items()}
    assert by_name == {"good.txt": "completed", "wrong.txt": "rejected", "fake.wav": "rejected"}
    assert "unknown_profile" in done.stdout
    facts = json.loads(nurseconv("status", "--json").stdout)
    assert facts["counts"] == {"completed": 1, "rejected": 2}
    assert facts["marts_are_current"]
    assert "good.txt" not in json.dumps(facts)


@pytest.mark.system
def test_missing_weights_fail_the_recording_with_what_to_do_and_leave_the_others_unharmed(home, tmp_path):
    from tests.fakes.sounds import make

    folder = tmp_path / "mine"
    folder.mkdir()
    make(folder / "tone.wav", "wav")
    (folder / "good.txt").write_text(note(2))
    done = nurseconv("ingest", str(folder), WHISPER_MODEL="small")
    assert done.returncode == 0, done.stderr
    assert "completed" in done.stdout
    assert "weights_missing" in done.stdout
    assert "WHISPER_MODEL" in done.stdout


@pytest.mark.system
def test_the_bi_connection_string_sees_the_marts_and_nothing_else(home, tmp_path):
    (tmp_path / "n.txt").write_text(note(2))
    assert nurseconv("ingest", str(tmp_path / "n.txt")).returncode == 0
    for _ in range(2):  # a second asking must not lock the first one out
        address = nurseconv("url", "--role", "bi").stdout.strip()
    engine = create_engine(address.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        assert connection.execute(text("select count(*) from marts.conversations")).scalar_one() == 1
    for table in ("public.conversation_uploads", "public.question_answers", "staging.stg_question_answers"):
        with engine.connect() as connection, pytest.raises(ProgrammingError, match="permission denied"):
            connection.execute(text(f"select * from {table}"))
    engine.dispose()


def test_help_names_every_command_and_teaches_the_first_steps():
    done = nurseconv("--help")
    assert done.returncode == 0
    for command in ("demo", "up", "ingest", "status", "retry", "export", "url", "migrate", "doctor"):
        assert command in done.stdout
    assert "nurseconv demo" in done.stdout


def test_wrong_usage_is_exit_code_2(home):
    assert nurseconv("retry").returncode == 2
    assert nurseconv("export", "somewhere", "--format", "pdf").returncode == 2


@pytest.mark.system
def test_erase_asks_first_then_erases_for_good_and_the_marts_follow(home, engine, tmp_path):
    (tmp_path / "n.txt").write_text(note(1))
    nurseconv("ingest", str(tmp_path / "n.txt"))
    with engine.connect() as connection:
        upload_id = str(connection.execute(text("select id from marts.conversations")).scalar_one())

    asked = nurseconv("erase", upload_id)
    assert asked.returncode == 1
    assert "no way back" in asked.stdout

    done = nurseconv("erase", upload_id, "--yes")
    assert done.returncode == 0, done.stderr
    assert f"erased     {upload_id}" in done.stdout
    with engine.connect() as connection:
        assert connection.execute(text("select count(*) from marts.conversations")).scalar_one() == 0
        assert connection.execute(text("select sum(erased) from marts.pipeline_days")).scalar_one() == 1
    assert upload_id in (home.home / "erased.log").read_text()
    again = nurseconv("erase", upload_id, "--yes")
    assert again.returncode == 3
    assert "erased for good" in again.stderr
