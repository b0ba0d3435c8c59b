"""The rules as a provider: findings become claims, the best one of each question.

What lives here: `RulesReader`, `find_all()`, and what is claimed of a question that got no answer.
When to add here: a module of rules to ask.
What to keep out: the rules themselves.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from nurseconv_dagster.extraction.answers import Claim
from nurseconv_dagster.extraction.providers.asked import judge_silence, with_prompt
from nurseconv_dagster.extraction.providers.quoting import quote
from nurseconv_dagster.extraction.providers.rules.findings import CLAIMED_FROM, Finding
from nurseconv_dagster.extraction.providers.rules.measurements import find_measurements
from nurseconv_dagster.extraction.providers.rules.people import find_people
from nurseconv_dagster.extraction.providers.rules.replies import find_replies
from nurseconv_dagster.extraction.providers.rules.statements import find_statements
from nurseconv_dagster.extraction.providers.topics import topic_of, topics_version
from nurseconv_dagster.extraction.providers.turns import Talk, read_talk
from nurseconv_dagster.extraction.questions import Question
from nurseconv_dagster.speech.transcripts import Transcript

_SILENCE_PROBABILITY = 0.8  # not fitted: the labelled talks hold too few of these states; it is weighed against nothing


class RulesReader:
    """The provider that needs no model, no key and no network."""

    name = "rules"
    model_name = ""

    @property
    def prompt_sha256(self) -> str:
        """Hash of the rules themselves."""
        return _rules_sha256()

    def propose(self, questions: Sequence[Question], transcript: Transcript) -> tuple[Claim, ...]:
        """At most one claim per question: what the most reliable rule found, else what became of the question.

        Args:
            questions: asked for this upload.
            transcript: with or without roles.
        """
        talk = read_talk(transcript)
        best = best_findings(find_all(talk, questions))
        claims = [
            claim_of(talk, question, best[question.id], transcript)
            if question.id in best
            else claim_silence(talk, question, transcript)
            for question in questions
        ]
        return tuple(claim for claim in claims if claim is not None)


def find_all(talk: Talk, questions: Sequence[Question]) -> tuple[Finding, ...]:
    """Everything that any rule finds for these questions."""
    asked = {question.id for question in questions}
    found = (*find_measurements(talk), *find_people(talk), *find_statements(talk), *find_replies(talk, questions))
    return tuple(finding for finding in found if finding.question_id in asked)


def best_findings(findings: Iterable[Finding]) -> dict[str, Finding]:
    """Of each question the finding whose rule is most often right, if it is often enough; the first among equals."""
    best: dict[str, Finding] = {}
    for finding in findings:
        if finding.probability < CLAIMED_FROM:
            continue
        known = best.get(finding.question_id)
        if known is None or finding.probability > known.probability:
            best[finding.question_id] = finding
    return best


def claim_of(talk: Talk, question: Question, finding: Finding, transcript: Transcript) -> Claim:
    """The finding as a claim: its quotes are the transcript's own words."""
    quotes = tuple(quote(transcript, *with_prompt(talk, question, start, end)) for start, end in finding.spans)
    return Claim(finding.question_id, finding.state, quotes=quotes, probability=finding.probability)


def claim_silence(talk: Talk, question: Question, transcript: Transcript) -> Claim | None:
    """What became of a question without an answer; null when it was not asked."""
    state, exchange = judge_silence(talk, topic_of(question))
    if exchange is None:
        return None
    quotes = tuple(quote(transcript, part.start, part.end) for part in (exchange.prompt, *exchange.reply[:1]))
    return Claim(question.id, state, quotes=quotes, probability=_SILENCE_PROBABILITY)


@cache
def _rules_sha256() -> str:
    digest = hashlib.sha256(topics_version())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
