"""Challenges: cohorts that stay as they were chosen, and what a challenger made of them.

What lives here: `freeze_cohort()`, `load_cohort()`, `start_challenge()`, `save_contest()`, `complete_challenge()`,
`load_challenge()`.
When to add here: another way to choose a cohort; another thing that is kept of a challenge.
What to keep out: asking a challenger (resources), comparing (evaluation). Nothing here writes an answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Engine, Row, String, cast, func, insert, select, update
from sqlalchemy.dialects.postgresql import aggregate_order_by

from nurseconv_dagster.errors import UnknownUploadError
from nurseconv_dagster.evaluation.flips import Contest
from nurseconv_dagster.extraction.answers import ProviderCall
from nurseconv_dagster.store import audit
from nurseconv_dagster.store.engine import transaction
from nurseconv_dagster.store.quality_tables import (
    challenge_comparisons,
    challenge_replicates,
    challenges,
    cohort_uploads,
    cohorts,
)
from nurseconv_dagster.store.results import save_call
from nurseconv_dagster.store.tables import conversation_transcriptions as transcriptions
from nurseconv_dagster.store.tables import conversation_uploads as uploads
from nurseconv_dagster.store.tables import question_answers as answers


@dataclass(frozen=True, slots=True)
class Choice:
    """Which completed uploads with speech are put into a cohort.

    Args:
        newest: at most so many, newest first.
        unit: only of this one; null for all.
        profile: only of this one; null for all.
        upload_ids: these, and no others; empty to choose by the rest.
    """

    newest: int
    unit: str | None = None
    profile: str | None = None
    upload_ids: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class Member:
    """One upload of a cohort, as it was when the cohort was frozen.

    Args:
        transcription_id: the transcript that is read, current or not.
        answer_ids: the answers that were in force.
        profile: what the sidecar named; null for the default one.
    """

    upload_id: UUID
    transcription_id: UUID
    answer_ids: tuple[str, ...]
    unit: str | None
    nurse_id: str | None
    encounter_id: str | None
    profile: str | None


def freeze_cohort(engine: Engine, choice: Choice, default_profile: str) -> UUID:
    """The id of a new cohort: the uploads as they are now, whatever becomes of them later.

    Raises:
        UnknownUploadError: permanent; nothing fits, or a listed upload has no answers.
    """
    condition: list[ColumnElement[bool]] = [uploads.c.status == "completed", transcriptions.c.outcome == "speech"]
    if choice.upload_ids:
        condition.append(uploads.c.id.in_(choice.upload_ids))
    if choice.unit is not None:
        condition.append(uploads.c.unit == choice.unit)
    if choice.profile is not None:
        condition.append(func.coalesce(uploads.c.profile, default_profile) == choice.profile)
    own = (answers.c.upload_id == uploads.c.id, answers.c.is_current, answers.c.transcription_id == transcriptions.c.id)
    answer_id = cast(answers.c.id, String)
    query = (
        select(uploads.c.id, transcriptions.c.id.label("transcription_id"),
               func.array_agg(aggregate_order_by(answer_id, answer_id)).label("answer_ids"))
        .join(transcriptions, (transcriptions.c.upload_id == uploads.c.id) & transcriptions.c.is_current)
        .join(answers, own[0] & own[1] & own[2])
        .where(*condition)
        .group_by(uploads.c.id, transcriptions.c.id)
        .order_by(uploads.c.created_at.desc(), uploads.c.id)
        .limit(None if choice.upload_ids else choice.newest)
    )  # fmt: skip
    chosen_by = {**asdict(choice), "upload_ids": [str(id_) for id_ in choice.upload_ids]}
    with transaction(engine) as connection:
        found = connection.execute(query).all()
        if not found or len(found) < len(set(choice.upload_ids)):
            raise UnknownUploadError(
                f"the cohort would have {len(found)} uploads"
                + (f" of {len(set(choice.upload_ids))} listed" if choice.upload_ids else "")
                + ": an upload must be completed, hold speech and have answers; `nurseconv status` lists ids."
            )
        cohort_id: UUID = connection.execute(
            insert(cohorts).values(chosen_by=chosen_by).returning(cohorts.c.id)
        ).scalar_one()
        rows = [
            {"cohort_id": cohort_id, "upload_id": row.id, "place": place,
             "transcription_id": row.transcription_id, "answer_ids": list(row.answer_ids)}
            for place, row in enumerate(found, start=1)
        ]  # fmt: skip
        connection.execute(insert(cohort_uploads), rows)
    return cohort_id


def load_cohort(engine: Engine, cohort_id: UUID) -> list[Member]:
    """The uploads of a cohort in its order, less those that were erased since.

    Raises:
        UnknownUploadError: permanent; no such cohort, or nothing is left of it.
    """
    query = (
        select(cohort_uploads, uploads.c.unit, uploads.c.nurse_id, uploads.c.encounter_id, uploads.c.profile)
        .join(uploads, uploads.c.id == cohort_uploads.c.upload_id)
        .where(cohort_uploads.c.cohort_id == cohort_id, uploads.c.status != "erased")
        .order_by(cohort_uploads.c.place)
    )
    with transaction(engine) as connection:
        rows = connection.execute(query).all()
    if not rows:
        raise UnknownUploadError(f"no cohort {cohort_id}: the page of each challenge has its cohort's id.")
    return [
        Member(
            row.upload_id,
            row.transcription_id,
            tuple(row.answer_ids),
            row.unit,
            row.nurse_id,
            row.encounter_id,
            row.profile,
        )
        for row in rows
    ]


def start_challenge(
    engine: Engine, cohort_id: UUID, changes: Mapping[str, str], n_replicates: int, run_id: str
) -> Row[Any]:
    """The new challenge's row: `id` and `started_at`.

    Args:
        changes: settings of the challenger that differ from those in force, by name.
        run_id: Dagster's.
    """
    with transaction(engine) as connection:
        row = connection.execute(
            insert(challenges)
            .values(cohort_id=cohort_id, changes=dict(changes), n_replicates=n_replicates, run_id=run_id)
            .returning(challenges.c.id, challenges.c.started_at)
        ).one()
        audit.record(connection, "challenge", "challenge.started", str(row.id), {"cohort": str(cohort_id)})
    return row


def save_contest(
    engine: Engine, challenge_id: UUID, contest: Contest, calls: Iterable[tuple[int, ProviderCall]]
) -> None:
    """What the challenger made of one upload: replicates, comparisons and calls; no answer is written.

    Args:
        calls: each with the number of its replicate.
    """
    shared = {"challenge_id": challenge_id, "upload_id": contest.upload_id}
    with transaction(engine) as connection:
        for replicate, call in calls:
            save_call(connection, contest.upload_id, replicate, call, challenge_id)
        _insert(connection, challenge_replicates, [{**shared, **asdict(each)} for each in contest.replicates])
        _insert(connection, challenge_comparisons, [{**shared, **asdict(each)} for each in contest.flips])


def complete_challenge(engine: Engine, challenge_id: UUID, figures: Mapping[str, float | int | None]) -> None:
    """The challenge has ended with these figures."""
    ended = {"figures": dict(figures), "completed_at": func.clock_timestamp()}
    with transaction(engine) as connection:
        connection.execute(update(challenges).where(challenges.c.id == challenge_id).values(**ended))


def load_challenge(engine: Engine, run_id: str) -> Row[Any]:
    """The challenge that a run of Dagster has made."""
    with transaction(engine) as connection:
        return connection.execute(select(challenges).where(challenges.c.run_id == run_id)).one()


def _insert(connection: Any, table: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        connection.execute(insert(table), list(rows))
