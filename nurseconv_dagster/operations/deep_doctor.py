"""`nurseconv doctor --deep`: everything read, and held against what it must be.

What lives here: `examine_deep()` and its parts.
When to add here: a law about data at rest that only reading all of it can test.
What to keep out: whether parts answer (doctor); mending.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from sqlalchemy import Engine

from nurseconv_dagster.errors import NurseconvError, SealedError, VaultUnavailableError
from nurseconv_dagster.intake.vault import FileVault, vault_of
from nurseconv_dagster.operations.doctor import tell_each
from nurseconv_dagster.operations.home import prepare_home
from nurseconv_dagster.operations.partitions import count_unknown
from nurseconv_dagster.operations.progress import counted
from nurseconv_dagster.settings import Settings
from nurseconv_dagster.store import audit, survey
from nurseconv_dagster.store.engine import app_url, open_engine

Part = Callable[[Engine, FileVault], str]


def examine_deep(settings: Settings) -> int:
    """The exit code: 0 when all that is kept is right, 1 when something is not. Prints a line for each law."""
    prepare_home(settings)
    engine, vault = open_engine(app_url(settings)), vault_of(settings)
    parts: dict[str, Part] = {
        "objects": _objects, "rows": _rows, "quotes": _quotes, "audit": _audit, "partitions": _partitions,
        "encryption": _encryption,
    }  # fmt: skip
    code = tell_each({name: partial(part, engine, vault) for name, part in parts.items()})
    engine.dispose()
    return code


def _objects(engine: Engine, vault: FileVault) -> str:
    needed = set(survey.objects_needed(engine))
    keys = list(vault.object_keys())
    bad = [key for key in counted(keys, "objects hashed") if not _is_right(vault, key)]
    if bad:
        raise NurseconvError(
            f"{len(bad)} of {len(keys)} objects are not what their name says, the first is {bad[0]}; restore a backup."
        )
    n_orphans = sum(key not in needed for key in keys)
    return f"{len(keys)} objects, every hash is right; {n_orphans} that no upload names"


def _rows(engine: Engine, vault: FileVault) -> str:
    needed = survey.objects_needed(engine)
    missing = [key for key in needed if not vault.holds(key)]
    if missing:
        raise NurseconvError(f"{len(missing)} uploads' objects are not in the vault, the first is {missing[0]}.")
    return f"{len(needed)} objects are needed, all are there"


def _quotes(engine: Engine, vault: FileVault) -> str:
    found = list(counted(survey.quotes_in_place(engine), "answers compared"))
    if not all(found):
        raise NurseconvError(f"{found.count(False)} of {len(found)} answers quote what is not in their transcript.")
    return f"{len(found)} answers with evidence, every quote stands where it says"


def _audit(engine: Engine, vault: FileVault) -> str:
    n_right, first_wrong = audit.verify(engine)
    if first_wrong is not None:
        raise NurseconvError(f"the audit log was changed: row {first_wrong} does not fit the chain.")
    return f"{n_right} rows, the chain holds"


def _partitions(engine: Engine, vault: FileVault) -> str:
    keys = survey.partition_keys(engine)
    if n_unknown := count_unknown(keys):
        raise NurseconvError(f"Dagster does not know {n_unknown} of {len(keys)} partitions, or not in their order.")
    return f"Dagster knows all {len(keys)}, in their order"


def _encryption(engine: Engine, vault: FileVault) -> str:
    keys = list(vault.object_keys())
    n_objects = sum(vault.sealed_with(key) is not None for key in counted(keys, "objects looked at"))
    n_texts, n_sealed = survey.count_transcripts(engine)
    return f"{n_objects} of {len(keys)} objects and {n_sealed} of {n_texts} transcripts are encrypted"


def _is_right(vault: FileVault, key: str) -> bool:
    try:
        return vault.verify(key)
    except VaultUnavailableError:
        return False
    except SealedError as error:
        if error.code != SealedError.code:
            raise
        return False
