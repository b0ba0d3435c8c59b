"""Names of medicines: is this word a drug, and of which class.

What lives here: the lexicon `drugs.txt`, the endings that drug names share, and `is_drug()`, `drug_class()`.
When to add here: a name that was missed (in `drugs.txt`), or an ending that new drugs share.
What to keep out: doses, routes, frequencies (`reading_lists.py`).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from nurseconv_dagster.extraction.words import word_list

# Source: stems of international nonproprietary names (WHO), those that few ordinary English words share.
SUFFIXES = tuple(
    word_list(
        "pril prilat sartan olol alol dipine statin gliptin gliflozin glutide glitazone xaban parin gatran grel "
        "prazole tidine setron triptan caine cillin cycline mycin micin floxacin oxacin conazole vir azepam "
        "zolam azole thiazide semide tyline oxetine profen coxib codone morphone sone solone nidazole mab tinib "
        "terol tropium dronate curonium barbital phylline lukast afil formin zosin penem tadine"
    )
)
_NOT_DRUGS = frozenset({"cholesterol", "cocaine"})
_SHORTEST_NAME = 7  # an ending such as "vir" or "pril" proves nothing in a short word ("April")


@cache
def _lexicon() -> dict[str, str]:
    names: dict[str, str] = {}
    for line in (Path(__file__).parent / "drugs.txt").read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            words, _, kind = line.partition("|")
            names.update(dict.fromkeys(words.split(), kind.strip()))
    return names


def is_drug(word: str) -> bool:
    """True when the word is a medicine's name by the lexicon or by its ending.

    Args:
        word: one word, any case.
    """
    lower = word.lower()
    if lower in _lexicon():
        return True
    return len(lower) >= _SHORTEST_NAME and lower not in _NOT_DRUGS and lower.endswith(SUFFIXES)


def drug_class(word: str) -> str:
    """The class in the lexicon ("anticoagulant", "opioid", ...), "" when it is not listed."""
    return _lexicon().get(word.lower(), "")
