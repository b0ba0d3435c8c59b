"""Typed conversations for tests about everything but language, and how files get into the bucket."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from nurseconv_dagster.settings import Settings

_COMPLAINTS = ("headache", "cough", "stomach pain", "dizziness", "back pain", "fever", "chest tightness")
_DRUGS = ("lisinopril ten milligrams", "metformin 500 milligrams", "aspirin 81 milligrams", "no medicines")


def note(number: int) -> str:
    """A short labelled conversation, different for every number."""
    complaint, drug = _COMPLAINTS[number % len(_COMPLAINTS)], _DRUGS[number % len(_DRUGS)]
    return (
        f"Nurse: Good morning, I am your nurse. Can you tell me your name?\n"
        f"Patient: Margaret Oakley {number}.\n"
        f"Nurse: How old are you?\nPatient: I am {40 + number % 50}.\n"
        f"Nurse: What brings you in today?\nPatient: I have had a {complaint} for {number + 2} days.\n"
        f"Nurse: Are you taking any medications?\nPatient: I take {drug} every morning.\n"
        f"Nurse: Do you have any allergies?\nPatient: No, no known allergies.\n"
        f"Nurse: How bad is your pain from zero to ten?\nPatient: About a {number % 10}.\n"
        f"Nurse: Your blood pressure is {110 + number % 40} over 70 and your pulse is {60 + number % 30}.\n"
    )


def drop(home: Settings, name: str, content: bytes | str, sidecar: dict[str, Any] | None = None) -> Path:
    """A file in the bucket, old enough to be stable."""
    path = home.bucket_dir / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    if sidecar is not None:
        path.with_name(path.name + ".json").write_text(json.dumps(sidecar))
    for item in path.parent.glob(path.name + "*"):
        os.utime(item, (time.time() - 60, time.time() - 60))
    return path
