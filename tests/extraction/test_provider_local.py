"""The local reader answers with the transcript's own words, says how sure it is, and beats the model alone."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest

from nurseconv_dagster.extraction.answers import Claim
from nurseconv_dagster.extraction.catalogue import load_catalogue
from nurseconv_dagster.extraction.providers.candidates import Candidate, Support
from nurseconv_dagster.extraction.providers.local import LocalReader, weigh_claims, weighable_candidates
from nurseconv_dagster.extraction.providers.turns import read_talk
from nurseconv_dagster.extraction.providers.weighing import load_weighing
from nurseconv_dagster.extraction.questions import Question
from nurseconv_dagster.speech.transcripts import Transcript


def load_benchmark(name: str) -> ModuleType:
    """A module of the benchmarks folder, which is no package."""
    if name not in sys.modules:
        path = Path(__file__).parents[2] / "benchmarks" / f"{name}.py"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


talks = load_benchmark("talks")
QUESTIONS: dict[str, Question] = {
    question.id: question for profile in load_catalogue().profiles.values() for question in profile.questions
}
TALK = """Nurse: Hi, I'm Dana. Can you tell me your full name?
Patient: Sure, it's Harriet Olsen.
Nurse: And how old are you?
Patient: I'm sixty-six.
Nurse: Are you allergic to anything?
Patient: Penicillin gives me a rash. My brother can't have latex.
Nurse: What medicines do you take?
Patient: I'd rather not say.
Nurse: What would you want if your heart stopped?
Patient: I don't know."""


@pytest.fixture(scope="module")
def reader() -> LocalReader:
    return LocalReader()


@pytest.fixture(scope="module")
def transcript() -> Transcript:
    made: Transcript = talks.transcript_of(TALK)
    return made


@pytest.fixture(scope="module")
def claims(reader: LocalReader, transcript: Transcript) -> dict[str, Claim]:
    asked = [
        QUESTIONS[key]
        for key in ("patient_name", "patient_age", "allergies", "medications", "code_status", "skin_wounds")
    ]
    return {claim.question_id: claim for claim in reader.propose(asked, transcript)}


def test_what_was_said_is_answered(claims: dict[str, Claim]) -> None:
    assert [claims[key].quotes[0][0] for key in ("patient_name", "patient_age")] == ["Harriet Olsen", "sixty-six"]
    assert "Penicillin" in claims["allergies"].quotes[0][0]


def test_a_relatives_allergy_is_not_the_patients(claims: dict[str, Claim]) -> None:
    assert all("latex" not in quote for quote, _ in claims["allergies"].quotes)


def test_declining_and_not_knowing_are_states(claims: dict[str, Claim]) -> None:
    assert claims["medications"].state == "declined"
    assert claims["code_status"].state == "unable"


def test_what_was_not_spoken_of_is_not_claimed(claims: dict[str, Claim]) -> None:
    assert "skin_wounds" not in claims


def test_quotes_are_the_transcripts_words_in_the_segments_named(
    claims: dict[str, Claim], transcript: Transcript
) -> None:
    for claim in claims.values():
        for quote, segment_ids in claim.quotes:
            words = " ".join(transcript.segments[i].text for i in segment_ids)
            assert quote.replace("\n", " ") in words


def test_no_words_give_no_claims(reader: LocalReader) -> None:
    nothing = Transcript("no_speech", "", (), None, None, "whisper-base", "", "int8", 0.0, 3.0)
    assert reader.propose(list(QUESTIONS.values()), nothing) == ()


def test_a_hospitals_own_question_is_asked_in_its_own_wording(reader: LocalReader, transcript: Transcript) -> None:
    own = Question(
        id="nurse_name", text="Who is the nurse?", wordings=("What is the name of the nurse?",), cues=("nurse",),
        category="patient_info", value_type="text", schema={}, weight=1.0, is_required=False,
        is_safety_critical=False, is_phi=False,
    )  # fmt: skip
    assert reader.wordings(own) == ("What is the name of the nurse?",)
    assert set(reader.read([own], transcript)) == {"nurse_name"}


def test_a_long_wording_is_cut_at_the_limit() -> None:
    wordings = LocalReader(max_question_length=16).wordings(QUESTIONS["allergies"])
    assert all(len(wording) <= 16 for wording in wordings)


def test_reading_several_questions_at_a_time_finds_exactly_the_same(transcript: Transcript) -> None:
    asked = list(QUESTIONS.values())
    assert LocalReader(threads=4).read(asked, transcript) == LocalReader().read(asked, transcript)


def test_short_passages_find_the_same_answer(transcript: Transcript) -> None:
    supports = LocalReader(max_context_length=256).read([QUESTIONS["patient_age"]], transcript)["patient_age"]
    best = max(supports, key=lambda support: support.margin)
    assert transcript.full_text[best.start : best.end] == "sixty-six"


def test_a_span_that_the_model_is_surer_of_weighs_more(transcript: Transcript) -> None:
    talk = read_talk(transcript)
    at = transcript.full_text.index("sixty-six")

    def weigh(margin: float) -> float:
        support = Support(at, at + len("sixty-six"), margin)
        question = QUESTIONS["patient_age"]
        (candidates,) = weighable_candidates(talk, [question], {question.id: (support,)}).values()
        own = next(item for item in candidates if (item.start, item.end) == (support.start, support.end))
        return load_weighing().probability(question.id, own)

    assert weigh(-2.0) < weigh(2.0) < weigh(6.0)
    assert 0.0 < weigh(-2.0) < weigh(6.0) < 1.0


def test_every_weight_belongs_to_a_feature_and_every_feature_has_a_weight(transcript: Transcript) -> None:
    question = QUESTIONS["patient_age"]
    (candidates,) = weighable_candidates(read_talk(transcript), [question], {}).values()
    assert isinstance(candidates[0], Candidate)
    assert candidates[0].features.keys() == load_weighing().weights.keys()


def figures(rows: Sequence[tuple[list[str], tuple[str, ...]]]) -> tuple[float, float]:
    """Mean F1 over what has an answer, share of false answers over the rest."""
    f1 = [talks.answer_f1(quotes, golds) if quotes else 0.0 for quotes, golds in rows if golds]
    false = [bool(quotes) for quotes, golds in rows if not golds]
    return sum(f1) / len(f1), sum(false) / len(false)


def test_on_a_talk_that_nothing_was_tuned_on_it_beats_the_model_alone(reader: LocalReader) -> None:
    alone, held = [], []
    talk = next(talk for talk in talks.load_talks("heldout") if talk.name == "triage_call_chest")
    asked = [question for key, question in QUESTIONS.items() if talk.judges(key)]
    supports = reader.read(asked, talk.transcript)
    claims = {claim.question_id: claim for claim in weigh_claims(asked, talk.transcript, supports)}
    for question in asked:
        golds = talk.golds.get(question.id, ())
        best = max(supports[question.id], key=lambda support: support.margin, default=Support(0, 0, -9.0))
        alone.append(([talk.transcript.full_text[best.start : best.end]] if best.margin > 0.5 else [], golds))
        claim = claims.get(question.id)
        stated = claim is not None and claim.state in ("answered", "denied")
        held.append(([words for words, _ in claim.quotes] if claim and stated else [], golds))
    assert figures(held)[0] > figures(alone)[0] + 0.1
    assert figures(held)[1] <= 0.1
