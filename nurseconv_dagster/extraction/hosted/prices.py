"""What calls of hosted models cost: a dated file of prices, and the arithmetic.

What lives here: `PriceList` with `estimate_usd()` and `cost_usd()`, `choose_prices()`, `load_prices()`.
When to add here: a way of billing that a provider has and this file does not know.
What to keep out: the prices themselves (`prices.yaml`), budgets (the desk).

An estimate is the most a call can cost: no token found in a cache, all of the reply used. A call whose tokens stay
within the estimate's never costs more than it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from nurseconv_dagster.errors import SettingsError
from nurseconv_dagster.extraction.hosted.calls import Usage

_MILLION = 1_000_000
_BILLED_HOSTS = ("openai.com", "azure.com", "googleapis.com")  # hosted all the same when an address is set
# what providers append to a model's name without changing its price: a date, a build number, an alias
_SNAPSHOT = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|\d{3}|latest|preview(?:-\d{2}-\d{2,4})?)")
_ROW_KEYS = frozenset({"from", "in", "cached", "out", "long_over"})


@dataclass(frozen=True, slots=True)
class Price:
    """USD per million tokens of one model.

    Args:
        in_usd: of the prompt.
        cached_usd: of the prompt's tokens that the provider found in its cache.
        out_usd: of reply and thinking.
        long_over: prompts with more tokens than this are billed at the long rates; null when there are none.
        long_in_times: factor on `in_usd` and `cached_usd` of a long prompt.
        long_out_times: factor on `out_usd` of a long prompt.
    """

    in_usd: float
    cached_usd: float
    out_usd: float
    long_over: int | None = None
    long_in_times: float = 1.0
    long_out_times: float = 1.0

    def cost_usd(self, n_in: int, n_cached: int, n_out: int) -> float:
        """The cost of one call, USD; `n_in` counts the cached tokens too."""
        is_long = self.long_over is not None and n_in > self.long_over
        in_times, out_times = (self.long_in_times, self.long_out_times) if is_long else (1.0, 1.0)
        n_cached = min(n_cached, n_in)
        prompt = ((n_in - n_cached) * self.in_usd + n_cached * self.cached_usd) * in_times
        return (prompt + n_out * self.out_usd * out_times) / _MILLION


@dataclass(frozen=True, slots=True)
class PriceList:
    """The prices of one day.

    Args:
        version: of the file, written on each call; null where nothing has a price.
        by_model: price by provider and model.
    """

    version: str | None
    by_model: Mapping[str, Mapping[str, Price]]

    def find_price(self, provider: str, model: str) -> Price | None:
        """The model's price, for an unknown model the dearest of its provider; null where nothing has a price.

        Raises:
            SettingsError: permanent; the file has no prices for this provider at all.
        """
        if self.version is None:
            return None
        prices = self.by_model.get(provider)
        if not prices:
            raise SettingsError(f"the price file (version {self.version}) has no prices for provider {provider}.")
        name = model.removeprefix("models/")
        return prices.get(name) or prices.get(_without_snapshot(name, prices)) or _dearest(prices)

    def estimate_usd(self, provider: str, model: str, n_prompt_tokens: int, max_output_tokens: int) -> float:
        """The most that a call can cost, USD; 0 where nothing has a price.

        Args:
            n_prompt_tokens: system, transcript and schema together, counted or guessed upwards.
            max_output_tokens: reply and thinking together.
        """
        price = self.find_price(provider, model)
        return 0.0 if price is None else price.cost_usd(n_prompt_tokens, 0, max_output_tokens)

    def cost_usd(self, provider: str, model: str, usage: Usage) -> float:
        """What a call with these tokens cost, USD; 0 where nothing has a price.

        Args:
            usage: as the provider counted; what it did not count is taken as none, so where it counted nothing at all
                the estimate is the safer figure.
        """
        price = self.find_price(provider, model)
        if price is None:
            return 0.0
        n_out = (usage.n_tokens_out or 0) + (usage.n_tokens_thinking or 0)
        return price.cost_usd(usage.n_tokens_in or 0, usage.n_tokens_cached or 0, n_out)


OWN_SERVER = PriceList(None, {})  # a server of the hospital's own sends no bill


def choose_prices(base_url: str, path: Path | None = None, *, on: date | None = None) -> PriceList:
    """No prices for a server of the hospital's own, else those of the file.

    Args:
        base_url: `OPENAI_BASE_URL`; empty is the provider's own address. An address of a provider that sends bills
            (OpenAI, Azure, Google) is no server of the hospital's own.
        path: a file in place of the product's own.
        on: the day whose prices hold; today in UTC when null.

    Raises:
        SettingsError: permanent; the file cannot be used.
    """
    host = urlsplit(base_url if "//" in base_url else f"//{base_url}").hostname or ""
    is_billed = not base_url or any(host == known or host.endswith(f".{known}") for known in _BILLED_HOSTS)
    return load_prices(path, on or datetime.now(UTC).date()) if is_billed else OWN_SERVER


@cache
def load_prices(path: Path | None, on: date) -> PriceList:
    """The prices of a file that hold on a day.

    Raises:
        SettingsError: permanent; it cannot be read, is not in the right form, or has a price that is no number above 0.
    """
    import yaml

    file = path or Path(__file__).parent / "prices.yaml"
    try:
        return _read_list(yaml.safe_load(file.read_text(encoding="utf-8")), on)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise SettingsError(
            f"the price file {file} cannot be used ({type(error).__name__}): it needs version, long_prompts, models; "
            "each model is a list of {in, out} with cached, from and long_over where they apply, all above 0."
        ) from None


def _read_list(content: dict[str, Any], on: date) -> PriceList:
    rates = content["long_prompts"]
    times = (_number(rates["in_times"]), _number(rates["out_times"]))
    by_model = {
        provider: {model: _read_price(rows, times, on) for model, rows in models.items()}
        for provider, models in content["models"].items()
    }
    if min(times) < 1 or not by_model or not content["version"]:
        raise ValueError
    return PriceList(str(content["version"]), by_model)


def _read_price(rows: list[dict[str, Any]], times: tuple[float, float], on: date) -> Price:
    """The last row that holds already; the first one when none does, so that a model is never without a price."""
    if any(set(row) - _ROW_KEYS for row in rows):
        raise KeyError
    row = [row for row in rows if row.get("from", date.min) <= on or row is rows[0]][-1]
    in_usd, out_usd = _number(row["in"]), _number(row["out"])
    cached_usd = _number(row.get("cached", in_usd))
    long_over = row.get("long_over")
    if cached_usd > in_usd or (long_over is not None and not isinstance(long_over, int)):
        raise ValueError
    return Price(in_usd, cached_usd, out_usd, long_over, *times)


def _number(value: object) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 < value < math.inf:
        raise ValueError
    return float(value)


def _without_snapshot(name: str, prices: Mapping[str, Price]) -> str:
    """The listed model whose dated or numbered form this is; the longest where several begin it."""
    bases = [base for base in prices if name.startswith(base) and _SNAPSHOT.fullmatch(name, len(base))]
    return max(bases, key=len, default="")


def _dearest(prices: Mapping[str, Price]) -> Price:
    """A price that no listed model of the provider exceeds, whatever the call."""
    every = prices.values()
    return Price(
        in_usd=max(price.in_usd for price in every),
        cached_usd=max(price.cached_usd for price in every),
        out_usd=max(price.out_usd for price in every),
        long_over=min((price.long_over for price in every if price.long_over is not None), default=None),
        long_in_times=max(price.long_in_times for price in every),
        long_out_times=max(price.long_out_times for price in every),
    )
