"""Laws of the provider chain: who is asked, what is believed, what becomes of the rest."""

from __future__ import annotations

import pytest

from nurseconv_dagster.errors import CatalogueError, PermanentError, SettingsError, TransientError
from nurseconv_dagster.extraction.answers import Answer, Claim, Extraction, ProviderCall, State
from nurseconv_dagster.extraction.catalogue import load_catalogue
from nurseconv_dagster.extraction.chain import extract
from nurseconv_dagster.speech.transcripts import Transcript
from tests.fakes.provider import FakeProvider
from tests.fakes.talks import spoken, typed

CATALOGUE = load_catalogue()
GENERAL = [question.id for question in CATALOGUE.profiles["general"].questions]


def claim(question_id: str, *quotes: str, state: State = "answered", value: object = None, p: float = 0.8) -> Claim:
    return Claim(question_id, state, value, tuple((quote, ()) for quote in quotes), p)


def run(
    talk: Transcript, *claims: Claim, rules: tuple[Claim, ...] | None = None, profile: str = "general"
) -> Extraction:
    providers = [FakeProvider("local", claims)] + ([FakeProvider("rules", rules)] if rules is not None else [])
    return extract(talk, profile, CATALOGUE, providers)


def only(result: Extraction, question_id: str) -> Answer:
    return next(answer for answer in result.answers if answer.question_id == question_id)


def ask(talk: Transcript, *claims: Claim, rules: tuple[Claim, ...] | None = None, profile: str = "general") -> Answer:
    """The answer to the first claim's question."""
    return only(run(talk, *claims, rules=rules, profile=profile), claims[0].question_id)


PENICILLIN = typed("nurse: Any allergies?", "patient: I'm allergic to penicillin, it gives me hives.")


# ---------------------------------------------------------------- the whole


def test_there_is_one_answer_per_question_of_the_profile_in_its_order() -> None:
    result = run(PENICILLIN, claim("allergies", "allergic to penicillin"))
    assert [answer.question_id for answer in result.answers] == GENERAL
    assert only(result, "pain_level").state == "not_asked"
    assert only(result, "pain_level").provider == "none"
    assert only(result, "pain_level").answer_text is None


def test_an_accepted_answer_carries_everything_that_proves_it() -> None:
    answer = ask(spoken("patient: I'm allergic to penicillin."), claim("allergies", "allergic to penicillin"))
    assert (answer.state, answer.answer_value) == ("answered", [{"substance": "penicillin"}])
    assert answer.answer_text == "penicillin"
    assert answer.evidence[0].role == "patient"
    assert answer.evidence[0].start_s is not None
    assert (answer.provider, answer.model_name) == ("local", "fake-local")
    assert answer.catalogue_version == CATALOGUE.version
    assert answer.confidence_score is not None
    assert answer.is_confident


def test_nothing_applies_to_silence_and_nobody_is_asked() -> None:
    provider = FakeProvider("local")
    result = extract(typed(), "general", CATALOGUE, [provider])
    assert provider.n_asked == 0
    assert result.calls == ()
    assert {(a.state, a.confidence_score, a.provider) for a in result.answers} == {("not_applicable", None, "none")}


def test_an_unknown_profile_is_refused_with_the_ones_there_are() -> None:
    with pytest.raises(CatalogueError, match="general"):
        extract(PENICILLIN, "nursery", CATALOGUE, [FakeProvider("local")])


# ---------------------------------------------------------------- who is asked when


def test_a_hosted_provider_that_answers_ends_the_chain() -> None:
    hosted, local = FakeProvider("gemini", [claim("allergies", "allergic to penicillin")]), FakeProvider("local")
    result = extract(PENICILLIN, "general", CATALOGUE, [hosted, local])
    assert (hosted.n_asked, local.n_asked) == (1, 0)
    assert only(result, "allergies").provider == "gemini"


def test_a_failed_provider_is_recorded_and_the_next_one_asked() -> None:
    failing = FakeProvider("gemini", error=TransientError("the service did not answer"))
    local = FakeProvider("local", [claim("allergies", "allergic to penicillin")])
    result = extract(PENICILLIN, "general", CATALOGUE, [failing, local, FakeProvider("rules")])
    assert [(c.provider, c.outcome, c.error_class) for c in result.calls] == [
        ("gemini", "error", "TransientError"),
        ("local", "ok", None),
        ("rules", "ok", None),
    ]
    assert only(result, "allergies").provider == "local"


