"""The composition root: every asset, check, job, sensor and resource, put together once.

What lives here: `build_definitions()`, and `defs`, which Dagster loads.
When to add here: a new asset, check, job, sensor or resource, one line.
What to keep out: logic of any kind.
"""

from typing import Any

from dagster import Definitions

from nurseconv_dagster.assets.challenges import challenges
from nurseconv_dagster.assets.conversation_scores import conversation_scores
from nurseconv_dagster.assets.conversation_transcriptions import conversation_transcriptions
from nurseconv_dagster.assets.conversation_uploads import conversation_uploads
from nurseconv_dagster.assets.evaluations import evaluations
from nurseconv_dagster.assets.marts import marts
from nurseconv_dagster.assets.question_answers import question_answers
from nurseconv_dagster.automation.engine import stage_executor
from nurseconv_dagster.automation.intake_sensor import intake_sensor
from nurseconv_dagster.automation.jobs import build_marts, challenge_answers, evaluate_answers, process_uploads
from nurseconv_dagster.automation.reconciler_sensor import reconciler_sensor
from nurseconv_dagster.checks.ledger_checks import ledger_checks
from nurseconv_dagster.checks.reporting_frame import reporting_frame_is_sound
from nurseconv_dagster.resources.challengers import ChallengerResource
from nurseconv_dagster.resources.evaluators import EvaluatorResource
from nurseconv_dagster.resources.extractors import ExtractorResource
from nurseconv_dagster.resources.intakes import IntakeResource
from nurseconv_dagster.resources.marts import MartsResource
from nurseconv_dagster.resources.scorers import ScorerResource
from nurseconv_dagster.resources.stages import StageResource
from nurseconv_dagster.resources.stores import StoreResource
from nurseconv_dagster.resources.transcribers import TranscriberResource

store = StoreResource()
intake = IntakeResource(store=store)


def build_definitions(**resources: Any) -> Definitions:
    """All definitions; a resource given by name replaces the default one (tests, another engine)."""
    defaults = {
        "store": store,
        "intake": intake,
        "stages": StageResource(store=store),
        "transcriber": TranscriberResource(intake=intake),
        "extractor": ExtractorResource(store=store),
        "scorer": ScorerResource(store=store),
        "marts_builder": MartsResource(store=store),
        "evaluator": EvaluatorResource(store=store),
        "challenger": ChallengerResource(store=store),
    }
    return Definitions(
        assets=[
            conversation_uploads,
            conversation_transcriptions,
            question_answers,
            conversation_scores,
            marts,
            evaluations,
            challenges,
        ],
        asset_checks=[*ledger_checks, reporting_frame_is_sound],
        jobs=[process_uploads, build_marts, evaluate_answers, challenge_answers],
        sensors=[intake_sensor, reconciler_sensor],
        resources={**defaults, **resources},
        executor=stage_executor(store.settings),
    )


defs = build_definitions()
