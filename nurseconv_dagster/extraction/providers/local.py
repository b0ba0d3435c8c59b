"""The local reader as a provider: an extractive model, held to account by turns, topics and rules.

What lives here: `LocalReader`, from questions and transcript to claims.
When to add here: a step between the model's spans and a claim.
What to keep out: the model (`span_model.py`), signs and weights (`candidates.py`, `weighing.py`), typed values.

How it reads: every window of the transcript is asked each question in up to three wordings; the spans, the replies to
questions about the topic, and what the rules found become candidates; what speaks of other people, of what-ifs or of
things denied is taken out; the rest is weighed, and the best one becomes a claim where it weighs enough.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

from nurseconv_dagster.extraction.answers import Claim, State
from nurseconv_dagster.extraction.providers.asked import asked_exchanges, classify_reply, with_prompt
from nurseconv_dagster.extraction.providers.candidates import Candidate, Support, find_candidates
from nurseconv_dagster.extraction.providers.model_files import BUNDLED, ModelFiles, find_reader
from nurseconv_dagster.extraction.providers.passages import Passage, present
from nurseconv_dagster.extraction.providers.quoting import quote
from nurseconv_dagster.extraction.providers.rules.findings import Finding
from nurseconv_dagster.extraction.providers.rules.reader import claim_silence, find_all
from nurseconv_dagster.extraction.providers.rules.replies import is_about_one_thing
from nurseconv_dagster.extraction.providers.span_model import Asking, EncodedText, SpanModel
from nurseconv_dagster.extraction.providers.subject import patient_kin
from nurseconv_dagster.extraction.providers.topics import Topic, topic_of, topics_version
from nurseconv_dagster.extraction.providers.turns import Talk, read_talk
from nurseconv_dagster.extraction.providers.weighing import WEIGHING_FILE, Weighing, load_weighing
from nurseconv_dagster.extraction.questions import Question
from nurseconv_dagster.speech.transcripts import Transcript

_N_WORDINGS = 3
_TOP_K = 4
_GIVE_UP_BELOW = -4.0  # margin; three wordings agree on nothing that the first one finds hopeless
_MOST_ITEMS = 5


class LocalReader:
    """The provider that runs on this machine: no key, no network."""

    name = "local"

    def __init__(
        self,
        model: str = BUNDLED,
        *,
        max_context_length: int = 4096,
        max_question_length: int = 512,
        threads: int = 1,
    ) -> None:
        """Nothing is loaded until the first transcript comes.

        Args:
            model: `QA_MODEL`: "bundled", a folder, or a name on the model hub.
            max_context_length: `MAX_CONTEXT_LENGTH`, characters of a passage.
            max_question_length: `MAX_QUESTION_LENGTH`, characters of a wording; longer ones are cut.
            threads: questions that are read at the same time, >= 1; what is found does not depend on it.
        """
        self._model = model
        self._max_context_length = max_context_length
        self._max_question_length = max_question_length
        self._threads = threads

    @property
    def model_name(self) -> str:
        """The model's name and the first 12 digits of its weights' SHA-256.

        Raises:
            WeightsMissingError, ModelError: permanent; there is no such model, or it cannot be used.
        """
        return f"{self._files.name}@{self._files.revision}"

    @property
    def prompt_sha256(self) -> str:
        """Hash of topics and weights; the wordings are part of model and catalogue."""
        return hashlib.sha256(topics_version() + WEIGHING_FILE.read_bytes()).hexdigest()

    def propose(self, questions: Sequence[Question], transcript: Transcript) -> tuple[Claim, ...]:
        """At most one claim per question.

        Args:
            questions: asked for this upload.
            transcript: with or without roles.

        Raises:
            WeightsMissingError, ModelError: permanent; there is no such model, or it cannot be used.
        """
        if not transcript.full_text:
            return ()
        return weigh_claims(questions, transcript, self.read(questions, transcript))

    def read(self, questions: Sequence[Question], transcript: Transcript) -> dict[str, tuple[Support, ...]]:
        """The model's spans for each question, before anything is weighed; in the transcript's offsets."""
        passages = present(transcript, max_chars=self._max_context_length)
        encoded = [(passage, self._span_model.encode(passage.text)) for passage in passages]
        # Questions side by side and not more threads in one inference: the windows are too small to be worth sharing.
        with ThreadPoolExecutor(self._threads) as pool:
            found = pool.map(lambda question: self._ask(question, encoded), questions)
            return {question.id: supports for question, supports in zip(questions, found, strict=True)}

    @cached_property
    def _files(self) -> ModelFiles:
        return find_reader(self._model)

    @cached_property
    def _span_model(self) -> SpanModel:
        return SpanModel(self._files)

    def wordings(self, question: Question) -> tuple[str, ...]:
        """What the model is asked: what it was trained on where it knows the question, else the catalogue's first."""
        trained = self._files.config.get("questions", {}).get(question.id, ())[:_N_WORDINGS]
        return tuple(wording[: self._max_question_length] for wording in trained or question.wordings[:1])

    def _ask(self, question: Question, encoded: Sequence[tuple[Passage, EncodedText]]) -> tuple[Support, ...]:
        wordings = self.wordings(question)
        best: dict[tuple[int, int], float] = {}
        for passage, text in encoded:
            asking = Asking(_TOP_K, _GIVE_UP_BELOW, _window_filter(passage, topic_of(question)))
            for span in self._span_model.ask(wordings, text, asking):
                place = passage.origin(span.start, span.end)
                if place is not None:
                    best[place] = max(span.margin, best.get(place, span.margin))
        return tuple(Support(start, end, margin) for (start, end), margin in best.items())


