"""Catalogue, rubric, confidence weights, read once per version of their files: a change counts from the next upload on.

What lives here: `read_catalogue()`, `read_rubric()`, `read_weights()`.
When to add here: another file that a hospital may replace. They stand in this room because it is the first that knows
them.
What to keep out: what is in the files, and whether it is right (extraction, scoring).
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from nurseconv_dagster.settings import Settings

if TYPE_CHECKING:
    from nurseconv_dagster.extraction.confidence import Weights
    from nurseconv_dagster.extraction.questions import Catalogue
    from nurseconv_dagster.scoring.rubric import Rubric


def read_catalogue(settings: Settings) -> Catalogue:
    """The catalogue of `CATALOGUE_FILE`, or the product's own.

    Raises:
        CatalogueError: the file is wrong; names line and reason.
    """
    return _catalogue(settings.catalogue_file, _version(settings.catalogue_file))


def read_rubric(settings: Settings) -> Rubric:
    """The rubric of `RUBRIC_FILE`, or the product's own.

    Raises:
        CatalogueError: the file is wrong; names line and reason.
    """
    return _rubric(settings.rubric_file, _version(settings.rubric_file))


def read_weights(settings: Settings) -> Weights:
    """The weights of `CONFIDENCE_FILE`, or the product's own.

    Raises:
        CatalogueError: the file is wrong; names line and reason.
    """
    return _weights(settings.confidence_file, _version(settings.confidence_file))


@lru_cache(maxsize=4)
def _catalogue(path: Path | None, version: int) -> Catalogue:
    from nurseconv_dagster.extraction.catalogue import load_catalogue

    return load_catalogue(path)


@lru_cache(maxsize=4)
def _rubric(path: Path | None, version: int) -> Rubric:
    from nurseconv_dagster.scoring.rubric import load_rubric

    return load_rubric(path)


@lru_cache(maxsize=4)
def _weights(path: Path | None, version: int) -> Weights:
    from nurseconv_dagster.extraction.confidence import load_weights

    return load_weights(path)


def _version(path: Path | None) -> int:
    return path.stat().st_mtime_ns if path is not None and path.exists() else 0
