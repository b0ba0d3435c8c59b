"""What a container's program finds around it: the environment of the home, and every setting by name.

What lives here: the commands `nurseconv exec`, the image's entrypoint, and `nurseconv certificate`;
`container_environment()`.
When to add here: something that each program in a container needs before it starts.
What to keep out: which containers there are (docker-compose.yml, docker/kubernetes).
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Annotated

import typer

from nurseconv_dagster.errors import SettingsError
from nurseconv_dagster.operations.home import environment
from nurseconv_dagster.settings import SECRETS_DIR, Settings, load_settings

# Not ours, and handed on to run workers all the same.
HANDED_ON = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS")
commands = typer.Typer(rich_markup_mode=None)


@commands.command("exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def run_program(
    program: Annotated[list[str], typer.Argument(help="The program and its arguments, such as dagster-daemon run.")],
) -> None:
    """Replace this process by PROGRAM, with the environment that every process of this home needs.

    The entrypoint of the image. Settings that are files in /run/secrets become variables: a run worker is started with
    the variables of the daemon, and has no such files.
    """
    path = shutil.which(program[0])
    if path is None:
        raise SettingsError(f"no program named {program[0]} here; the image has nurseconv, dagster and celery.")
    os.environ.update(container_environment(load_settings()))
    os.execv(path, program)  # noqa: S606 - the program that the operator names


@commands.command()
def certificate(
    folder: Annotated[Path, typer.Argument(help="Where tls.crt and tls.key are, or are to be.")],
    name: Annotated[list[str], typer.Option(help="Host name or address; may be given again.")] = ["localhost"],  # noqa: B006
) -> None:
    """Make a self-signed certificate where there is none, so that a new installation has TLS from its first minute.

    Browsers warn of it. Put the hospital's own tls.crt and tls.key into FOLDER; they are never written over.
    """
    from nurseconv_dagster.operations.certificates import make_certificate

    made = make_certificate(folder, name)
    typer.echo("made a self-signed certificate; replace it by the hospital's" if made else "a certificate is there")


def container_environment(settings: Settings) -> dict[str, str]:
    """The home's environment, and each setting by its name, empty where nothing is said.

    Dagster's run launchers hand variables on by name and fail for one that does not exist.
    """
    said = {name.upper(): _said(name) for name in Settings.model_fields}
    handed_on = {name: os.environ.get(name, "") for name in HANDED_ON}
    return {**said, **handed_on, **environment(settings)}


def _said(name: str) -> str:
    file = SECRETS_DIR / name
    if os.environ.get(name.upper()) or not file.is_file():
        return os.environ.get(name.upper(), "")
    return file.read_text(encoding="utf-8").strip()
