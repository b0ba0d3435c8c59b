"""Laws of the log file: whole lines from many processes, none lost when it is renewed, nothing but known fields."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nurseconv_dagster.settings import Settings
from nurseconv_dagster.telemetry.correlation import bound, choose_id, correlation_id, read_traceparent
from nurseconv_dagster.telemetry.fields import FIELDS
from nurseconv_dagster.telemetry.log_file import SharedFile
from nurseconv_dagster.telemetry.logs import OURS, log_file, start_logs, terminal

N_PROCESSES, N_LINES = 4, 400
WRITE = """
import logging, sys
from pathlib import Path
from nurseconv_dagster.telemetry.log_file import SharedFile
logger = logging.getLogger("many")
logger.propagate = False
logger.addHandler(SharedFile(Path(sys.argv[1]), max_bytes=int(sys.argv[3])))
for number in range(int(sys.argv[2])):
    logger.warning("%s %d %s", sys.argv[4], number, "x" * 100)
"""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Settings]:
    """A home whose log has been started; the loggers are as before afterwards."""
    settings = Settings(nurseconv_home=tmp_path, log_level="ERROR", _env_file=None)
    ours, level = logging.getLogger(OURS), logging.getLogger(OURS).level
    before = ours.handlers[:]
    start_logs(settings, "command")
    yield settings
    ours.handlers[:] = before
    ours.setLevel(level)


def written(settings: Settings) -> list[dict[str, object]]:
    return [json.loads(line) for line in log_file(settings).read_text().splitlines()]


def test_lines_of_many_processes_are_whole_and_none_is_lost_when_the_file_is_renewed(tmp_path: Path) -> None:
    size = N_PROCESSES * N_LINES * 115
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITE, tmp_path / "app.log", str(N_LINES), str(size // 4), f"w{i}"])
        for i in range(N_PROCESSES)
    ]
    assert [writer.wait(120) for writer in writers] == [0] * N_PROCESSES
    files = [file for file in tmp_path.iterdir() if file.suffix != ".lock"]
    assert len(files) > 2
    lines = [line for file in files for line in file.read_text().splitlines()]
    expected = {f"w{i} {number} {'x' * 100}" for i in range(N_PROCESSES) for number in range(N_LINES)}
    assert set(lines) == expected
    assert len(lines) == len(expected)


def test_a_line_has_its_sentence_the_bound_ids_and_known_fields_only(place: Settings) -> None:
    with bound(correlation_id="a" * 32, upload_id="u"):
        logging.getLogger(f"{OURS}.x").info(
            "it %s", "ended", extra={"seconds": 1.5, "words": "quokka", "unit": "quoll"}
        )
    [line] = written(place)
    assert line.pop("timestamp")
    assert line == {
        "event": "it ended", "level": "info", "logger": f"{OURS}.x", "seconds": 1.5, "correlation_id": "a" * 32,
        "upload_id": "u", "process": "command",
    }  # fmt: skip
    assert set(line) - {"event", "level", "logger"} <= FIELDS


def test_info_is_in_the_file_whatever_the_terminal_shows(place: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    logging.getLogger(OURS).info("quiet")
    logging.getLogger(OURS).debug("silent")
    logging.getLogger(OURS).error("loud", extra={"stage": "answers"})
    assert [line["event"] for line in written(place)] == ["quiet", "loud"]
    assert capsys.readouterr().err == "ERROR: loud [stage=answers]\n"


def test_the_terminal_speaks_json_where_it_is_asked_to(place: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    handler = terminal(place.model_copy(update={"log_format": "json"}), "api")
    handler.handle(logging.LogRecord("uvicorn.error", logging.ERROR, "x", 1, "over", None, None))
    assert json.loads(capsys.readouterr().err)["event"] == "over"


def test_an_error_is_told_by_its_type_and_not_by_its_words(place: Settings) -> None:
    try:
        int("quokka said this")
    except ValueError:
        logging.getLogger(OURS).exception("it failed")
    [line] = written(place)
    assert line["error_class"] == "ValueError"
    assert "quokka" not in json.dumps(line)


def test_other_packages_lines_stay_out_of_the_file(place: Settings) -> None:
    logging.getLogger("some_sdk").error("quokka")
    logging.getLogger(OURS).error("ours")
    assert [line["event"] for line in written(place)] == ["ours"]


def test_starting_again_changes_nothing(place: Settings) -> None:
    start_logs(place, "run")
    logging.getLogger(OURS).info("once")
    assert [(line["event"], line["process"]) for line in written(place)] == [("once", "command")]


def test_a_full_disk_is_told_once_and_stops_no_work(
    place: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: int, line: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    for _ in range(3):
        logging.getLogger(OURS).info("it goes on")
    monkeypatch.undo()
    assert capsys.readouterr().err.count("cannot be written (No space left on device)") == 1
    logging.getLogger(OURS).info("there is room again")
    assert [line["event"] for line in written(place)] == ["there is room again"]


def test_the_log_is_for_its_owner_alone(place: Settings) -> None:
    logging.getLogger(OURS).info("x")
    assert [path.stat().st_mode & 0o777 for path in (log_file(place).parent, log_file(place))] == [0o700, 0o600]


def test_ids_end_with_their_block_and_nothing_is_bound_outside() -> None:
    with bound(correlation_id="a" * 32):
        with bound(correlation_id="b" * 32, upload_id=None):
            assert correlation_id() == "b" * 32
        assert correlation_id() == "a" * 32
    assert correlation_id() == "-"


def test_a_requests_id_is_the_callers_own_or_that_of_its_trace_and_never_free_text() -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    assert read_traceparent(trace) == trace
    assert [read_traceparent(sent) for sent in ("", "quokka", trace.upper(), "00-" + "0" * 32 + trace[35:])] == [
        None
    ] * 4
    assert choose_id("c0ffee00-1111-4222-8333-444455556666", trace).startswith("c0ffee00")
    assert choose_id("Zebulonis", trace) == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert len(choose_id("Zebulonis", None)) == 36


def test_a_file_that_somebody_took_away_is_made_again(tmp_path: Path) -> None:
    handler = SharedFile(tmp_path / "logs" / "app.log")
    record = logging.LogRecord("x", logging.INFO, "x", 1, "line", None, None)
    handler.handle(record)
    handler.path.unlink()
    handler.handle(record)
    handler.close()
    assert handler.path.read_text() == "line\n"
