"""Fluent Bit's configuration fits the log that there is; the program itself does not run here."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path

from nurseconv_dagster.settings import Settings
from nurseconv_dagster.telemetry.log_file import SharedFile
from nurseconv_dagster.telemetry.logs import OURS, log_file, start_logs
from tests.monitoring.conftest import ROOT

FOLDER = ROOT / "docker" / "fluent-bit"


def sections(name: str) -> list[tuple[str, dict[str, str]]]:
    """Each section's name and properties, in the classic form: a name in brackets, then indented pairs."""
    found: list[tuple[str, dict[str, str]]] = []
    for line in (FOLDER / name).read_text().splitlines():
        if head := re.fullmatch(r"\[([A-Z]+)\]", line):
            found.append((head[1], {}))
        elif line.strip() and not line.startswith("#"):
            pair = re.fullmatch(r" {4}(\w+) +(\S+)", line)
            assert pair, line
            found[-1][1][pair[1]] = pair[2]
    return found


def test_it_reads_the_home_of_the_containers_and_hands_every_line_on() -> None:
    of = dict(sections("fluent-bit.conf"))
    assert Path("/data/logs/app.log").match(of["INPUT"]["Path"])
    assert log_file(Settings(nurseconv_home="/data", _env_file=None)) == Path("/data/logs/app.log")
    assert of["OUTPUT"]["Match"] == of["INPUT"]["Tag"]
    assert Path(of["SERVICE"]["Parsers_File"]).name == "parsers.conf"


def test_its_parser_takes_the_time_of_a_line_that_we_write(tmp_path: Path) -> None:
    [(_, parser)] = sections("parsers.conf")
    assert parser["Name"] == dict(sections("fluent-bit.conf"))["INPUT"]["Parser"]
    settings, ours = Settings(nurseconv_home=tmp_path, _env_file=None), logging.getLogger(OURS)
    before = ours.handlers[:]
    start_logs(settings, "command")
    ours.info("a line")
    for handler in [one for one in ours.handlers if isinstance(one, SharedFile)]:
        handler.close()
    ours.handlers[:] = before
    [line] = log_file(settings).read_text().splitlines()
    form = re.escape(parser["Time_Format"]).replace(r"\.%L", r"\.\d{1,9}").replace("%Y", r"\d{4}")
    assert re.fullmatch(re.sub(r"%[mdHMS]", r"\\d\\d", form), json.loads(line)[parser["Time_Key"]])
