"""The README's commands do what it says, on the samples, in the order a new user types them."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nurseconv_dagster.api.app import create_app
from nurseconv_dagster.operations.home import PROJECT
from tests.api.serving import serve

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("samples"), pytest.mark.timeout(900)]

README = (PROJECT / "README.md").read_text()
COMMANDS = [
    line.partition("#")[0].strip()
    for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
    if line.strip()
]


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    words = shlex.split(command.replace(".venv/bin/nurseconv", f"{sys.executable} -m {CLI}"))
    return subprocess.run(words, cwd=folder, env=dict(os.environ), capture_output=True, text=True, check=False)


CLI = "nurseconv_dagster.operations.cli"


def test_every_make_target_of_the_readme_exists_and_ci_runs_the_two_commands():
    targets = set(re.findall(r"(?:`|^)make ([a-z-]+)", README, re.MULTILINE))
    makefile = (PROJECT / "Makefile").read_text()
    assert {"demo", "test", "up", "down"} <= targets
    assert [target for target in targets if not re.search(rf"^{target}:", makefile, re.MULTILINE)] == []
    ci = (PROJECT / ".ci" / "run").read_text()
    assert "make test" in ci
    assert "make demo" in ci


@pytest.fixture(autouse=True)
def as_shipped(home, monkeypatch):
    """The home with the settings of a new user."""
    monkeypatch.delenv("PROVIDER_ORDER")


def test_the_commands_of_the_readme_work_in_their_order_on_the_samples(home, store_engine, tmp_path):
    """The samples end as their references say, with subtitles and tables to show for it."""
    commands = [command for command in COMMANDS if "nurseconv" in command]
    assert [command.split()[1] for command in commands] == [
        "ingest", "status", "export", "url", "evaluate", "keys", "doctor",
    ]  # fmt: skip
    (tmp_path / "samples").symlink_to(PROJECT / "samples")
    printed = {}
    for command in commands:
        done = run(command, tmp_path)
        assert done.returncode == 0, f"{command}: {done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        printed[command.split()[1]] = done.stdout
    words = [line.split() for line in printed["ingest"].splitlines() if line[0] != " "]
    ends = {word[2].rsplit("/", 1)[-1]: word[0] for word in words}
    references = {path.stem: json.loads(path.read_text()) for path in (PROJECT / "samples/reference").glob("*.json")}
    assert {Path(name).stem for name in ends} == set(references)
    allowed = {"damaged": {"rejected", "completed"}}
    assert {name: end for name, end in ends.items() if end not in allowed.get(Path(name).stem, {"completed"})} == {}
    assert (tmp_path / "out" / "answers.csv").stat().st_size > 1000
    assert printed["url"].startswith("postgresql://nurseconv_bi:")
    assert "calibration" in printed["evaluate"]
    assert re.search(r"\bnc_\w+", printed["keys"])
    assert "WRONG" not in printed["doctor"]
    assert run(".venv/bin/nurseconv export subtitles --format srt", tmp_path).returncode == 0
    subtitles = list((tmp_path / "subtitles").glob("*.srt"))
    assert len(subtitles) >= 5
    assert all("-->" in file.read_text() for file in subtitles)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_curl_line_of_the_readme_sends_a_recording(home, tmp_path):
    [line] = [command for command in COMMANDS if command.startswith("curl")]
    key = run(".venv/bin/nurseconv keys make ward --scope upload --unit 4-west", tmp_path).stdout.split()[0]
    shutil.copy(PROJECT / "samples/bucket/5-east/silence.ogg", tmp_path / "visit.wav")
    with serve(create_app(home)) as address:
        sent = subprocess.run(
            line.replace("http://127.0.0.1:8000", address), shell=True, cwd=tmp_path, env={**os.environ, "KEY": key},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    taken = json.loads(sent.stdout)
    assert (taken["filename"], taken["status"]) == ("visit.wav", "pending")
    assert taken["task_id"]


def test_a_sample_never_ends_with_words_where_nobody_spoke(home, tmp_path):
    (tmp_path / "samples").symlink_to(PROJECT / "samples")
    done = run(".venv/bin/nurseconv ingest samples/bucket/5-east/silence.ogg", tmp_path)
    assert done.returncode == 0, done.stderr
    assert run(".venv/bin/nurseconv export out --format jsonl", tmp_path).returncode == 0
    transcript = json.loads((tmp_path / "out" / "transcripts.jsonl").read_text())
    assert (transcript["outcome"], transcript["full_text"], transcript["segments"]) == ("no_speech", "", [])
    scores = json.loads((tmp_path / "out" / "scores.jsonl").read_text())
    assert scores["overall_score"] is None
    assert scores["completeness_score"] is None
