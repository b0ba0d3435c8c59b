"""The evaluator, as a resource: references, the uploads they are about, and what comes out.

What lives here: `EvaluatorResource` and `Outcome`.
When to add here: a setting that an evaluation depends on.
What to keep out: judging (evaluation), SQL (store).
"""

from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagster import ConfigurableResource, ResourceDependency

from nurseconv_dagster.resources.stores import StoreResource
from nurseconv_dagster.scoring.hospital_files import read_catalogue, read_weights
from nurseconv_dagster.settings import Settings

if TYPE_CHECKING:
    from nurseconv_dagster.evaluation.comparing import Case, Evaluation
    from nurseconv_dagster.evaluation.references import Reference


@dataclass(frozen=True, slots=True)
class Outcome:
    """An evaluation and how many references it rests on.

    Args:
        n_references: in the folder.
        n_missing: references that no upload fits.
        n_ambiguous: references that several uploads fit.
        counts_words: false when word error rates need a package that is not installed.
    """

    evaluation: "Evaluation"
    n_references: int
    n_missing: int
    n_ambiguous: int
    counts_words: bool

    @property
    def figures(self) -> dict[str, float | int]:
        """Counts and rates by name, for Dagster; a rate without a case is left out."""
        from nurseconv_dagster.evaluation.tallies import headline

        counts = {name: getattr(self, name) for name in ("n_references", "n_missing", "n_ambiguous")}
        return {name: value for name, value in {**counts, **headline(self.evaluation)}.items() if value is not None}

    def as_json(self) -> dict[str, Any]:
        """Everything that is known, null where there is nothing to judge."""
        from nurseconv_dagster.evaluation.calibration import calibrate_answers
        from nurseconv_dagster.evaluation.tallies import headline, tally_by_question, tally_by_state

        evaluation = self.evaluation
        return {
            **{name: getattr(self, name) for name in ("n_references", "n_missing", "n_ambiguous")},
            **headline(evaluation),
            "claims_dropped": dict(evaluation.claims_dropped),
            "reliability": [asdict(each) for each in calibrate_answers(evaluation.all_comparisons).bins],
            "questions": {name: tally.as_json() for name, tally in tally_by_question(evaluation).items()},
            "states": {name: tally.as_json() for name, tally in tally_by_state(evaluation).items()},
        }


class EvaluatorResource(ConfigurableResource[None]):
    """Judges current answers by references."""

    store: ResourceDependency[StoreResource]

    def evaluate(self, folder: Path | None = None, *, names: bool = False) -> Outcome:
        """Every reference of the folder against what the system made of its upload; kept as rows.

        Args:
            folder: null for `references` in the home.
            names: conversations are called as the references are; otherwise by the upload's id, for names may name a
                person.

        Raises:
            SettingsError: permanent; a reference is wrong, or the folder holds none.
            CatalogueError: permanent; the catalogue is wrong.
        """
        from nurseconv_dagster.evaluation.comparing import evaluate
        from nurseconv_dagster.evaluation.matching import match_references
        from nurseconv_dagster.evaluation.references import load_references, references_sha256
        from nurseconv_dagster.store.evaluations import find_uploads, load_case, save_evaluation

        settings, engine = self.store.settings, self.store.engine
        references = load_references(folder or settings.references_dir, question_ids(settings))
        matched = match_references(references, find_uploads(engine, references))
        cases = [
            load_case(engine, reference if names else _called(reference, str(upload_id)), upload_id)
            for reference, upload_id in matched.pairs
        ]
        counts_words = find_spec("jiwer") is not None and find_spec("whisper_normalizer") is not None
        evaluation = evaluate(cases, counts_words=counts_words)
        outcome = Outcome(evaluation, len(references), matched.n_missing, matched.n_ambiguous, counts_words)
        counts = {name: getattr(outcome, name) for name in ("n_references", "n_missing", "n_ambiguous")}
        save_evaluation(engine, evaluation, counts, references_sha256(references), _versions(cases))
        return outcome

    def fit(self, evaluation: "Evaluation") -> tuple["Any", str]:
        """The fit of the confidence's weights on this evaluation, and the file that proposes it ("" without a fit)."""
        from nurseconv_dagster.evaluation.fitting import Fit, fit_weights, render_proposal

        weights = read_weights(self.store.settings)
        fit = fit_weights(evaluation.comparisons, weights)
        return fit, render_proposal(fit, weights) if isinstance(fit, Fit) else ""


def question_ids(settings: Settings) -> frozenset[str]:
    """Every question of the catalogue, in whatever profile."""
    profiles = read_catalogue(settings).profiles.values()
    return frozenset(question.id for profile in profiles for question in profile.questions)


def _called(reference: "Reference", name: str) -> "Reference":
    return reference.model_copy(update={"name": name})


def _versions(cases: "list[Case]") -> dict[str, list[str]]:
    """What made the answers, by kind."""
    rows = [row for case in cases for row in case.answers]
    return {
        kind: sorted({str(row[kind]) for row in rows if row.get(kind)})
        for kind in ("catalogue_version", "confidence_version", "provider", "model_name")
    }
