"""Laws of the contract: whatever is sent, the answer is one that the description tells of, and nothing of others."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import Engine, text

from nurseconv_dagster.settings import Settings
from nurseconv_dagster.store.engine import transaction
from tests.api.conftest import MakeKey
from tests.api.contract import hold_to_contract
from tests.api.servers import running_server
from tests.fakes.results import add_results
from tests.fakes.sounds import make

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("contract"), pytest.mark.timeout(3000)]
STATES = {"pain_level": "answered", "allergies": "denied", "chief_complaint": "conflicting", "medications": "not_asked"}
EXAMPLES = [pytest.param(6, id="short"), pytest.param(100, id="long", marks=pytest.mark.long)]


def seed(address: str, engine: Engine, headers: dict[str, str], unit: str, sound: bytes) -> dict[str, list[str]]:
    """The ids of a recording and a typed text of this unit, both with results; each word and name holds the unit's."""
    word = f"{unit}word"
    marked = sound[:2000] + word.encode() + sound[2000 + len(word) :]
    about = {"unit": unit, "nurse_id": f"{word}nurse", "encounter_id": f"{word}visit"}
    with httpx2.Client(base_url=f"{address}/api/v1", headers=headers) as client:
        recording = client.post("/uploads", files={"file": (f"{word}.wav", marked)}, data=about)
        typed = client.post("/text-processing", json={"text": f"Nurse: Any {word}?\nPatient: No.", **about})
    assert (recording.status_code, typed.status_code) == (202, 202)
    uploads = [recording.json()["id"], typed.json()["upload_id"]]
    answers = [str(add_results(engine, UUID(each), STATES, n_segments=3, words=word)) for each in uploads]
    return {"upload_id": uploads, "task_id": uploads, "answer_id": answers}


@contextmanager
def finishing(engine: Engine) -> Iterator[None]:
    """What is sent is soon at its end: else whoever follows an upload would wait for work that nobody does here."""
    stop = threading.Event()

    def finish() -> None:
        while not stop.wait(0.2):
            with transaction(engine) as connection:
                connection.execute(
                    text("update conversation_uploads set status = 'completed', stage = 'done', restart_from = null, "
                         "updated_at = now() where status = 'pending' or restart_from is not null")
                )  # fmt: skip

    thread = threading.Thread(target=finish)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.fixture
def served(api_settings: Settings, engine: Engine) -> Iterator[str]:
    with running_server(api_settings, workers=1, RATE_LIMIT="0") as address, finishing(engine):
        yield address


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make(tmp_path_factory.mktemp("wav") / "a", "wav", 0.5).read_bytes()


def token_of(headers: dict[str, str]) -> str:
    return headers["Authorization"].partition(" ")[2]


@pytest.mark.parametrize("max_examples", EXAMPLES)
def test_a_key_of_one_unit_gets_what_the_description_tells_and_nothing_of_another_unit(
    served: str, engine: Engine, key: MakeKey, sound: bytes, max_examples: int
) -> None:
    ours = seed(served, engine, key("upload", units=["ours"]), "ours", sound)
    theirs = seed(served, engine, key("upload", units=["theirs"]), "theirs", sound)
    tally = hold_to_contract(
        served,
        token_of(key("read", "upload", "review", units=["ours"])),
        max_examples=max_examples,
        known_ids={name: ours[name] + theirs[name] for name in ours},
        hidden=["theirsword", *theirs["upload_id"], *theirs["answer_id"]],
    )
    print(f"\na unit's key: {tally}")
    assert not tally.failures, "\n\n".join(f"{name}\n{said}" for name, said in tally.failures.items())
    assert {status for (_, status), n in tally.statuses.items() if n} >= {200, 202, 403, 404, 422}


@pytest.mark.parametrize("max_examples", EXAMPLES)
def test_an_admins_key_gets_what_the_description_tells(
    served: str, engine: Engine, key: MakeKey, sound: bytes, max_examples: int
) -> None:
    known = [seed(served, engine, key("upload", units=[unit]), unit, sound) for unit in ("a", "b", "c")]
    tally = hold_to_contract(
        served,
        token_of(key("admin")),
        max_examples=max_examples,
        known_ids={name: [one for ids in known for one in ids[name]] for name in known[0]},
    )
    print(f"\nan admin's key: {tally}")
    assert not tally.failures, "\n\n".join(f"{name}\n{said}" for name, said in tally.failures.items())
    assert {status for (_, status), n in tally.statuses.items() if n} >= {200, 202, 204, 404, 410, 422}