def test_offline_readers_are_all_asked_and_one_may_fail() -> None:
    local = FakeProvider("local", error=PermanentError("weights are missing"))
    rules = FakeProvider("rules", [claim("allergies", "allergic to penicillin")])
    result = extract(PENICILLIN, "general", CATALOGUE, [local, rules])
    assert only(result, "allergies").provider == "rules"


def test_when_everybody_fails_the_error_says_whether_trying_again_helps_and_every_call_is_known() -> None:
    seen: list[ProviderCall] = []
    providers = [
        FakeProvider("gemini", error=TransientError("busy")),
        FakeProvider("local", error=PermanentError("weights are missing")),
    ]
    with pytest.raises(TransientError):
        extract(PENICILLIN, "general", CATALOGUE, providers, on_call=seen.append)
    assert [call.outcome for call in seen] == ["error", "error"]
    with pytest.raises(PermanentError):
        extract(PENICILLIN, "general", CATALOGUE, providers[1:])


def test_a_chain_without_providers_is_refused() -> None:
    with pytest.raises(SettingsError):
        extract(PENICILLIN, "general", CATALOGUE, [])


def test_a_mistake_in_a_provider_is_not_swallowed() -> None:
    class Broken(FakeProvider):
        def propose(self, questions: object, transcript: object) -> tuple[Claim, ...]:
            raise KeyError("bug")

    with pytest.raises(KeyError):
        extract(PENICILLIN, "general", CATALOGUE, [Broken("local")])


# ---------------------------------------------------------------- what is dropped, and counted


def test_claims_are_counted_by_what_became_of_them() -> None:
    talk = typed("patient: I'm allergic to penicillin. It's about a seven. I take aspirin 81 mg.")
    result = run(
        talk,
        claim("allergies", "allergic to penicillin"),
        claim("pain_level", "about a seven", value=8),
        claim("medications", "aspirin 81 mg"),
        claim("symptoms", "I have a terrible headache"),
        claim("diagnosis", "pneumonia", state="not_asked"),
        claim("vital_signs", "penicillin"),
        claim("shoe_size", "a seven"),
    )
    call = result.calls[0]
    assert (call.n_claims_made, call.n_claims_accepted) == (6, 2)
    assert call.n_claims_dropped == {
        "number_not_in_evidence": 1,
        "quote_not_found": 1,
        "bad_value": 1,
        "unknown_question": 1,
    }
    assert (call.n_claims_with_numbers, call.n_claims_with_faithful_numbers) == (2, 1)
    assert only(result, "pain_level").state == "not_asked"


def test_an_unproven_item_is_left_out_of_a_list_and_reviewed() -> None:
    given = [{"drug": "aspirin", "dose": 81}, {"drug": "metformin", "dose": 500}]
    answer = ask(typed("patient: I take aspirin 81 mg."), claim("medications", "I take aspirin 81 mg", value=given))
    assert answer.answer_value == [{"drug": "aspirin", "dose": 81}]
    assert "number_not_in_evidence" in answer.review_reasons


def test_a_denial_needs_a_negative_in_its_evidence() -> None:
    answer = ask(PENICILLIN, claim("allergies", "allergic to penicillin", state="denied"))
    assert answer.state == "not_asked"


# ---------------------------------------------------------------- states


@pytest.mark.parametrize("state", ["answered", "denied"])
def test_an_explicit_negative_to_a_list_is_denied_whatever_it_was_called(state: State) -> None:
    answer = ask(typed("patient: No known allergies."), claim("allergies", "No known allergies", state=state))
    assert (answer.state, answer.answer_value, answer.answer_text) == ("denied", [], "none")
    assert answer.evidence


def test_no_pain_is_zero_and_no_is_false() -> None:
    zero = ask(typed("patient: I have no pain."), claim("pain_level", "no pain", state="denied"))
    assert (zero.state, zero.answer_value) == ("answered", 0)
    talk = typed("nurse: Did we check the wristband?", "patient: No, you didn't check it.")
    no = ask(talk, claim("identity_verified", "No, you didn't check it"), profile="triage")
    assert (no.state, no.answer_value) == ("answered", False)


