"""How good the answers and their confidences are on labelled talks, what a fit of the weights is worth, and what the
rules alone would change.

    python benchmarks/quality.py [--parts heldout probe] [--providers local rules]

Prints the tables of `nurseconv evaluate`, the fit on conversations left out of it beside the weights in force, and the
flips of a challenger that asks the rules alone.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from uuid import uuid4

from talks import PARTS, Talk, load_talks

from nurseconv_dagster.evaluation.comparing import Case, evaluate
from nurseconv_dagster.evaluation.fitting import fit_weights
from nurseconv_dagster.evaluation.flips import Contest, find_flips, sum_up
from nurseconv_dagster.evaluation.references import Reference
from nurseconv_dagster.evaluation.tables import render_report
from nurseconv_dagster.extraction.answers import Extraction
from nurseconv_dagster.extraction.catalogue import load_catalogue
from nurseconv_dagster.extraction.chain import extract
from nurseconv_dagster.extraction.confidence import load_weights
from nurseconv_dagster.extraction.providers.local import LocalReader
from nurseconv_dagster.extraction.providers.rules.reader import RulesReader
from nurseconv_dagster.extraction.questions import Provider


def reference_of(talk: Talk) -> Reference:
    """What the talk's author marked, as a reference; questions that are not judged are left out."""
    questions = load_catalogue().profiles[talk.profile].questions
    answers = {
        question.id: {
            "state": talk.states.get(question.id, "not_asked"),
            "text": "; ".join(talk.golds[question.id]) if question.id in talk.golds else None,
        }
        for question in questions
        if talk.judges(question.id)
    }
    return Reference.model_validate({"name": talk.name, "file": f"{talk.name}.txt", "answers": answers})


def case_of(talk: Talk, made: Extraction) -> Case:
    """The talk's reference beside what was made of it."""
    return Case(
        reference=reference_of(talk),
        full_text=None,
        answers=[asdict(answer) for answer in made.answers],
        is_typed=True,
        n_claims_made=sum(call.n_claims_made for call in made.calls),
        claims_dropped={
            reason: sum((call.n_claims_dropped or {}).get(reason, 0) for call in made.calls)
            for call in made.calls
            for reason in call.n_claims_dropped or {}
        },
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", nargs="+", default=["heldout", "probe"], choices=PARTS)
    parser.add_argument("--providers", nargs="+", default=["local", "rules"], choices=["local", "rules"])
    chosen = parser.parse_args()
    readers: dict[str, Provider] = {"rules": RulesReader()}
    if "local" in chosen.providers:
        readers["local"] = LocalReader("bundled")
    talks = [talk for part in chosen.parts for talk in load_talks(part)]
    catalogue = load_catalogue()

    def answer(names: list[str]) -> list[Extraction]:
        return [extract(talk.transcript, talk.profile, catalogue, [readers[name] for name in names]) for talk in talks]

    current = answer(chosen.providers)
    evaluation = evaluate([case_of(*pair) for pair in zip(talks, current, strict=True)], counts_words=False)
    print(render_report(evaluation))
    print(f"\nfit: {fit_weights(evaluation.comparisons, load_weights())}")
    contests = [
        Contest(uuid4(), (), find_flips(was.answers, [now.answers]))
        for was, now in zip(current, answer(["rules"]), strict=True)
    ]
    figures = {name: value for name, value in sum_up(contests).items() if name.startswith(("n_", "agree"))}
    print(f"\nrules alone against {' and '.join(chosen.providers)}: {figures}")


if __name__ == "__main__":
    main()
