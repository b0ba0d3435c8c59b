"""What 1, 10, 1,000 and 100,000 hours of audio a day need, worked out from measured costs.

    python benchmarks/scale_plan.py [--costs costs.json] [--hours 1 10 1000 100000] [--set upload_minutes=5 ...]

`Costs` are measured: the defaults are those of docs/operations/scale.md, `stage_costs.py --json` writes your own.
`Assumptions` are not: prices, habits, headroom. Put in yours with `--set`. `plan()` is arithmetic and nothing else.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

SECONDS_A_DAY = 86_400
DAYS_A_YEAR = 365
GB = 1e9


@dataclass(frozen=True)
class Costs:
    """Measured, for an hour of audio, an upload, or a build of the marts; `stage_costs.py` explains each."""

    decode_cpu_s_per_hour: float = 23.0
    speech_cpu_s_per_hour: float = 669.0
    answers_cpu_s_per_hour: float = 149.0
    scores_cpu_s_per_hour: float = 0.285
    house_cpu_s_per_upload: float = 0.294
    app_bytes_per_upload: float = 46_700.0
    dagster_bytes_per_upload: float = 96_700.0
    transcript_deflated_bytes_per_hour: float = 360_000.0
    vault_bytes_per_hour: float = 13_920_000.0
    llm_tokens_in_per_upload: float = 3_800.0
    llm_tokens_in_per_hour: float = 20_500.0
    n_questions: float = 12.0
    gemini_usd_per_million_in: float = 1.50
    gemini_usd_per_million_out: float = 9.00
    # Whisper on one H200, float16, beam 5, batch 16, 100 tokens a window: benchmarks/gpu_speech.py
    gpu_base_audio_s_per_s: float = 1544.0
    gpu_large_audio_s_per_s: float = 306.0


@dataclass(frozen=True)
class Assumptions:
    """Not measured. Prices in US dollars, on demand, of no particular cloud: put in those of your contract."""

    upload_minutes: float = 10.0
    busiest_hour: float = 3.0  # over the mean hour: wards record at shift changes
    headroom: float = 0.6  # the share of a processor or card that is planned to be in use in that hour
    # Encoder and decoder are what was timed; spectrogram, gate, word times and files take the card's time too.
    gpu_real_share: float = 0.5
    retention_years: float = 1.0
    replies_tokens_per_question: float = 60.0
    thinking_tokens_per_upload: float = 1_000.0
    uploads_per_run: float = 6.0  # BATCH_MAX_AUDIO_S holds an hour of audio
    connections_per_run: float = 4.0
    vcpu_usd_per_hour: float = 0.05
    gpu_usd_per_hour: float = 4.00
    database_usd_per_gb_month: float = 0.20
    object_usd_per_gb_month: float = 0.025


@dataclass(frozen=True)
class Plan:
    """What one volume needs."""

    hours_a_day: float
    uploads_a_day: float
    runs_a_day: float
    cores_without_speech: float
    cores_for_speech: float
    cards_base: float
    cards_large: float
    runs_at_once: float
    connections: float
    postgres_gb: float
    dagster_gb: float
    vault_tb: float
    partitions_a_year: float
    llm_usd_a_day: float
    compute_usd_a_day: float
    storage_usd_a_day: float


def plan(hours_a_day: float, costs: Costs, given: Assumptions) -> Plan:
    """The plan for so many hours of audio a day.

    Args:
        hours_a_day: of speech recorded, all wards together.
    """
    uploads = hours_a_day * 60 / given.upload_minutes
    busy = given.busiest_hour / given.headroom / SECONDS_A_DAY  # work of a day, in seconds, to processors that it needs
    per_hour = costs.decode_cpu_s_per_hour + costs.answers_cpu_s_per_hour + costs.scores_cpu_s_per_hour
    cores = (hours_a_day * per_hour + uploads * costs.house_cpu_s_per_upload) * busy
    speech = hours_a_day * costs.speech_cpu_s_per_hour * busy
    cards = [
        hours_a_day * 3600 / (rate * given.gpu_real_share) * busy
        for rate in (costs.gpu_base_audio_s_per_s, costs.gpu_large_audio_s_per_s)
    ]
    runs = uploads / given.uploads_per_run
    at_once = (cores + speech) / 2  # a run pod is given two processors
    kept_hours = hours_a_day * DAYS_A_YEAR * given.retention_years
    kept_uploads = uploads * DAYS_A_YEAR * given.retention_years
    postgres = kept_uploads * costs.app_bytes_per_upload + kept_hours * costs.transcript_deflated_bytes_per_hour
    dagster, vault = kept_uploads * costs.dagster_bytes_per_upload, kept_hours * costs.vault_bytes_per_hour
    tokens_in = uploads * costs.llm_tokens_in_per_upload + hours_a_day * costs.llm_tokens_in_per_hour
    tokens_out = uploads * (costs.n_questions * given.replies_tokens_per_question + given.thinking_tokens_per_upload)
    llm = (tokens_in * costs.gemini_usd_per_million_in + tokens_out * costs.gemini_usd_per_million_out) / 1e6
    gpu_is_cheaper = math.ceil(cards[0]) * given.gpu_usd_per_hour < speech * given.vcpu_usd_per_hour
    speech_usd = math.ceil(cards[0]) * given.gpu_usd_per_hour if gpu_is_cheaper else speech * given.vcpu_usd_per_hour
    return Plan(
        hours_a_day=hours_a_day, uploads_a_day=uploads, runs_a_day=runs, cores_without_speech=cores,
        cores_for_speech=speech, cards_base=cards[0], cards_large=cards[1], runs_at_once=at_once,
        connections=at_once * given.connections_per_run, postgres_gb=postgres / GB, dagster_gb=dagster / GB,
        vault_tb=vault / 1e12, partitions_a_year=uploads * DAYS_A_YEAR, llm_usd_a_day=llm,
        compute_usd_a_day=24 * (cores * given.vcpu_usd_per_hour + speech_usd),
        storage_usd_a_day=(
            (postgres + dagster) / GB * given.database_usd_per_gb_month + vault / GB * given.object_usd_per_gb_month
        ) * 12 / DAYS_A_YEAR,
    )  # fmt: skip


def render(plans: Sequence[Plan]) -> str:
    """The plans side by side, as a table in Markdown."""
    lines = ["| a day |" + "".join(f" {one.hours_a_day:,.0f} h |" for one in plans), "|---|" + "--:|" * len(plans)]
    for field in fields(Plan)[1:]:
        values = [float(getattr(one, field.name)) for one in plans]
        lines.append(f"| {field.name} |" + "".join(f" {_short(value)} |" for value in values))
    return "\n".join(lines)


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--costs", type=Path, help="what stage_costs.py --json wrote")
    parser.add_argument("--hours", nargs="+", type=float, default=[1, 10, 1_000, 100_000])
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="another assumption")
    wanted = parser.parse_args()
    known = {field.name for field in fields(Costs)}
    read = json.loads(wanted.costs.read_text()) if wanted.costs else {}
    costs = replace(Costs(), **{name: value for name, value in read.items() if name in known})
    given = replace(Assumptions(), **{name: float(value) for name, value in (pair.split("=") for pair in wanted.set)})
    print(render([plan(hours, costs, given) for hours in wanted.hours]))


if __name__ == "__main__":
    main()