def test_a_cut_off_negation_is_put_back() -> None:
    answer = ask(typed("patient: I'm not allergic to penicillin."), claim("allergies", "allergic to penicillin"))
    assert answer.state == "denied"
    assert answer.evidence[0].quote == "not allergic to penicillin"
    assert answer.needs_review  # one substance denied is not all of them


def test_a_quote_that_says_no_itself_is_left_as_it_is() -> None:
    answer = ask(typed("nurse: No fever and denies cough."), claim("symptoms", "denies cough"))
    assert (answer.state, answer.evidence[0].quote) == ("denied", "denies cough")


def test_a_value_given_for_the_cut_off_quote_does_not_survive() -> None:
    talk = typed("patient: No cough, but I have no pain either.")
    answer = ask(talk, claim("symptoms", "cough", value=["cough"]))
    assert answer.state == "denied"


def test_words_of_a_question_that_was_answered_no_are_a_no() -> None:
    talk = typed("nurse: Are you allergic to latex?", "patient: No.")
    answer = ask(talk, claim("allergies", "allergic to latex"))
    assert answer.state == "denied"
    assert answer.evidence[0].quote.endswith("No")


def test_declined_needs_the_words_it_was_declined_with() -> None:
    talk = typed("nurse: How bad is the pain?", "patient: I'd rather not say.")
    answer = ask(talk, claim("pain_level", "I'd rather not say", state="declined"))
    assert (answer.state, answer.answer_text, answer.confidence_score) == ("declined", None, None)
    assert ask(talk, claim("pain_level", "none of your business", state="declined")).state == "not_asked"


def test_a_typed_note_without_turns_knows_no_unanswered_questions() -> None:
    talk = typed("Pain: not assessed. Allergies unknown.")
    result = run(talk, claim("pain_level", "not assessed", state="asked_no_answer"))
    assert only(result, "pain_level").state == "not_asked"
    assert result.calls[0].n_claims_dropped == {"state_needs_turns": 1}


def test_an_implausible_value_keeps_its_state_and_goes_to_review() -> None:
    answer = ask(typed("nurse: Heart rate is 300."), claim("vital_signs", "Heart rate is 300"))
    assert (answer.state, answer.answer_value, answer.is_valid) == ("answered", {"hr": 300}, False)
    assert "invalid_value" in answer.review_reasons


# ---------------------------------------------------------------- agreement and contradiction


def test_agreement_raises_and_disagreement_lowers_confidence() -> None:
    talk = typed("patient: I'm 72. It hurts, a seven. At the start of the week it was a three.")
    alone = ask(talk, claim("pain_level", "a seven"))
    agreed = ask(talk, claim("pain_level", "a seven"), rules=(claim("pain_level", "It hurts, a seven"),))
    disputed = ask(talk, claim("pain_level", "a seven"), rules=(claim("pain_level", "it was a three", p=0.3),))
    assert alone.confidence_score is not None
    assert agreed.confidence_score is not None
    assert disputed.confidence_score is not None
    assert disputed.confidence_score < alone.confidence_score < agreed.confidence_score
    assert (disputed.state, disputed.answer_value) == ("answered", 7)


def test_agreeing_lists_are_joined() -> None:
    talk = typed("patient: I take lisinopril and aspirin. Also warfarin.")
    answer = ask(
        talk, claim("medications", "lisinopril and aspirin"), rules=(claim("medications", "aspirin", "Also warfarin"),)
    )
    assert answer.answer_text == "lisinopril; aspirin; warfarin"
    assert len(answer.evidence) == 2


def test_two_providers_at_odds_over_something_critical_call_a_person() -> None:
    talk = typed("patient: I take lisinopril. And the cream.", "nurse: Is that a hydrocortisone cream?")
    answer = ask(talk, claim("medications", "lisinopril"), rules=(claim("medications", "hydrocortisone cream", p=0.4),))
    assert answer.answer_value == [{"drug": "lisinopril"}]
    assert "providers_disagree" in answer.review_reasons


def test_two_ages_in_one_conversation_conflict_and_both_quotes_are_kept() -> None:
    talk = typed("patient: I'm 72 years old.", "nurse: The chart says 74 years old.")
    answer = ask(talk, claim("patient_age", "72 years old", "74 years old"))
    assert (answer.state, answer.answer_value) == ("conflicting", None)
    assert {item.quote for item in answer.evidence} == {"72 years old", "74 years old"}
    assert answer.needs_review


