"""Word error rate: how far a transcript is from what was said.

What lives here: `count_word_errors()`, `word_error_rate()`.
When to add here: the normaliser of another language.
What to keep out: answers (`comparing.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

from nurseconv_dagster.errors import SettingsError


@dataclass(frozen=True, slots=True)
class WordErrors:
    """Substituted, left out and invented words against the words of the reference."""

    n_errors: int = 0
    n_words: int = 0

    @property
    def rate(self) -> float | None:
        """Word error rate, 0 or more; null when nothing was said."""
        return self.n_errors / self.n_words if self.n_words else None


def word_error_rate(reference: str, hypothesis: str) -> float | None:
    """Word error rate, 0 or more; null when the reference has no words.

    Raises:
        SettingsError: permanent; the extra `evaluation` is not installed.
    """
    return count_word_errors(reference, hypothesis).rate


def count_word_errors(reference: str, hypothesis: str) -> WordErrors:
    """Edits and words after Whisper's own English normalisation; words heard where nobody spoke are errors too.

    Raises:
        SettingsError: permanent; the extra `evaluation` is not installed.

    Source: Radford et al. 2022, "Robust speech recognition via large-scale weak supervision", appendix C.
    """
    try:
        import jiwer
        from whisper_normalizer.english import EnglishTextNormalizer
    except ImportError as error:
        raise SettingsError(
            "word error rates need the extra 'evaluation': pip install 'nurseconv[evaluation]'", code="missing_extra"
        ) from error
    normalise = EnglishTextNormalizer()
    said, heard = normalise(reference), normalise(hypothesis)
    if not said or not heard:
        return WordErrors(len((said or heard).split()), len(said.split()))
    counts = jiwer.process_words(said, heard)
    n_errors = counts.substitutions + counts.deletions + counts.insertions
    return WordErrors(n_errors, counts.hits + counts.substitutions + counts.deletions)
