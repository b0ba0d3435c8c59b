"""Questions to every row of the store, for somebody who wants to know whether all of it is still there and true.

What lives here: which objects rows name, whether quotes stand where they say, how much is sealed.
When to add here: another law that can only be tested by reading everything.
What to keep out: what a check asks after each build (promises).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Engine, func, select

from nurseconv_dagster.encryption.texts import PLAIN, PREFIX
from nurseconv_dagster.store import codec
from nurseconv_dagster.store.engine import transaction
from nurseconv_dagster.store.tables import conversation_transcriptions as transcriptions
from nurseconv_dagster.store.tables import conversation_uploads as uploads
from nurseconv_dagster.store.tables import question_answers as answers


def objects_needed(engine: Engine) -> list[str]:
    """The keys of the objects that uploads need, those that are erased left out."""
    needed = uploads.c.object_key.is_not(None), uploads.c.status != "erased"
    with transaction(engine) as connection:
        return list(connection.execute(select(uploads.c.object_key).where(*needed).distinct()).scalars())


def partition_keys(engine: Engine) -> list[str]:
    """The uploads that have a partition, in the order of their partitions."""
    query = select(uploads.c.id).where(uploads.c.partition_no.is_not(None)).order_by(uploads.c.partition_no)
    with transaction(engine) as connection:
        return [str(row.id) for row in connection.execute(query)]


def count_transcripts(engine: Engine) -> tuple[int, int]:
    """How many transcripts there are, of every run, and how many of them are sealed."""
    sealed = transcriptions.c.full_text.startswith(PREFIX) & ~transcriptions.c.full_text.startswith(PLAIN)
    with transaction(engine) as connection:
        row = connection.execute(select(func.count(), func.count().filter(sealed)).select_from(transcriptions)).one()
        return int(row[0]), int(row[1])


def quotes_in_place(engine: Engine) -> Iterator[bool]:
    """For each answer of every run that has evidence, whether each quote stands where it says.

    Raises:
        SealedError: permanent; a transcript does not open.
    """
    query = (
        select(answers.c.transcription_id, answers.c.evidence, transcriptions.c.full_text)
        .join(transcriptions, transcriptions.c.id == answers.c.transcription_id)
        .where(func.jsonb_array_length(answers.c.evidence) > 0)
        .order_by(answers.c.transcription_id)
    )
    with transaction(engine) as connection:
        yield from _in_place(connection, query)


def _in_place(connection: Connection, query: Any) -> Iterator[bool]:
    whose, words = None, ""
    for row in connection.execution_options(yield_per=200).execute(query):
        if row.transcription_id != whose:
            whose, words = row.transcription_id, codec.decode_text(row.full_text)
        yield all(words[item["start_char"] : item["end_char"]] == item["quote"] for item in row.evidence)
