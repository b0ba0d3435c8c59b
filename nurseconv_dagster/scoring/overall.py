"""One number for the whole conversation.

What lives here: `overall()`.
When to add here: another condition under which the number is capped or withheld.
What to keep out: the components (each in its own module).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nurseconv_dagster.scoring.means import Scored, weighted_geometric_mean
from nurseconv_dagster.scoring.rubric import Rubric
from nurseconv_dagster.scoring.rubric_parts import OverallPart


def overall(components: Mapping[OverallPart, float | None], conflicts: Sequence[str], rubric: Rubric) -> Scored:
    """100 * weighted geometric mean of the components, 0..100; null ("not scored") on a poor transcript.

    The geometric mean does not let a strong component make up for a missing one, as the arithmetic mean would.

    Args:
        components: 0..1, null drops out.
        conflicts: ids of safety-critical questions whose answers contradict each other; any of them caps the score.

    Source: docs/scoring.md, overall.
    """
    rules = rubric.overall
    quality = components["transcription"]
    is_withheld = quality is not None and quality < rules.min_transcription_quality
    mean = weighted_geometric_mean(((rules.weights[name], part) for name, part in components.items()), rules.floor)
    uncapped = None if mean is None else 100 * mean
    parts = {
        **{str(name): part for name, part in components.items()},
        "uncapped": uncapped,
        "cap": rules.cap_with_conflict if conflicts else None,
        "safety_critical_conflicts": list(conflicts),
        "withheld_below": rules.min_transcription_quality if is_withheld else None,
    }
    if uncapped is None or is_withheld:
        return Scored(None, parts)
    return Scored(min(uncapped, rules.cap_with_conflict) if conflicts else uncapped, parts)
