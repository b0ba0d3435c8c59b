"""Law of the character U+0000: Postgres keeps none, so it is refused where it is sent, and is never a defect."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import Engine

from tests.api.conftest import MakeKey
from tests.fakes.reviewed import current, reviewed_upload

ZERO = "a\x00b"


@pytest.mark.parametrize(
    ("path", "name"),
    [("uploads", name) for name in ("unit", "profile", "cursor")]
    + [("reviews/queue", name) for name in ("unit", "profile", "category")]
    + [("questions", "profile")],
)
def test_it_is_refused_in_a_query(client, key: MakeKey, path: str, name: str) -> None:
    answer = client.get(f"/api/v1/{path}", params={name: ZERO}, headers=key("admin"))
    assert answer.status_code == 422


@pytest.mark.parametrize("name", ["unit", "profile", "nurse_id", "encounter_id"])
def test_it_is_refused_beside_an_upload(client, key: MakeKey, name: str) -> None:
    headers = key("admin")
    typed = client.post("/api/v1/text-processing", json={"text": "Nurse: Hi.", name: ZERO}, headers=headers)
    sent = client.post("/api/v1/uploads", files={"file": ("a.txt", b"Nurse: Hi.")}, data={name: ZERO}, headers=headers)
    assert (typed.status_code, sent.status_code) == (422, 422)


def test_it_is_no_defect_in_a_text_or_a_files_name(client, key: MakeKey) -> None:
    headers = key("admin")
    typed = client.post("/api/v1/text-processing", json={"text": f"Nurse: {ZERO}"}, headers=headers)
    sent = client.post("/api/v1/uploads", files={"file": (f"{ZERO}.txt", b"Nurse: Hi.")}, headers=headers)
    assert {typed.status_code, sent.status_code} <= {202, 400, 422}


@pytest.mark.parametrize(
    "said",
    [
        {"verdict": "confirmed", "notes": ZERO},
        {"verdict": "corrected", "corrected_value": ZERO},
        {"verdict": "corrected", "corrected_value": {"systolic": [ZERO]}},
        {"verdict": "corrected", "corrected_value": {ZERO: 1}},
    ],
)
def test_it_is_refused_in_a_verdict(client, key: MakeKey, engine: Engine, said: dict[str, object]) -> None:
    upload_id: UUID = reviewed_upload(engine)
    answer_id = current(engine, upload_id, "allergies").id
    answer = client.post(f"/api/v1/answers/{answer_id}/reviews", json=said, headers=key("admin"))
    assert answer.status_code == 422


def test_the_pages_refuse_it_too(client, key: MakeKey) -> None:
    headers = key("admin")
    for name in ("unit", "profile", "category"):
        assert client.get("/review", params={name: ZERO}, headers=headers).status_code == 422
    assert client.get("/login", params={"next": ZERO}).status_code == 200
    assert client.post("/login", data={"key": ZERO}).status_code == 401
    assert client.get("/api/v1/uploads", headers={"Authorization": "Bearer nc_a_b"}).status_code == 401
