"""What happens to a hospital's documents when the models elsewhere fail, in every way that we know.

    python benchmarks/faults.py [--processes 8] [--documents 200]

Real clients of both models against servers on the loopback, which fail as told: only the first model's or both, for
ever or in one call. Each combination is tried with production's deadlines and nobody sleeping (so that every call that
may be made is made), and with 3 s for a document and 1.5 s for a provider. Then, on a Postgres of its own in a
temporary folder: many processes and a dead provider, and many processes that race for the last money of the day.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from nurseconv_dagster.extraction.hosted.prices import load_prices
from nurseconv_dagster.store.breaker_rules import BreakerRules
from nurseconv_dagster.store.budgets import Limits
from tests.fakes.desk import MemoryDesk
from tests.fakes.model_server import FAULTS, ModelServer, always
from tests.fakes.wall import (
    ENDLESS,
    LONG,
    MODEL,
    SCENARIOS,
    SHORT,
    Patience,
    Wall,
    broken_laws,
    expected_hops,
    name_of,
)  # fmt: skip

PRICES = load_prices(None, date(2026, 1, 1))


@dataclass
class Row:
    """What one fault did, over all of its documents."""

    n_documents: int = 0
    answered_by: Counter[str] = field(default_factory=Counter)
    most_calls: int = 0
    most_calls_second: int = 0
    longest_s: float = 0.0
    unhandled: int = 0
    broken: Counter[str] = field(default_factory=Counter)

    def add(self, other: Row) -> None:
        self.n_documents += other.n_documents
        self.answered_by += other.answered_by
        self.most_calls = max(self.most_calls, other.most_calls)
        self.most_calls_second = max(self.most_calls_second, other.most_calls_second)
        self.longest_s = max(self.longest_s, other.longest_s)
        self.unhandled += other.unhandled
        self.broken += other.broken


def measure(fault: str) -> Row:
    """All combinations of one fault. A server that never ends is met with the short deadlines only."""
    row = Row()
    with Wall(PRICES) as wall:
        for patience in (SHORT,) if fault in ENDLESS else (LONG, SHORT):
            for who, how in SCENARIOS:
                wall.break_with(fault, who, how)
                _visit(wall, patience, row, expected_hops(fault, who, how) if patience is LONG else None)
    return row


def _visit(wall: Wall, patience: Patience, row: Row, hops: tuple[str, ...] | None) -> None:
    row.n_documents += 1
    desk = MemoryDesk()
    try:
        visit = wall.visit(desk, patience)
    except Exception as error:  # noqa: BLE001 - counting them is the point
        row.unhandled += 1
        row.broken[type(error).__name__] += 1
        return
    row.answered_by[visit.answered_by] += 1
    row.most_calls = max(row.most_calls, visit.n_calls["main"].total())
    row.most_calls_second = max(row.most_calls_second, visit.n_calls["second"].total())
    row.longest_s = max(row.longest_s, visit.seconds)
    row.broken.update(broken_laws(visit))
    row.broken["other hops than foreseen"] += hops is not None and visit.hops != hops
    row.broken["a call left open"] += len(desk.still_open)


def print_matrix() -> None:
    total, started = Row(), time.perf_counter()
    print(f"{'fault':25}{'documents':>10}{'gemini':>8}{'openai':>8}{'rules':>7}{'calls':>7}{'2nd':>5}{'s max':>7}  bad")
    for fault in FAULTS:
        row = measure(fault)
        total.add(row)
        _print_row(fault, row)
    _print_row("all", total)
    broken = +total.broken
    print(
        f"{len(FAULTS)} faults x {', '.join(name_of(each) for each in SCENARIOS)}: {total.n_documents} documents, "
        f"{total.unhandled} unhandled, {broken.total()} laws broken {dict(broken) or ''} "
        f"in {time.perf_counter() - started:.0f} s"
    )


def _print_row(name: str, row: Row) -> None:
    by = row.answered_by
    print(
        f"{name:25}{row.n_documents:10}{by['gemini']:8}{by['openai']:8}{by['rules']:7}{row.most_calls:7}"
        f"{row.most_calls_second:5}{row.longest_s:7.2f}  {row.unhandled + row.broken.total()}",
        flush=True,
    )


def read_documents(address: Any, gemini_url: str, upload_ids: list[UUID], rules: BreakerRules) -> Counter[str]:
    """One process answers its documents: Gemini, which is dead, then rules; how each was answered."""
    from sqlalchemy import create_engine

    from nurseconv_dagster.extraction.chain import extract
    from nurseconv_dagster.extraction.hosted.deadline import Deadline
    from nurseconv_dagster.extraction.hosted.gemini import GeminiClient
    from nurseconv_dagster.extraction.hosted.reader import HostedReader
    from nurseconv_dagster.extraction.providers.rules.reader import RulesReader
    from nurseconv_dagster.store.call_desk import PostgresCallDesk
    from tests.fakes.wall import CATALOGUE, TALK

    engine, ends = create_engine(address), Counter[str]()
    client = GeminiClient("key", "gemini-2.5-flash", base_url=gemini_url)
    for upload_id in upload_ids:
        desk = PostgresCallDesk(engine, upload_id, 1, None, Limits(), privacy="cleared", rules=rules)
        reader = HostedReader(client, desk, prices=PRICES, deadline=Deadline.after(180), privacy="cleared")
        result = extract(TALK, "general", CATALOGUE, [reader, RulesReader()])
        ends["complete"] += len(result.answers) == len(CATALOGUE.profiles["general"].questions)
        ends[result.answers[0].hops[0].partition(":")[2]] += 1
    engine.dispose()
    return ends


def measure_dead_provider(engine: Any, n_processes: int, n_documents: int, cool_down_s: float) -> None:
    """Prints how often a provider that is down was called while all documents were answered."""
    from sqlalchemy import delete, select

    from nurseconv_dagster.store.arrivals import ArrivalLedger
    from nurseconv_dagster.store.provider_tables import extraction_attempts, provider_breakers
    from tests.fakes.uploads import accept_many

    upload_ids = accept_many(ArrivalLedger(engine), n_documents)
    with engine.begin() as connection:
        connection.execute(delete(provider_breakers))
        connection.execute(delete(extraction_attempts))
    started = time.perf_counter()
    rules = BreakerRules(cool_down_s=cool_down_s, max_cool_down_s=max(cool_down_s, 900.0) if cool_down_s >= 60 else 1.0)
    with ModelServer(MODEL.answer, always("overloaded")) as server, _processes(n_processes) as pool:
        shares = [
            pool.submit(read_documents, engine.url, server.gemini_url, upload_ids[i::n_processes], rules)
            for i in range(n_processes)
        ]
        ends: Counter[str] = sum((share.result() for share in shares), Counter())
        n_calls = server.n_calls
    with engine.connect() as connection:
        breaker = connection.execute(select(provider_breakers)).one()
        n_rows = len(connection.execute(select(extraction_attempts.c.id)).all())
    print(
        f"dead provider, {n_processes} processes, {n_documents} documents, first pause {cool_down_s:g} s: "
        f"{n_calls} calls ({n_rows} rows), {breaker.n_openings} pauses, {ends['complete']} documents answered whole, "
        f"{ends['BreakerOpenError']} sent on by the breaker, {time.perf_counter() - started:.1f} s"
    )


def measure_race(engine: Any, n_processes: int, cap_usd: float, usd: float) -> None:
    """Prints how much of the day's money processes got that all asked for the last of it at once."""
    from sqlalchemy import delete

    from nurseconv_dagster.store.arrivals import ArrivalLedger
    from nurseconv_dagster.store.budgets import spent_today
    from nurseconv_dagster.store.provider_tables import extraction_attempts
    from tests.fakes.uploads import accept_many
    from tests.store.callers import spend

    upload_ids = accept_many(ArrivalLedger(engine), n_processes)
    with engine.begin() as connection:
        connection.execute(delete(extraction_attempts))
    started = time.perf_counter()
    with _processes(n_processes) as pool:
        shares = [pool.submit(spend, engine.url, each, Limits(daily_usd=cap_usd), 20, usd) for each in upload_ids]
        n_opened = sum(share.result() for share in shares)
    print(
        f"the day's cap of {cap_usd:.2f} USD, {n_processes} processes, 20 calls each of {usd:.2f} USD: "
        f"{n_opened} went, {spent_today(engine).total_usd:.4f} USD reserved, {time.perf_counter() - started:.1f} s"
    )


