"""Where log lines go and how they are written: JSON in the home's `logs/app.log`, text or JSON on the terminal.

What lives here: `start_logs()`, which every process calls once it has its settings, and `terminal()` for servers that
set up their own loggers.
When to add here: something that holds for every line.
What to keep out: the lines themselves. Modules log with the standard library (`extra=` names fields of `fields`).

structlog is imported when logging starts and not with the package: it costs half a second of processor time, and the
definitions are imported by processes that never log.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, Literal, TextIO

from nurseconv_dagster.settings import Settings, load_settings
from nurseconv_dagster.telemetry.correlation import bound_ids
from nurseconv_dagster.telemetry.fields import FIELDS
from nurseconv_dagster.telemetry.log_file import SharedFile

OURS = "nurseconv_dagster"
_SERVER = "uvicorn"
_Event = MutableMapping[str, Any]
Process = Literal["api", "code-server", "run", "command"]


def log_file(settings: Settings) -> Path:
    """The file of this home."""
    return settings.home / "logs" / "app.log"


def start_logs(settings: Settings, process: Process) -> None:
    """From here on this process's lines are written; done again, it changes nothing.

    Only our own loggers and the web server's reach the file: other packages' lines may hold words.

    Args:
        process: stands on each line.
    """
    ours = logging.getLogger(OURS)
    path = log_file(settings)
    if any(isinstance(handler, SharedFile) and handler.path == path for handler in ours.handlers):
        return
    level = logging.getLevelName(settings.log_level)
    ours.setLevel(min(logging.INFO, level))
    file = SharedFile(path, level=min(logging.INFO, level))
    file.setFormatter(_formatter("json", process))
    _replace(ours, file, terminal(settings, process))
    if process == "api":
        _replace(logging.getLogger(_SERVER), file, terminal(settings, process))
        others = terminal(settings, process)
        others.setLevel(max(logging.WARNING, level))
        others.addFilter(lambda record: record.name.partition(".")[0] not in (OURS, _SERVER))
        _replace(logging.getLogger(), others)


def terminal(settings: Settings | None = None, process: Process = "api") -> logging.Handler:
    """A handler for standard error in `LOG_FORMAT` and from `LOG_LEVEL` on."""
    settings = settings or load_settings()
    handler = _Terminal(logging.getLevelName(settings.log_level))
    handler.setFormatter(_formatter(settings.log_format, process))
    return handler


class _Terminal(logging.StreamHandler[TextIO]):
    """Standard error as it is at each line: programs and tests put something else there."""

    def __init__(self, level: int) -> None:
        super().__init__()
        self.setLevel(level)

    def emit(self, record: logging.LogRecord) -> None:
        """Writes one line."""
        self.stream = sys.stderr
        super().emit(record)


def _replace(logger: logging.Logger, *handlers: logging.Handler) -> None:
    """The logger has these handlers in place of those that an earlier start gave it."""
    for old in logger.handlers[:]:
        if isinstance(old, _Terminal | SharedFile):
            logger.removeHandler(old)
            old.close()
    for handler in handlers:
        logger.addHandler(handler)


def _formatter(log_format: Literal["text", "json"], process: Process) -> logging.Formatter:
    import structlog

    stdlib, processors = structlog.stdlib, structlog.processors

    def add_ids(logger: Any, method: str, event: _Event) -> _Event:
        return {**event, **bound_ids(), **{name: event[name] for name in FIELDS & event.keys()}, "process": process}

    render = processors.JSONRenderer(default=str) if log_format == "json" else _as_text
    return stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            processors.TimeStamper(fmt="iso", utc=True),
            stdlib.add_log_level,
            stdlib.add_logger_name,
            stdlib.ExtraAdder(allow=FIELDS),
            _name_error,
            add_ids,
        ],
        processors=[stdlib.ProcessorFormatter.remove_processors_meta, render],
    )


def _name_error(logger: Any, method: str, event: _Event) -> _Event:
    """An error that was logged with its traceback is told by its type alone: its text may hold words."""
    found = event.pop("exc_info", None) or getattr(event.get("_record"), "exc_info", None)
    if isinstance(found, tuple) and found[0] is not None:
        event["error_class"] = found[0].__name__
    return event


def _as_text(logger: Any, method: str, event: _Event) -> str:
    """For people: the severity, the sentence, the fields."""
    fields = " ".join(f"{name}={event[name]}" for name in sorted(FIELDS & event.keys() - {"process"}))
    return f"{event['level'].upper()}: {event['event']}" + (f" [{fields}]" if fields else "")
