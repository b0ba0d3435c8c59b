"""Hosted models as an operator sees them: what happens to words on their way out, what was spent, who is left alone.

What lives here: `describe_privacy()`, which every start-up line shows, and `show_providers()`.
When to add here: something an operator asks about providers.
What to keep out: calling them (extraction), changing their settings.
"""

from __future__ import annotations

import typer
from sqlalchemy import Engine

from nurseconv_dagster.extraction.privacy.modes import SENTENCES
from nurseconv_dagster.settings import HOSTED, Settings
from nurseconv_dagster.store.breakers import Breaker, list_breakers, reset_breaker
from nurseconv_dagster.store.budgets import spent_today

_SOFT = 0.8  # share of a daily budget from which it is worth a line


def describe_privacy(settings: Settings) -> str:
    """One sentence on the mode in force."""
    if settings.provider_privacy != "refuse" and not settings.hosted_providers:
        return "No hosted model is configured: no word of a conversation leaves this machine for one."
    return f"PROVIDER_PRIVACY={settings.provider_privacy}. {SENTENCES[settings.provider_privacy]}"


def describe_spending(settings: Settings, engine: Engine) -> str:
    """Today's money, and how much of the daily budget it is."""
    spent = spent_today(engine, settings.zone)
    text = f"{spent.total_usd:.2f} USD today in {spent.n_calls} calls"
    if (budget := settings.llm_daily_budget_usd) is None:
        return f"{text}, no daily budget"
    warning = ""
    if spent.total_usd >= _SOFT * budget:
        warning = "; near it: from there on this machine's own readers answer, and every answer says so"
    return f"{text} of {budget:.2f}{warning}"


def show_providers(settings: Settings, engine: Engine, reset: str | None) -> None:
    """Prints the mode, the money and every provider; first closes the breaker of the one named."""
    if reset is not None:
        n_closed = reset_breaker(engine, reset)
        typer.echo(f"{reset}: {n_closed} breakers closed, the next upload asks it again")
    typer.echo(f"privacy   {describe_privacy(settings)}")
    typer.echo(f"spending  {describe_spending(settings, engine)}")
    breakers = list_breakers(engine)
    for name in settings.provider_order:
        typer.echo(f"{name:<9} {_describe(name, settings, breakers)}")


def _describe(name: str, settings: Settings, breakers: list[Breaker]) -> str:
    if name not in HOSTED:
        return "on this machine"
    if name not in settings.hosted_providers:
        return "not asked: no key or address, or PROVIDER_PRIVACY=refuse"
    mine = [breaker for breaker in breakers if breaker.provider == name and breaker.position != "closed"]
    model = settings.gemini_model if name == "gemini" else settings.openai_model
    if not mine:
        return f"{model}, asked"
    latest = max(mine, key=lambda breaker: breaker.updated_at)
    until = f"{latest.opened_until:%Y-%m-%d %H:%M} UTC" if latest.opened_until else "its probe ends"
    if latest.opened_until is not None and latest.opened_until.year == 9999:
        until = f"its key changes, or `nurseconv providers --reset {name}`"
    return f"{model}, left alone until {until} ({latest.reason})"
