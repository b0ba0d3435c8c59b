"""The challenger, as a resource: other settings are put to a cohort, beside the answers in force.

What lives here: `Challenge`, what is wished for, and `ChallengerResource`, which carries it out.
When to add here: another thing that happens once for each upload of a challenge.
What to keep out: what may differ (`challenger_settings`), comparing and the page (evaluation), SQL (store).
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from dagster import ConfigurableResource, ResourceDependency

from nurseconv_dagster.errors import (
    BreakerOpenError,
    BudgetSpentError,
    ContextTooLongError,
    NurseconvError,
    ProviderAuthError,
    ProviderQuotaError,
    ProviderRateLimitedError,
    ProviderReplyError,
    ProviderRequestError,
    ProviderTimeoutError,
    ProviderUnavailableError,
)
from nurseconv_dagster.extraction.answers import Answer, ProviderCall
from nurseconv_dagster.resources.challenger_settings import Challenger, challenger_settings, promotion
from nurseconv_dagster.resources.extractors import Asking, extract_with
from nurseconv_dagster.resources.stores import StoreResource
from nurseconv_dagster.scoring.hospital_files import read_catalogue, read_weights
from nurseconv_dagster.settings import Settings
from nurseconv_dagster.speech.transcripts import Transcript
from nurseconv_dagster.store.budgets import ChallengeMoney
from nurseconv_dagster.store.challenges import (
    Choice,
    Member,
    complete_challenge,
    freeze_cohort,
    load_cohort,
    save_contest,
    start_challenge,
)
from nurseconv_dagster.store.results import load_answers, load_transcript

if TYPE_CHECKING:
    from nurseconv_dagster.evaluation.flips import Contest, Replicate

# A provider that fails is a result of the challenge; anything else (a wrong file, no database) ends it.
_RESULTS = (
    BreakerOpenError,
    BudgetSpentError,
    ContextTooLongError,
    ProviderAuthError,
    ProviderQuotaError,
    ProviderRateLimitedError,
    ProviderReplyError,
    ProviderRequestError,
    ProviderTimeoutError,
    ProviderUnavailableError,
)


@dataclass(frozen=True, slots=True)
class Challenge:
    """A challenge as it is wished for.

    Args:
        choice: of the cohort; null when `cohort_id` names one that is frozen already.
        n_replicates: times that each upload is answered.
        budget_usd: for all of it; null is without limit.
        references_dir: judges both sides where references fit uploads of the cohort; null for none.
    """

    challenger: Challenger
    choice: Choice
    cohort_id: UUID | None = None
    n_replicates: int = 1
    budget_usd: float | None = None
    references_dir: Path | None = None


class ChallengerResource(ConfigurableResource[None]):
    """Asks a challenger what is in force, without touching it."""

    store: ResourceDependency[StoreResource]

    def challenge(
        self, wish: Challenge, run_id: str, on_upload: Callable[[int, int], None] = lambda done, all_: None
    ) -> tuple[dict[str, float | int | None], Path]:
        """The figures, and the page that shows them.

        Args:
            run_id: Dagster's.
            on_upload: told after each upload how many of how many are done.

        Raises:
            SettingsError, CatalogueError, UnknownUploadError, WeightsMissingError, ModelError: permanent.
            StoreUnavailableError: transient; what was compared before is kept.
        """
        from nurseconv_dagster.evaluation.challenge_page import Told, render_page
        from nurseconv_dagster.evaluation.flips import sum_up

        settings, engine = self.store.settings, self.store.engine
        changes = wish.challenger.changes(settings)
        changed = challenger_settings(settings, changes)
        for read in (read_catalogue, read_weights):
            read(changed)  # a wrong file is refused before anything is frozen or paid
        cohort_id = wish.cohort_id or freeze_cohort(engine, wish.choice, settings.default_profile)
        members = load_cohort(engine, cohort_id)
        verdicts = _Verdicts(self.store, wish.references_dir, members)
        row = start_challenge(engine, cohort_id, changes, wish.n_replicates, run_id)
        contests = []
        for member in members:
            contests.append(self._contest(member, changed, row.id, wish, verdicts))
            on_upload(len(contests), len(members))
        figures = {**sum_up(contests), **verdicts.figures()}
        complete_challenge(engine, row.id, figures)
        told = Told(
            challenge_id=row.id,
            cohort_id=cohort_id,
            started_at=row.started_at,
            changes=changes,
            promotion=promotion(settings, changes),
            n_replicates=wish.n_replicates,
            figures=figures,
            contests=tuple(contests),
        )
        page = settings.reports_dir / f"challenge-{row.id}.html"
        page.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        page.write_text(render_page(told), encoding="utf-8")
        return figures, page

    def _contest(
        self, member: Member, settings: Settings, challenge_id: UUID, wish: Challenge, verdicts: "_Verdicts"
    ) -> "Contest":
        """One upload, all replicates; kept before the next one begins."""
        from nurseconv_dagster.evaluation.flips import Contest, find_flips

        engine = self.store.engine
        transcript = load_transcript(engine, member.upload_id, member.transcription_id)
        calls: list[tuple[int, ProviderCall]] = []
        replicates: list[Replicate] = []
        answers: list[tuple[Answer, ...]] = []
        for number in range(1, wish.n_replicates + 1):
            money = ChallengeMoney(challenge_id, number, wish.budget_usd)
            replicate, told, made = self._replicate(member, transcript, settings, money)
            replicates.append(replicate)
            calls += [(number, call) for call in made]
            if told is not None:
                answers.append(told)
        current = load_answers(engine, member.answer_ids)
        contest = Contest(member.upload_id, tuple(replicates), find_flips(current, answers))
        save_contest(engine, challenge_id, contest, calls)
        verdicts.judge(member.upload_id, current, answers)
        return contest

    def _replicate(
        self, member: Member, transcript: Transcript, settings: Settings, money: ChallengeMoney
    ) -> "tuple[Replicate, tuple[Answer, ...] | None, list[ProviderCall]]":
        from nurseconv_dagster.evaluation.flips import Replicate

        asking = Asking(
            member.upload_id, money.replicate, member.unit, member.nurse_id, member.encounter_id, member.profile, money
        )
        calls: list[ProviderCall] = []
        began = time.perf_counter()
        answers: tuple[Answer, ...] | None = None
        failed: NurseconvError | None = None
        try:
            answers = extract_with(settings, self.store.engine, transcript, asking, calls.append).answers
        except _RESULTS as error:
            failed = error
        replicate = Replicate(
            replicate=money.replicate,
            error_code=failed.code if failed is not None else None,
            latency_s=time.perf_counter() - began,
            cost_usd=sum(call.cost_usd or 0.0 for call in calls),
            n_claims_made=sum(call.n_claims_made for call in calls),
            n_claims_accepted=sum(call.n_claims_accepted for call in calls),
        )
        return replicate, answers, calls


class _Verdicts:
    """Both sides judged by references, where there are any."""

    def __init__(self, store: StoreResource, folder: Path | None, members: Sequence[Member]) -> None:
        self._expected: dict[UUID, Any] = {}
        self._judged: dict[str, list[Any]] = {"current": [], "challenger": []}
        if folder is None:
            return
        from nurseconv_dagster.evaluation.matching import match_references
        from nurseconv_dagster.evaluation.references import load_references
        from nurseconv_dagster.resources.evaluators import question_ids
        from nurseconv_dagster.store.evaluations import find_uploads

        references = load_references(folder, question_ids(store.settings))
        pairs = match_references(references, find_uploads(store.engine, references)).pairs
        wanted = {member.upload_id for member in members}
        self._expected = {upload_id: reference.answers for reference, upload_id in pairs if upload_id in wanted}

    def judge(self, upload_id: UUID, current: Sequence[Answer], replicates: Sequence[Sequence[Answer]]) -> None:
        """Counts what is right on either side; an upload without a reference counts on neither."""
        from nurseconv_dagster.evaluation.comparing import compare_answers

        expected = self._expected.get(upload_id)
        if expected is None or not replicates:
            return
        for side, answers in (("current", current), *(("challenger", replicate) for replicate in replicates)):
            rows = [
                {"question_id": answer.question_id, "state": answer.state, "answer_text": answer.answer_text,
                 "answer_value": answer.answer_value}
                for answer in answers
            ]  # fmt: skip
            self._judged[side] += compare_answers(expected, rows).values()

    def figures(self) -> dict[str, float | int | None]:
        """Precision, recall and F1 of both sides; nothing without references."""
        from nurseconv_dagster.evaluation.tallies import add_up

        tallies = {side: add_up(judged) for side, judged in self._judged.items() if judged}
        return {
            f"{side}_{name}": getattr(tally, name)
            for side, tally in tallies.items()
            for name in ("precision", "recall", "f1")
        }