def test_a_self_correction_is_no_contradiction() -> None:
    talk = typed("patient: I'm thirty, no wait, forty.")
    for quotes in (("thirty",), ("forty",), ("thirty", "forty")):
        answer = ask(talk, claim("patient_age", *quotes, value=30 if quotes == ("thirty",) else None))
        assert (answer.state, answer.answer_value) == ("answered", 40)


def test_a_correction_further_on_wins_within_a_claim_and_between_providers() -> None:
    talk = typed("patient: I'm thirty years old.", "patient: Oh, sorry, that's wrong. It is forty years old.")
    within = ask(talk, claim("patient_age", "thirty years old", "forty years old"))
    between = ask(
        talk, claim("patient_age", "thirty years old"), rules=(claim("patient_age", "forty years old", p=0.4),)
    )
    assert [(a.state, a.answer_value) for a in (within, between)] == [("answered", 40), ("answered", 40)]
    allergies = typed("patient: No allergies.", "patient: Oh wait, no, sorry, penicillin gives me hives.")
    answer = ask(
        allergies,
        claim("allergies", "No allergies", state="denied"),
        rules=(claim("allergies", "penicillin gives me hives"),),
    )
    assert (answer.state, answer.answer_text) == ("answered", "penicillin (hives)")


def test_pain_that_changed_is_no_contradiction() -> None:
    talk = typed("patient: Yesterday it was a seven.", "patient: Now it's a three.")
    assert ask(talk, claim("pain_level", "it's a three", "it was a seven")).state == "answered"


def test_no_allergies_and_an_allergy_conflict() -> None:
    talk = typed("patient: No allergies.", "nurse: I see.", "patient: Oh, penicillin gives me hives.")
    answer = ask(
        talk,
        claim("allergies", "No allergies", state="denied"),
        rules=(claim("allergies", "penicillin gives me hives"),),
    )
    assert answer.state == "conflicting"
    assert len(answer.evidence) == 2
    assert answer.answer_text == "penicillin gives me hives / No allergies"


def test_no_other_allergies_contradicts_nothing() -> None:
    talk = typed("patient: Penicillin gives me hives. No other allergies.")
    answer = ask(
        talk, claim("allergies", "Penicillin gives me hives"), rules=(claim("allergies", "No other allergies", p=0.6),)
    )
    assert answer.state == "answered"


# ---------------------------------------------------------------- doubts


def test_a_relatives_medicine_lowers_confidence_and_is_reviewed() -> None:
    talk = typed("patient: My mother takes warfarin.", "patient: I take aspirin.")
    theirs, own = (ask(talk, claim("medications", quote, p=0.5)) for quote in ("warfarin", "aspirin"))
    assert "third_party" in theirs.review_reasons
    assert not own.needs_review
    assert theirs.confidence_score is not None
    assert own.confidence_score is not None
    assert theirs.confidence_score < 0.5 < own.confidence_score


@pytest.mark.parametrize(("label", "reason"), [("patient: ", None), ("", "role_unknown"), ("nurse: ", "role_mismatch")])
def test_a_role_rule_lowers_confidence_and_never_drops(label: str, reason: str | None) -> None:
    talk = typed(f"{label}I want to walk to church again.")
    answer = ask(talk, claim("patient_goals_concerns", "I want to walk to church again"), profile="home")
    assert answer.state == "answered"
    assert answer.review_reasons == ((reason,) if reason else ())


def test_a_doubtful_answer_to_a_critical_question_goes_to_a_person() -> None:
    answer = ask(PENICILLIN, claim("allergies", "allergic to penicillin", p=0.02))
    assert not answer.is_confident
    assert "low_confidence" in answer.review_reasons
    harmless = ask(typed("patient: It's a cough."), claim("symptoms", "a cough", p=0.02))
    assert not harmless.is_confident
    assert not harmless.needs_review


def test_every_quote_in_every_answer_is_the_transcripts_own() -> None:
    talk = typed("nurse: Are you allergic to latex?", "patient: No. I'm thirty, no wait, forty. I'm not in pain.")
    result = run(
        talk, claim("allergies", "allergic to latex"), claim("patient_age", "thirty"), claim("pain_level", "pain")
    )
    for answer in result.answers:
        for item in answer.evidence:
            assert talk.full_text[item.start_char : item.end_char] == item.quote
            assert item.segment_ids
