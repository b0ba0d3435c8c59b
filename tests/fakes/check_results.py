"""What the asset checks of the home found, from Dagster's own record."""

from __future__ import annotations


def failed_checks() -> set[str]:
    """The names of the asset checks whose last run on an upload's assets did not pass; each must have run."""
    from dagster import AssetKey, DagsterInstance

    from nurseconv_dagster.definitions import defs

    found = set()
    with DagsterInstance.get() as instance:
        for name in ("conversation_uploads", "conversation_transcriptions", "question_answers", "conversation_scores"):
            for key in defs.resolve_asset_graph().get_check_keys_for_assets({AssetKey(name)}):
                history = instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
                assert history, f"{key.name} never ran"
                if not history[0].event.asset_check_evaluation.passed:
                    found.add(key.name)
    return found
