"""Could a patient follow the words? The reading grade of what the nurse said.

What lives here: `reading_grade()`, `plain_language()`, and the count of syllables they need.
When to add here: another measure of plainness with a published formula.
What to keep out: other languages; the formula and the syllables are English.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from nurseconv_dagster.scoring.means import Scored
from nurseconv_dagster.scoring.rubric_parts import PlainLanguage
from nurseconv_dagster.scoring.turns import Turn, sentences, words_of

_VOWELS = re.compile(r"[aeiouy]+")
# Endings with a silent e: "gives", "take", "moved"; not "tables", "needed", "doses".
_SILENT_E = re.compile(r"(?:(?<![aeiouyl])e|(?<=[aeiouy])le|(?<![aeiouysxzcgh])(?<![^aeiouy]l)es|(?<![aeiouytd])ed)$")


def n_syllables(word: str) -> int:
    """Syllables of an English word by its vowel groups, silent e left out; at least 1. An estimate."""
    groups = len(_VOWELS.findall(word)) - bool(_SILENT_E.search(word))
    return max(1, groups)


def reading_grade(texts: Sequence[str]) -> float | None:
    """Flesch-Kincaid grade: 0.39 words/sentences + 11.8 syllables/words - 15.59; null without words.

    Numbers are not counted as words.

    Source: Kincaid, Fishburne, Rogers and Chissom 1975, "Derivation of new readability formulas".
    """
    words = [word for text in texts for word in words_of(text)]
    n_sentences = sum(bool(words_of(text[start:end])) for text in texts for start, end in sentences(text))
    if not words:
        return None
    return 0.39 * len(words) / n_sentences + 11.8 * sum(map(n_syllables, words)) / len(words) - 15.59


def plain_language(turns: Sequence[Turn], rules: PlainLanguage) -> Scored:
    """1 up to `plain_grade`, falling to 0 at `hard_grade`; null with fewer than `min_words` words.

    Args:
        turns: the nurse's.

    Source: the sixth grade as the target for patient information is the advice of the American Medical Association
        (Weiss 2003, "Health literacy: a manual for clinicians"); the straight line to grade 12 is ours.
    """
    texts = [turn.text for turn in turns]
    n_words = sum(len(words_of(text)) for text in texts)
    grade = reading_grade(texts)
    if grade is None or n_words < rules.min_words:
        return Scored(None, {"reading_grade": None, "n_words": n_words})
    share = (rules.hard_grade - grade) / (rules.hard_grade - rules.plain_grade)
    return Scored(min(max(share, 0.0), 1.0), {"reading_grade": grade, "n_words": n_words})
