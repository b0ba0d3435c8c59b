"""Laws of the plan's arithmetic in benchmarks/scale_plan.py.

What lives here: what must hold whatever was measured.
When to add here: another line of the plan.
What to keep out: the figures themselves.
"""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import fields, replace
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def scale_plan() -> ModuleType:
    path = Path(__file__).parents[1] / "benchmarks" / "scale_plan.py"
    spec = importlib.util.spec_from_file_location("scale_plan", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_ten_times_the_audio_needs_ten_times_of_everything_that_is_counted(scale_plan: ModuleType) -> None:
    one, ten = (scale_plan.plan(hours, scale_plan.Costs(), scale_plan.Assumptions()) for hours in (100.0, 1000.0))
    for field in fields(scale_plan.Plan):
        if field.name != "compute_usd_a_day":  # cards come whole
            assert getattr(ten, field.name) == pytest.approx(10 * getattr(one, field.name)), field.name


def test_the_plan_is_the_sum_that_a_hand_makes(scale_plan: ModuleType) -> None:
    costs = scale_plan.Costs(
        **{field.name: 0.0 for field in fields(scale_plan.Costs) if not field.name.startswith("gpu")}
    )
    costs = replace(costs, speech_cpu_s_per_hour=3600.0, vault_bytes_per_hour=1e9, gpu_base_audio_s_per_s=1000.0)
    given = replace(scale_plan.Assumptions(), busiest_hour=1.0, headroom=1.0, gpu_real_share=1.0)
    made = scale_plan.plan(24.0, costs, given)
    assert made.cores_for_speech == pytest.approx(1.0)  # a day of audio at real time keeps one processor busy all day
    assert made.cards_base == pytest.approx(0.001)
    assert made.vault_tb == pytest.approx(24 * 365 / 1000)
    assert made.uploads_a_day == pytest.approx(144.0)
    assert made.llm_usd_a_day == 0.0


def test_a_table_has_a_line_for_each_figure(scale_plan: ModuleType) -> None:
    table = scale_plan.render([scale_plan.plan(1.0, scale_plan.Costs(), scale_plan.Assumptions())])
    assert len(table.splitlines()) == len(fields(scale_plan.Plan)) + 1