def weigh_claims(
    questions: Sequence[Question], transcript: Transcript, supports: dict[str, tuple[Support, ...]]
) -> tuple[Claim, ...]:
    """The claims that the model's spans, the turns and the rules lead to together.

    Args:
        questions: asked for this upload.
        transcript: with speech.
        supports: from `LocalReader.read()`.
    """
    talk = read_talk(transcript)
    candidates = weighable_candidates(talk, questions, supports)
    weighing = load_weighing()
    claims = [_claim(talk, question, candidates[question.id], weighing, transcript) for question in questions]
    return tuple(claim for claim in claims if claim is not None)


def weighable_candidates(
    talk: Talk, questions: Sequence[Question], supports: dict[str, tuple[Support, ...]]
) -> dict[str, tuple[Candidate, ...]]:
    """Every question's candidates, from the model's spans, the replies and the rules.

    Args:
        talk: the conversation.
        questions: asked for this upload.
        supports: from `LocalReader.read()`.
    """
    findings = find_all(talk, questions)
    kin = patient_kin(talk)
    replies = _replies_by_topic(talk, questions)
    return {
        question.id: find_candidates(
            talk,
            question,
            supports.get(question.id, ()),
            _findings_of(question, findings),
            kin=kin,
            asked_of_others=[place for place, ids in replies.items() if question.id not in ids],
        )
        for question in questions
    }


def _findings_of(question: Question, findings: Sequence[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.question_id == question.id]


def _replies_by_topic(talk: Talk, questions: Sequence[Question]) -> dict[tuple[int, int], frozenset[str]]:
    """Of each reply to a prompt with a known topic, the questions that the prompt asks for."""
    topics = {question.id: topic_of(question) for question in questions}
    replies: dict[tuple[int, int], frozenset[str]] = {}
    for exchange in talk.exchanges:
        if not exchange.reply or exchange.prompt.role == "patient":
            continue
        ids = frozenset(key for key, topic in topics.items() if topic.is_asked_in(exchange.prompt.text))
        if ids:
            replies[exchange.reply[0].start, exchange.reply[-1].end] = ids
    return replies


def _window_filter(passage: Passage, topic: Topic) -> Callable[[int, int], bool]:
    """True for windows of the passage in which the topic may be asked for or spoken of."""
    return lambda start, end: topic.may_be_in(passage.text[start:end])


def _claim(
    talk: Talk, question: Question, candidates: Sequence[Candidate], weighing: Weighing, transcript: Transcript
) -> Claim | None:
    ranked = weighing.best_first(question.id, candidates)
    if not ranked or ranked[0][0] < weighing.answer_from:
        return claim_silence(talk, question, transcript)
    least = max(weighing.answer_from, ranked[0][0] * weighing.item_from)
    chosen = [ranked[0][1]]
    if question.value_type == "list":
        chosen = _distinct([candidate for weight, candidate in ranked if weight >= least])[:_MOST_ITEMS]
    best = chosen[0]
    state = _state(talk, question, best)
    quoted = chosen if state == "answered" else [best]
    quotes = tuple(quote(transcript, *with_prompt(talk, question, item.start, item.end)) for item in quoted)
    return Claim(question.id, state, quotes=quotes, probability=weighing.probability(question.id, best))


def _distinct(candidates: Sequence[Candidate]) -> list[Candidate]:
    kept: list[Candidate] = []
    for candidate in candidates:
        if all(candidate.end <= other.start or candidate.start >= other.end for other in kept):
            kept.append(candidate)
    return kept


def _state(talk: Talk, question: Question, best: Candidate) -> State:
    """Denied when a list or text question was asked and the chosen words lie in a reply that only says no."""
    if question.value_type not in ("list", "text"):
        return "answered"
    for exchange in asked_exchanges(talk, topic_of(question)):
        reply = classify_reply(exchange)
        if is_about_one_thing(question, exchange):
            continue
        if reply.kind == "no" and best.start < reply.end and best.end > reply.start:
            return "denied"
    return "answered"
