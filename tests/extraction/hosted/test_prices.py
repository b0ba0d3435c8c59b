"""Laws of prices: an estimate is never too low, nothing hosted is free, and a bad file is refused."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurseconv_dagster.errors import SettingsError
from nurseconv_dagster.extraction.hosted.calls import Usage
from nurseconv_dagster.extraction.hosted.prices import OWN_SERVER, choose_prices, load_prices

TODAY = date(2026, 11, 23)
PRICES = load_prices(None, TODAY)
LISTED = [(provider, model) for provider, models in PRICES.by_model.items() for model in models]

tokens = st.integers(0, 1_200_000)


@given(
    st.sampled_from([*LISTED, ("openai", "gpt-99"), ("gemini", "somebody")]), tokens, tokens, st.data(),
)  # fmt: skip
def test_a_call_within_its_estimate_never_costs_more_than_it(who, n_prompt, max_output, data):
    n_in = data.draw(st.integers(0, n_prompt))
    n_out = data.draw(st.integers(0, max_output))
    n_thinking = data.draw(st.integers(0, n_out))
    usage = Usage(n_in, n_out - n_thinking, data.draw(st.integers(0, n_in)), n_thinking)
    assert 0 <= PRICES.cost_usd(*who, usage) <= PRICES.estimate_usd(*who, n_prompt, max_output) + 1e-12


@given(st.sampled_from(LISTED), tokens, st.integers(1, 100_000))
def test_a_model_nobody_listed_costs_as_much_as_the_dearest_of_its_provider(who, n_prompt, max_output):
    unknown = PRICES.estimate_usd(who[0], "a-model-of-tomorrow", n_prompt, max_output)
    assert unknown >= PRICES.estimate_usd(*who, n_prompt, max_output) > 0


def test_thinking_is_billed_as_reply_and_the_cache_is_cheaper():
    plain = PRICES.cost_usd("openai", "gpt-5", Usage(1_000_000, 1_000_000))
    assert plain == pytest.approx(1.25 + 10.0)
    assert PRICES.cost_usd("openai", "gpt-5", Usage(1_000_000, 0, 0, 1_000_000)) == pytest.approx(plain)
    assert PRICES.cost_usd("openai", "gpt-5", Usage(1_000_000, 0, 1_000_000)) == pytest.approx(0.125)
    assert PRICES.cost_usd("openai", "gpt-5", Usage()) == 0


def test_a_prompt_over_the_line_is_billed_at_the_long_rates_all_of_it():
    assert PRICES.estimate_usd("gemini", "gemini-2.5-pro", 200_000, 0) == pytest.approx(0.25)
    assert PRICES.estimate_usd("gemini", "gemini-2.5-pro", 200_001, 0) == pytest.approx(0.5000025)
    assert PRICES.estimate_usd("gemini", "gemini-2.5-pro", 200_001, 1_000_000) == pytest.approx(15.5000025)


@pytest.mark.parametrize(
    ("provider", "snapshot", "model"),
    [
        ("openai", "gpt-5-2025-08-07", "gpt-5"),
        ("openai", "gpt-5-mini-2025-08-07", "gpt-5-mini"),
        ("openai", "gpt-4.1-latest", "gpt-4.1"),
        ("gemini", "models/gemini-2.5-flash", "gemini-2.5-flash"),
        ("gemini", "gemini-2.5-flash-001", "gemini-2.5-flash"),
        ("gemini", "gemini-2.5-flash-lite-preview-09-2025", "gemini-2.5-flash-lite"),
    ],
)
def test_a_snapshot_costs_what_its_model_costs(provider, snapshot, model):
    assert PRICES.find_price(provider, snapshot) == PRICES.by_model[provider][model]


@pytest.mark.parametrize("name", ["gpt-5-pro", "gpt-5-codex-2025-08-07", "gpt-5-2025-08-07-ft", "gpt-", ""])
def test_a_name_that_merely_begins_like_a_listed_one_is_unknown(name):
    assert PRICES.find_price("openai", name) == PRICES.find_price("openai", "a-model-of-tomorrow")


def test_a_price_holds_from_its_day_on():
    before, after = (load_prices(None, date(2026, month, 1)) for month in (11, 12))
    assert before.estimate_usd("gemini", "gemini-4-argon", 1_000_000, 0) == pytest.approx(2.0)
    assert after.estimate_usd("gemini", "gemini-4-argon", 1_000_000, 0) == pytest.approx(4.0)
    assert before.version == after.version


@pytest.mark.parametrize(
    "address", ["http://gpu.ward.example:8000/v1", "http://10.0.0.5/v1", "gpu:8000", "https://notopenai.com"]
)
def test_a_server_of_the_hospitals_own_has_no_price(address):
    prices = choose_prices(address, on=TODAY)
    assert prices is OWN_SERVER
    assert (prices.version, prices.estimate_usd("openai", "llama", 10**6, 10**6)) == (None, 0.0)
    assert prices.cost_usd("openai", "llama", Usage(10**6, 10**6)) == 0.0


@pytest.mark.parametrize("address", ["", "https://api.openai.com/v1", "https://ward.openai.azure.com/openai/v1"])
def test_an_address_that_sends_bills_is_no_own_server(address):
    assert choose_prices(address, on=TODAY).estimate_usd("openai", "gpt-5", 1000, 1000) > 0


def test_a_hospitals_own_file_takes_the_place_of_ours(tmp_path):
    file = tmp_path / "prices.yaml"
    file.write_text(
        "version: 2027-01-01\nlong_prompts: {in_times: 2, out_times: 1.5}\n"
        "models: {openai: {gpt-x: [{in: 7, out: 9}]}}\n"
    )
    prices = choose_prices("", file, on=TODAY)
    assert prices.version == "2027-01-01"
    assert prices.cost_usd("openai", "gpt-x", Usage(1_000_000, 0, 500_000)) == pytest.approx(7.0)
    with pytest.raises(SettingsError, match="no prices for provider gemini"):
        prices.estimate_usd("gemini", "gemini-2.5-pro", 1, 1)


GOOD = (
    "version: '1'\nlong_prompts: {in_times: 2, out_times: 1.5}\nmodels: {openai: {m: [{in: 2, cached: 1, out: 3}]}}\n"
)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("in: 2", "in: 0"), ("in: 2", "in: -2"), ("in: 2", "in: .nan"), ("in: 2", "in: .inf"), ("in: 2", "in: two"),
        ("in: 2", "in: true"), ("cached: 1", "cached: 5"), ("cached: 1", "cashed: 1"), ("out: 3", "from: 2026-01-01"),
        ("out: 3", "out: 3, from: soon"), ("out: 3", "out: 3, long_over: many"), ("in_times: 2", "in_times: 0.5"),
        ("version: '1'", "version: ''"), ("[{in: 2, cached: 1, out: 3}]", "[]"), ("models:", "modells:"), (GOOD, "["),
        (GOOD, "- 1"), (GOOD, ""),
    ],
)  # fmt: skip
def test_a_wrong_price_file_is_refused_at_once(tmp_path, right, wrong):
    file = tmp_path / "prices.yaml"
    file.write_text(GOOD)
    load_prices(file, TODAY)
    load_prices.cache_clear()
    file.write_text(GOOD.replace(right, wrong))
    with pytest.raises(SettingsError, match="cannot be used"):
        load_prices(file, TODAY)


def test_a_price_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SettingsError, match=r"away\.yaml cannot be used"):
        load_prices(tmp_path / "away.yaml", TODAY)
