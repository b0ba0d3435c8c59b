"""Evaluations: which uploads references may be about, what is judged of them, and what came out.

What lives here: `find_uploads()`, `load_case()`, `save_evaluation()`.
When to add here: another fact about an upload that an evaluation needs.
What to keep out: matching and judging (evaluation).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, false, func, insert, or_, select

from nurseconv_dagster.evaluation.calibration import calibrate_answers
from nurseconv_dagster.evaluation.comparing import Case, Evaluation
from nurseconv_dagster.evaluation.matching import KnownUpload
from nurseconv_dagster.evaluation.references import Reference
from nurseconv_dagster.evaluation.tallies import headline, tally_by_question, tally_by_state
from nurseconv_dagster.store.answer_rows import read_machine
from nurseconv_dagster.store.codec import decode_text
from nurseconv_dagster.store.engine import transaction
from nurseconv_dagster.store.listings import read_results
from nurseconv_dagster.store.quality_tables import evaluation_tallies, evaluations
from nurseconv_dagster.store.results import load_extraction
from nurseconv_dagster.store.tables import conversation_uploads as uploads
from nurseconv_dagster.store.tables import upload_receipts as receipts


def find_uploads(engine: Engine, references: Iterable[Reference]) -> list[KnownUpload]:
    """Every upload that one of the references may be about, oldest first; erased ones are left out."""
    told = list(references)
    hashes = [reference.sha256 for reference in told if reference.sha256]
    places = [
        condition
        for reference in told
        if reference.file
        for condition in (
            receipts.c.location == reference.file,
            receipts.c.location.endswith(f"/{reference.file}", autoescape=True),
        )
    ]
    at_place = select(receipts.c.upload_id).where(or_(false(), *places))
    locations = func.array_agg(receipts.c.location).filter(receipts.c.location.is_not(None))
    query = (
        select(uploads.c.id, uploads.c.content_sha256, locations.label("locations"))
        .outerjoin(receipts, receipts.c.upload_id == uploads.c.id)
        .where(or_(uploads.c.content_sha256.in_(hashes), uploads.c.id.in_(at_place)))
        .where(uploads.c.status != "erased")
        .group_by(uploads.c.id)
        .order_by(uploads.c.created_at)
    )
    with transaction(engine) as connection:
        return [
            KnownUpload(row.id, row.content_sha256, frozenset(row.locations or ())) for row in connection.execute(query)
        ]


def load_case(engine: Engine, reference: Reference, upload_id: UUID) -> Case:
    """What the system made of the upload beside what the reference says of it; a reviewer's verdict is not its work."""
    with transaction(engine) as connection:
        transcription, _, _ = read_results(connection, upload_id)
        answers = read_machine(connection, upload_id)
    calls = load_extraction(engine, upload_id).calls
    return Case(
        reference=reference,
        full_text=decode_text(transcription.full_text) if transcription else None,
        answers=[dict(answer._mapping) for answer in answers],
        is_typed=transcription is not None and transcription.duration_s is None,
        n_claims_made=sum(call.n_claims_made for call in calls),
        claims_dropped=sum((Counter(call.n_claims_dropped or {}) for call in calls), Counter()),
    )


def save_evaluation(
    engine: Engine,
    evaluation: Evaluation,
    counts: Mapping[str, int],
    references_sha256: str,
    versions: Mapping[str, Any],
) -> UUID:
    """The id of the new row; figures and counts, no words and no names.

    Args:
        counts: `n_references`, `n_missing`, `n_ambiguous`.
        versions: what made the answers: models, catalogue, weights.
    """
    calibration = calibrate_answers(evaluation.all_comparisons)
    row = {
        **headline(evaluation),
        **counts,
        "references_sha256": references_sha256,
        "reliability": [asdict(each) for each in calibration.bins],
        "claims_dropped": dict(evaluation.claims_dropped),
        "versions": dict(versions),
    }
    tallies = {"question": tally_by_question(evaluation), "state": tally_by_state(evaluation)}
    with transaction(engine) as connection:
        evaluation_id: UUID = connection.execute(
            insert(evaluations).values(**row).returning(evaluations.c.id)
        ).scalar_one()
        rows = [
            {"evaluation_id": evaluation_id, "kind": kind, "name": name,
             "n_right": tally.tp, "n_wrong": tally.fp, "n_missed": tally.fn}
            for kind, by_name in tallies.items()
            for name, tally in by_name.items()
        ]  # fmt: skip
        if rows:
            connection.execute(insert(evaluation_tallies), rows)
    return evaluation_id
