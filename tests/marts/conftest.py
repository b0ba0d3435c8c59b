"""A real Postgres, real dbt, and hand-made rows: what the tests of the marts share."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import URL, Engine, create_engine, func, insert, text, update
from sqlalchemy.pool import NullPool

from nurseconv_dagster.operations.embedded_postgres import admin_engine
from nurseconv_dagster.store.engine import PIPELINE_ROLE
from nurseconv_dagster.store.roles import READERS, forbid_strangers
from nurseconv_dagster.store.schema import migrate
from nurseconv_dagster.store.tables import (
    conversation_scores,
    conversation_transcriptions,
    conversation_uploads,
    question_answers,
)

PROJECT = Path(__file__).parents[2] / "dbt_project"
CANARY = "quetzalcoatlus"
KEYS = {
    "marts.conversations": "id",
    "marts.answers": "upload_id, question_id",
    "marts.answer_measurements": "answer_id, measurement",
    "marts.question_weeks": "week, question_id",
    "marts.unit_weeks": "unit_week_id",
    "marts.pipeline_days": "day",
    "marts_people.conversation_people": "upload_id",
    "marts_people.nurse_weeks": "week, nurse_id",
}


@dataclass
class Warehouse:
    """The app database with its marts.

    Args:
        facts: port and passwords of the server.
        database: the app database.
        scratch: where dbt writes its target folder and its log.
        engine: connections of the pipeline's role, which owns everything.
        canary: a word that stands in every text of the rows made here.
    """

    facts: dict[str, Any]
    database: str
    scratch: Path
    engine: Engine = field(init=False)
    canary: str = CANARY

    def __post_init__(self) -> None:
        self.engine = self._connect(PIPELINE_ROLE, self.facts["passwords"][PIPELINE_ROLE], self.database)

    def connect_as_reader(self, kind: str, database: str | None = None) -> Engine:
        """Connections of a person whom a reader's role ("bi", "people") was given to."""
        return self._connect(f"{self.database}_{kind}", "for-tests-only", database or self.database)

    def _connect(self, role: str, password: str, database: str) -> Engine:
        url = URL.create("postgresql+psycopg", role, password, "127.0.0.1", self.facts["port"], database)
        return create_engine(url, poolclass=NullPool)

    def query(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(sql), values)]

    def one(self, sql: str, **values: Any) -> Any:
        [row] = self.query(sql, **values)
        return row[0] if len(row) == 1 else row

    def contents(self, extra: str = "") -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every mart, in the order of its key."""
        return {table: self.query(f"select *{extra} from {table} order by {key}") for table, key in KEYS.items()}

    # dbt

    def environment(self) -> dict[str, str]:
        return {
            "NURSECONV_DBT_HOST": "127.0.0.1",
            "NURSECONV_DBT_PORT": str(self.facts["port"]),
            "NURSECONV_DBT_USER": PIPELINE_ROLE,
            "NURSECONV_DBT_PASSWORD": self.facts["passwords"][PIPELINE_ROLE],
            "NURSECONV_DBT_DBNAME": self.database,
            "DBT_PROFILES_DIR": str(PROJECT),
            "DBT_PROJECT_DIR": str(PROJECT),
            "DBT_TARGET_PATH": str(self.scratch / "target"),
            "DBT_LOG_PATH": str(self.scratch / "logs"),
        }

    def dbt(self, *arguments: str, time_zone: str = "UTC") -> bool:
        """Whether the command succeeded; it runs in this process, which saves the start of another."""
        from dbt.cli.main import dbtRunner

        with pytest.MonkeyPatch.context() as patch:
            for name, value in {**self.environment(), "NURSECONV_TIMEZONE": time_zone}.items():
                patch.setenv(name, value)
            return bool(dbtRunner().invoke(["--quiet", *arguments]).success)

    def build(self, *arguments: str, time_zone: str = "UTC") -> None:
        """The marts are built, models only."""
        assert self.dbt("run", *arguments, time_zone=time_zone)

    def start_build(self) -> subprocess.Popen[bytes]:
        """A build in a process of its own, to be killed."""
        return subprocess.Popen(
            [sys.executable, "-c", "from dbt.cli.main import cli; cli()", "--quiet", "run"],
            env={**os.environ, **self.environment()},
            cwd=self.scratch,
        )

    # rows

    def upload(self, **values: Any) -> UUID:
        """A new upload; every text that must stay inside holds the canary."""
        upload_id = uuid4()
        row = {
            "id": upload_id,
            "original_filename": f"{CANARY}.wav",
            "content_sha256": upload_id.hex,
            "identity_key": f"{CANARY} {upload_id}",
            "object_key": f"{CANARY}/{upload_id}",
            "file_size_bytes": 1,
            "content_type": "audio/wav",
            "kind": "audio",
            "status": "completed",
            "stage": "done",
            "error_message": CANARY,
            "created_at": datetime(2024, 5, 6, 10, tzinfo=UTC),
            **values,
        }
        self._insert(conversation_uploads, [row])
        return upload_id

    def touch(self, upload_id: UUID, **values: Any) -> None:
        """The upload changes, as the store changes it: `updated_at` moves."""
        with self.engine.begin() as connection:
            connection.execute(
                update(conversation_uploads)
                .where(conversation_uploads.c.id == upload_id)
                .values(updated_at=func.clock_timestamp(), **values)
            )

    def transcript(self, upload_id: UUID, outcome: str = "speech", **values: Any) -> UUID:
        transcription_id = uuid4()
        row = {
            "id": transcription_id,
            "upload_id": upload_id,
            "run_no": 1,
            "is_current": True,
            "outcome": outcome,
            "full_text": CANARY,
            "segments": [{"text": CANARY}],
            "model_name": "whisper-base",
            "model_revision": "1",
            "compute_type": "int8",
            "processing_time_s": 1.0,
            **values,
        }
        self._insert(conversation_transcriptions, [row])
        return transcription_id

    def answers(self, upload_id: UUID, transcription_id: UUID, states: dict[str, str], **values: Any) -> None:
        """One answer a question, with this state and the same other values."""
        row = {
            "upload_id": upload_id,
            "transcription_id": transcription_id,
            "run_no": 1,
            "is_current": True,
            "question_text": CANARY,
            "category": "assessment",
            "value_type": "text",
            "is_phi": False,
            "is_required": True,
            "is_safety_critical": False,
            "weight": 1.0,
            "answer_text": CANARY,
            "answer_value": CANARY,
            "is_valid": True,
            "confidence_score": 0.75,
            "is_confident": True,
            "needs_review": False,
            "review_reasons": [],
            "evidence": [{"quote": CANARY}],
            "evidence_quote": CANARY,
            "evidence_grade": "exact",
            "provider": "rules",
            "model_name": "",
            "prompt_sha256": "0",
            "catalogue_version": "1",
            "processing_time_s": 0.1,
            **values,
        }
        self._insert(question_answers, [{**row, "question_id": name, "state": state} for name, state in states.items()])

    def supersede_answers(self, upload_id: UUID, states: dict[str, str], **values: Any) -> None:
        """A re-run's answers take the place of the current ones, in one transaction with the upload's change."""
        where = "upload_id = :id and is_current"
        with self.engine.begin() as connection:
            transcription_id, run_no = connection.execute(
                text(f"select transcription_id, max(run_no) from question_answers where {where} group by 1"),
                {"id": upload_id},
            ).one()
            connection.execute(text(f"update question_answers set is_current = false where {where}"), {"id": upload_id})
        self.answers(upload_id, transcription_id, states, run_no=run_no + 1, **values)
        self.touch(upload_id)

    def scores(self, upload_id: UUID, **values: Any) -> None:
        row = {
            "upload_id": upload_id,
            "run_no": 1,
            "is_current": True,
            "questions_answered": 1,
            "questions_total": 2,
            "high_confidence_answers": 1,
            "answers_requiring_review": 0,
            "components": {},
            "score_version": "1",
            "catalogue_version": "1",
            **values,
        }
        self._insert(conversation_scores, [row])

    def conversation(
        self, states: dict[str, str] | None = None, *, overall: float | None = 70.0, **upload: Any
    ) -> UUID:
        """A whole conversation: upload, transcript, answers, scores."""
        upload_id = self.upload(**upload)
        transcription_id = self.transcript(upload_id)
        self.answers(upload_id, transcription_id, states or {"symptoms": "answered", "allergies": "not_asked"})
        self.scores(upload_id, overall_score=overall, completeness_score=0.5)
        return upload_id

    def erase(self, upload_id: UUID) -> None:
        """As the product erases: results go, the row stays."""
        with self.engine.begin() as connection:
            for table in ("question_answers", "conversation_transcriptions", "conversation_scores"):
                connection.execute(text(f"delete from {table} where upload_id = :id"), {"id": upload_id})
        self.touch(upload_id, status="erased", nurse_id=None, encounter_id=None)

    def remove(self, upload_id: UUID) -> None:
        """The upload is not in the database any more, as after the restore of an older backup."""
        with self.engine.begin() as connection:
            for table in ("question_answers", "conversation_transcriptions", "conversation_scores"):
                connection.execute(text(f"delete from {table} where upload_id = :id"), {"id": upload_id})
            connection.execute(text("delete from conversation_uploads where id = :id"), {"id": upload_id})

    def clear(self) -> None:
        """No rows and no marts."""
        with self.engine.begin() as connection:
            connection.execute(text("drop schema if exists marts, marts_people, staging cascade"))
            connection.execute(text("truncate conversation_uploads cascade"))

    def _insert(self, table: Any, rows: Sequence[dict[str, Any]]) -> None:
        with self.engine.begin() as connection:
            connection.execute(insert(table), list(rows))


@pytest.fixture(scope="session")
def migrated(server: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """One app database for all tests of the marts, with a person for each of the two readers' roles."""
    warehouse = Warehouse(server, f"marts_{uuid4().hex[:12]}", tmp_path_factory.mktemp("dbt"))
    people = {f"{warehouse.database}_{kind}": READERS[kind] for kind in ("bi", "people")}
    admin = admin_engine(server)
    with admin.connect() as connection:
        connection.execute(text(f"create database {warehouse.database} owner {PIPELINE_ROLE}"))
        migrate(warehouse.engine)
        for person, role in people.items():
            connection.execute(text(f"create role {person} login password 'for-tests-only' in role {role}"))
    with warehouse.engine.begin() as connection:
        forbid_strangers(connection)
    yield warehouse
    with admin.connect() as connection:
        connection.execute(text(f"drop database {warehouse.database} with (force)"))
        for person in people:
            connection.execute(text(f"drop role {person}"))
    admin.dispose()


@pytest.fixture
def warehouse(migrated: Warehouse) -> Warehouse:
    """No rows and no marts yet, for one test."""
    migrated.clear()
    return migrated


@pytest.fixture(scope="module")
def shared_warehouse(migrated: Warehouse) -> Warehouse:
    """No rows and no marts yet, for tests that share their builds."""
    migrated.clear()
    return migrated