def _processes(n_processes: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(n_processes, mp_context=multiprocessing.get_context("spawn"))


def print_desk(n_processes: int, n_documents: int) -> None:
    from nurseconv_dagster.operations.embedded_postgres import stop_server
    from nurseconv_dagster.operations.home import prepare_home
    from nurseconv_dagster.settings import load_settings
    from nurseconv_dagster.store.engine import app_url, open_engine

    settings = load_settings()
    prepare_home(settings)
    engine = open_engine(app_url(settings))
    try:
        measure_dead_provider(engine, n_processes, n_documents, 60.0)
        measure_dead_provider(engine, n_processes, n_documents, 0.5)
        measure_race(engine, n_processes, 1.0, 0.03)
    finally:
        engine.dispose()
        stop_server(settings.home)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--documents", type=int, default=200)
    parser.add_argument("--only-desk", action="store_true", help="leave the faults out")
    arguments = parser.parse_args()
    if not arguments.only_desk:
        print_matrix()
    with tempfile.TemporaryDirectory(prefix="nurseconv-bench-") as folder:
        for name in ("DATABASE_URL", "DAGSTER_DATABASE_URL", "UPLOAD_DIR"):
            os.environ.pop(name, None)
        os.environ["NURSECONV_HOME"] = f"{folder}/home"
        print_desk(arguments.processes, arguments.documents)


if __name__ == "__main__":
    main()
