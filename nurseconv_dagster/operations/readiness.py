"""What every command needs first: the settings of a home that is ready to use.

What lives here: `ready()`.
When to add here: nothing; what makes a home ready is in `home`.
What to keep out: heavy imports (a command that only prints help must be quick).
"""

from __future__ import annotations

from nurseconv_dagster.settings import Settings, load_settings


def ready() -> Settings:
    """Settings of a home that is ready to use."""
    from nurseconv_dagster.operations.home import prepare_home
    from nurseconv_dagster.telemetry.logs import start_logs

    settings = load_settings()
    prepare_home(settings)
    start_logs(settings, "command")
    return settings
