"""Laws of hearing recordings in turns: as many turns as there is something to hear, and one time for all of them."""

from __future__ import annotations

import time
from types import SimpleNamespace
from uuid import uuid4

import pytest
from sqlalchemy import text

from nurseconv_dagster.errors import DeviceBusyError, ModelError
from nurseconv_dagster.intake.arrivals import Refusal
from nurseconv_dagster.resources import transcribers
from nurseconv_dagster.resources.transcribers import TranscriberResource
from nurseconv_dagster.settings import Settings
from nurseconv_dagster.speech.devices import compute_device
from nurseconv_dagster.speech.transcriber import Heard, Unheard
from nurseconv_dagster.store import turns

UNREADABLE = Refusal("corrupt", "not a recording")


class Whisper:
    """Hears nothing in each recording, and one after another."""

    def transcribe(self, jobs):
        for job in jobs:
            yield Heard(job.upload_id, Unheard("model_failed", "nothing was heard"))


@pytest.fixture
def device(engine, monkeypatch):
    """The transcriber's door with the counts of its turns; each claim's key is what its recording reads as."""
    made = SimpleNamespace(n_turns=0, name=f"nurseconv:whisper:{compute_device('cpu')}")
    take = turns._turn

    def counted(*what):
        made.n_turns += 1
        return take(*what)

    monkeypatch.setattr(turns, "_turn", counted)
    monkeypatch.setattr(transcribers, "_whisper", lambda settings: Whisper())
    made.store = SimpleNamespace(settings=Settings(_env_file=None, whisper_device="cpu"), engine=engine)
    intake = SimpleNamespace(store=made.store, read_recording=lambda key: key)
    made.claims = lambda recordings: [
        SimpleNamespace(upload_id=uuid4(), kind="audio", object_key=each, language=None) for each in recordings
    ]
    made.hear = lambda recordings: list(TranscriberResource.transcribe(made.door, made.claims(recordings)))
    made.door = SimpleNamespace(intake=intake)
    for name in ("_hear", "_read"):
        setattr(made.door, name, getattr(TranscriberResource, name).__get__(made.door))
    return made


@pytest.mark.parametrize(
    ("recordings", "n_turns"),
    [
        (["a", "b", "c"], 3),
        ([UNREADABLE, "b", "c"], 2),
        (["a", UNREADABLE, "c"], 2),
        (["a", "b", UNREADABLE], 3),  # that it does not read is found out in a turn
        ([UNREADABLE], 1),
    ],
)
def test_a_batch_takes_no_turn_to_find_that_nothing_is_left(device, recordings, n_turns):
    told = device.hear(recordings)
    assert len(told) == len(recordings)
    n_heard = sum(isinstance(outcome, ModelError) for _, outcome in told)
    assert n_heard == len(recordings) - recordings.count(UNREADABLE)
    assert device.n_turns == n_turns


@pytest.fixture
def in_a_hurry(device):
    device.store.settings = Settings(_env_file=None, whisper_device="cpu", soft_time_limit_s=2)
    return device


def test_the_wait_for_the_device_is_part_of_the_time_of_the_stage(in_a_hurry, engine):
    """Not a fresh wait for each recording: the hard limit would strike, and charge the upload in hand."""
    lock = text("select pg_advisory_lock(hashtextextended(:what, 0))")
    with engine.connect() as other:
        other.execute(lock, {"what": in_a_hurry.name})
        began = time.monotonic()
        with pytest.raises(DeviceBusyError, match="another Whisper"):
            in_a_hurry.hear(["a"])
        assert 1.9 < time.monotonic() - began < 10
        other.rollback()
        other.execute(text("select pg_advisory_unlock_all()"))


def test_a_recording_that_is_not_begun_in_time_is_not_begun(in_a_hurry):
    slow = iter(TranscriberResource.transcribe(in_a_hurry.door, in_a_hurry.claims(["a", "b"])))
    next(slow)
    time.sleep(2.1)
    with pytest.raises(DeviceBusyError):
        next(slow)
