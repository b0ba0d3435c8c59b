"""The jobs: a batch of uploads from file to scores, the reporting tables for all of them, and quality on demand.

What lives here: `process_uploads`, `build_marts`, `evaluate_answers`, `challenge_answers`.
When to add here: a selection of assets that runs on its own.
What to keep out: triggers (sensors).
"""

from dagster import AssetKey, AssetSelection, define_asset_job

from nurseconv_dagster.automation.queues import bounds

UPLOAD_ASSETS = ("conversation_uploads", "conversation_transcriptions", "question_answers", "conversation_scores")
# The ledger's stage, and the assets that a run starting there has to make.
ASSETS_FROM_STAGE = {
    "uploads": UPLOAD_ASSETS,
    "transcriptions": UPLOAD_ASSETS[1:],
    "answers": UPLOAD_ASSETS[2:],
    "scores": UPLOAD_ASSETS[3:],
}
PROCESS_UPLOADS = "process_uploads"
BUILD_MARTS = "build_marts"
EVALUATE_ANSWERS = "evaluate_answers"
CHALLENGE_ANSWERS = "challenge_answers"

_quality = AssetSelection.assets("evaluations", "challenges")
_uploads = AssetSelection.assets(*(AssetKey(name) for name in UPLOAD_ASSETS))

process_uploads = define_asset_job(
    PROCESS_UPLOADS,
    selection=_uploads - AssetSelection.all_asset_checks(),
    tags=bounds(n_stages=len(UPLOAD_ASSETS)),
    description="From file to scores, for one upload or a contiguous range of them.",
)
build_marts = define_asset_job(
    BUILD_MARTS,
    selection=(AssetSelection.all() - _uploads - _quality) | AssetSelection.checks_for_assets(*UPLOAD_ASSETS),
    tags=bounds(n_stages=1),
    description="The reporting tables, once for many uploads, and the checks of everything that goes into them.",
)
evaluate_answers = define_asset_job(
    EVALUATE_ANSWERS,
    selection=AssetSelection.assets("evaluations"),
    tags=bounds(n_stages=1),
    description="How good the current answers are, by references. On demand.",
)
challenge_answers = define_asset_job(
    CHALLENGE_ANSWERS,
    selection=AssetSelection.assets("challenges"),
    tags=bounds(n_stages=1),
    description="What another model, prompt, catalogue or weights would change. On demand; it may cost money.",
)
