"""Fits how the local reader weighs its candidates, and writes `providers/weighing.json`.

    python benchmarks/fit_reader.py

Fitted on the talks of `dev` (weight 1) and `generated` (weight 0.5); `heldout` and `probe` are never looked at here.
The model is logistic: its target is a candidate's token F1 with the marked answer (0 where there is none), each
question of each talk counts the same, a ridge holds the weights and, harder, the offsets of the question ids.
Then, on the candidates that win, a second logistic turns the weight into the probability of being right (F1 >= 0.5).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from talks import GENERATED, Talk, answer_f1, load_talks

from nurseconv_dagster.extraction.catalogue import load_catalogue
from nurseconv_dagster.extraction.providers.candidates import Candidate
from nurseconv_dagster.extraction.providers.local import LocalReader, weighable_candidates
from nurseconv_dagster.extraction.providers.turns import read_talk
from nurseconv_dagster.extraction.providers.weighing import WEIGHING_FILE
from nurseconv_dagster.extraction.questions import Question

RIDGE, RIDGE_OF_OFFSETS = 0.002, 0.0075
ANSWER_FROM, ITEM_FROM = 0.3, 0.6
RIGHT_FROM = 0.5


@dataclass(frozen=True)
class Case:
    """One question of one talk: its candidates and how much each overlaps the marked answer."""

    talk: Talk
    question: Question
    candidates: tuple[Candidate, ...]
    overlaps: tuple[float, ...]
    weight: float


def all_questions() -> list[Question]:
    """Every question of the catalogue once."""
    profiles = load_catalogue().profiles.values()
    return list({question.id: question for profile in profiles for question in profile.questions}.values())


def gather(part: str, weight: float, reader: LocalReader) -> list[Case]:
    """The cases of one part of the talks."""
    cases = []
    for talk in load_talks(part):
        questions = [question for question in all_questions() if talk.judges(question.id)]
        spoken = read_talk(talk.transcript)
        found = weighable_candidates(spoken, questions, reader.read(questions, talk.transcript))
        for question in questions:
            golds = talk.golds.get(question.id)
            overlaps = tuple(
                answer_f1([spoken.text[item.start : item.end]], golds) if golds else 0.0 for item in found[question.id]
            )
            cases.append(Case(talk, question, found[question.id], overlaps, weight))
    return cases


def fit(cases: list[Case]) -> tuple[float, dict[str, float], dict[str, float]]:
    """Bias, weights by feature, offsets by question id."""
    names = sorted({name for case in cases for item in case.candidates for name in item.features})
    ids = sorted({case.question.id for case in cases})
    rows = [
        (case, item, overlap) for case in cases for item, overlap in zip(case.candidates, case.overlaps, strict=True)
    ]
    x = np.array([[item.features[name] for name in names] for _, item, _ in rows])
    x = np.hstack(
        [x, np.ones((len(rows), 1)), np.array([[float(case.question.id == key) for key in ids] for case, _, _ in rows])]
    )
    y = np.array([overlap for _, _, overlap in rows])
    share = np.array([case.weight / len(case.candidates) for case, _, _ in rows])
    ridge = np.array([RIDGE] * len(names) + [0.0] + [RIDGE_OF_OFFSETS] * len(ids))
    found = _minimise(x, y, share / share.sum(), ridge)
    n = len(names)
    return (
        float(found[n]),
        dict(zip(names, found[:n].tolist(), strict=True)),
        dict(zip(ids, found[n + 1 :].tolist(), strict=True)),
    )


def calibrate(cases: list[Case], log_odds: dict[int, list[float]]) -> tuple[float, float]:
    """Intercept and slope, fitted on the candidates that win."""
    wins = [
        (max(log_odds[id(case)]), case.overlaps[int(np.argmax(log_odds[id(case)]))], case.weight)
        for case in cases
        if case.candidates
    ]
    x = np.array([[1.0, z] for z, _, _ in wins])
    y = np.array([float(overlap >= RIGHT_FROM) for _, overlap, _ in wins])
    share = np.array([weight for _, _, weight in wins])
    intercept, slope = _minimise(x, y, share / share.sum(), np.zeros(2))
    return float(intercept), float(slope)


def _minimise(
    x: NDArray[np.float64], y: NDArray[np.float64], share: NDArray[np.float64], ridge: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Weights of least cross entropy plus ridge. Source: Newton's method for logistic regression."""
    found = np.zeros(x.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-(x @ found)))
        gradient = x.T @ ((p - y) * share) + ridge * found
        curvature = (x * (share * p * (1 - p))[:, None]).T @ x + np.diag(ridge + 1e-9)
        step = np.linalg.solve(curvature, gradient)
        found = found - step
        if np.abs(step).max() < 1e-8:
            break
    return found


def main() -> None:
    reader = LocalReader(threads=2)
    cases = gather("dev", 1.0, reader) + gather(GENERATED, 0.5, reader)
    cases = [case for case in cases if case.candidates]
    bias, weights, offsets = fit(cases)
    log_odds = {
        id(case): [
            bias + offsets[case.question.id] + sum(weights[k] * v for k, v in item.features.items())
            for item in case.candidates
        ]
        for case in cases
    }
    content = {
        "fitted": (__doc__ or "").split("\n\n", 2)[2].replace("\n", " ").strip(),
        "bias": round(bias, 4),
        "weights": {key: round(value, 4) for key, value in weights.items()},
        "offsets": {key: round(value, 4) for key, value in offsets.items()},
        "answer_from": ANSWER_FROM,
        "item_from": ITEM_FROM,
        "calibration": [round(value, 4) for value in calibrate(cases, log_odds)],
    }
    version = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]
    WEIGHING_FILE.write_text(json.dumps({"version": version, **content}, indent=1) + "\n", encoding="utf-8")
    print(f"{len(cases)} cases, {sum(len(case.candidates) for case in cases)} candidates: weighing {version}")


if __name__ == "__main__":
    main()
