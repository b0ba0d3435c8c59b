"""How well and how fast the offline readers answer, on talks that nothing was tuned on.

    python benchmarks/reader.py [--parts heldout probe] [--per-question] [--rules] [--threads 1]

Prints, for each part, side by side: the bundled model alone (one wording, its own null threshold), the same with the
threshold that is best on `dev`, rules alone, the local reader (model, turns, topics, rules, weighed), and what the
chain makes of local reader and rules together. F1 is SQuAD's, over marked answers, 0 where withheld; "missed" is the
share of them that was withheld; "false" is the share of questions without an answer that got one.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from talks import GENERATED, PARTS, Talk, answer_f1, load_talks

from nurseconv_dagster.extraction.catalogue import load_catalogue
from nurseconv_dagster.extraction.chain import extract
from nurseconv_dagster.extraction.providers.local import LocalReader
from nurseconv_dagster.extraction.providers.model_files import BUNDLED, find_reader
from nurseconv_dagster.extraction.providers.passages import present
from nurseconv_dagster.extraction.providers.rules.reader import RulesReader, find_all
from nurseconv_dagster.extraction.providers.span_model import SpanModel
from nurseconv_dagster.extraction.providers.turns import read_talk
from nurseconv_dagster.extraction.questions import Catalogue, Profile, Provider, Question

Answers = dict[str, list[str]]
STATED = ("answered", "denied")


@dataclass(frozen=True)
class Row:
    """One question of one talk: what was said, and the marked answers (none: there is no answer)."""

    question_id: str
    said: list[str]
    golds: tuple[str, ...]

    @property
    def f1(self) -> float:
        return answer_f1(self.said, self.golds) if self.said and self.golds else 0.0


def all_questions() -> list[Question]:
    """Every question of the catalogue once."""
    profiles = load_catalogue().profiles.values()
    return list({question.id: question for profile in profiles for question in profile.questions}.values())


def judged(talk: Talk) -> list[Question]:
    """The questions whose answer the talk's author has marked or ruled out."""
    return [question for question in all_questions() if talk.judges(question.id)]


def measure(talks: Sequence[Talk], answer: Callable[[Talk], Answers]) -> tuple[list[Row], float]:
    """Rows, and talks per minute."""
    began = time.perf_counter()
    rows = [
        Row(question.id, answers.get(question.id, []), talk.golds.get(question.id, ()))
        for talk in talks
        for answers in [answer(talk)]
        for question in judged(talk)
    ]
    return rows, 60 * len(talks) / (time.perf_counter() - began)


def model_alone(model: SpanModel) -> Callable[[Talk], dict[str, tuple[float, str]]]:
    """The model's best span and its margin, in the first wording, for each question that it was trained on."""
    trained = model.files.config["questions"]

    def best(talk: Talk) -> dict[str, tuple[float, str]]:
        spans: dict[str, tuple[float, str]] = {}
        for passage in present(talk.transcript, max_chars=4096):
            text = model.encode(passage.text)
            for question in judged(talk):
                wordings = trained.get(question.id, ())[:1]
                if not wordings:
                    continue
                for span in model.ask(wordings, text)[:1]:
                    place = passage.origin(span.start, span.end)
                    if place and (question.id not in spans or span.margin > spans[question.id][0]):
                        spans[question.id] = (span.margin, talk.transcript.full_text[place[0] : place[1]])
        return spans

    return best


def provider_alone(provider: Provider) -> Callable[[Talk], Answers]:
    """The quotes of a provider's claims."""

    def answers(talk: Talk) -> Answers:
        claims = provider.propose(judged(talk), talk.transcript)
        return {claim.question_id: [text for text, _ in claim.quotes] for claim in claims if claim.state in STATED}

    return answers


def chain(providers: Sequence[Provider]) -> Callable[[Talk], Answers]:
    """The evidence of the chain's answers, after all checks."""

    def answers(talk: Talk) -> Answers:
        profile = Profile("all", "all", tuple(judged(talk)), 1.0)
        result = extract(talk.transcript, "all", Catalogue("benchmark", {"all": profile}), providers)
        return {
            answer.question_id: [item.quote for item in answer.evidence]
            for answer in result.answers
            if answer.state in STATED
        }

    return answers


def summary(rows: Sequence[Row]) -> str:
    """One line of figures."""
    yes, no = [row for row in rows if row.golds], [row for row in rows if not row.golds]
    f1 = float(np.mean([row.f1 for row in yes])) if yes else float("nan")
    missed = float(np.mean([not row.said for row in yes])) if yes else float("nan")
    false = float(np.mean([bool(row.said) for row in no])) if no else float("nan")
    return f"F1 {f1:5.3f}  missed {missed:5.3f}  false {false:5.3f}  ({len(yes)} answerable, {len(no)} not)"


def best_threshold(rows: Sequence[tuple[Row, float]]) -> float:
    """The margin with the best mean of F1 and of unanswerable questions left alone."""

    def score(threshold: float) -> float:
        f1 = [row.f1 if margin > threshold else 0.0 for row, margin in rows if row.golds]
        left = [float(margin <= threshold) for row, margin in rows if not row.golds]
        return float(np.mean(f1) + np.mean(left))

    return max(np.arange(-4, 10, 0.25), key=score)


def print_model_alone(part: str, model: SpanModel, threshold: float) -> float:
    """Prints both lines of the model alone; returns the threshold that is best here."""
    margins: dict[tuple[str, str], float] = {}
    find = model_alone(model)

    def answers(talk: Talk) -> Answers:
        spans = find(talk)
        margins.update({(talk.name, key): margin for key, (margin, _) in spans.items()})
        return {key: [text] for key, (_, text) in spans.items()}

    talks = load_talks(part)
    rows, speed = measure(talks, answers)
    keys = [(talk.name, question.id) for talk in talks for question in judged(talk)]
    rated = [(row, margins.get(key, -99.0)) for row, key in zip(rows, keys, strict=True)]
    own = float(model.files.config["null_threshold"])
    for name, limit in (("model alone", own), ("model, threshold tuned on dev", threshold)):
        shown = [row if margin > limit else Row(row.question_id, [], row.golds) for row, margin in rated]
        print(f"{part:9} {name:30} {summary(shown)}  {speed:7.1f} talks/min")
    return best_threshold(rated)


def print_per_question(rows: Sequence[Row]) -> None:
    by_id: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_id[row.question_id].append(row)
    for key, own in sorted(by_id.items()):
        print(f"    {key:32} {summary(own)}")


def print_rules() -> None:
    """How often each kind of rule is right on dev and generated talks: the table of `rules/findings.py`."""
    right: dict[str, list[bool]] = defaultdict(list)
    for talk in load_talks("dev") + load_talks(GENERATED):
        spoken = read_talk(talk.transcript)
        for found in find_all(spoken, judged(talk)):
            golds = talk.golds.get(found.question_id, ())
            quotes = [spoken.text[start:end] for start, end in found.spans]
            right[found.kind].append(bool(golds) and answer_f1(quotes, golds) >= 0.4)
    for kind, marks in sorted(right.items()):
        print(f"    {kind:20} {len(marks):4} found, precision {(sum(marks) + 1) / (len(marks) + 2):.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", default=["dev", "heldout", "probe"], choices=[*PARTS, GENERATED])
    parser.add_argument("--per-question", action="store_true")
    parser.add_argument("--rules", action="store_true", help="only print the precision of each kind of rule")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    if options.rules:
        print_rules()
        return
    model = SpanModel(find_reader(BUNDLED), threads=options.threads)
    local, rules = LocalReader(threads=options.threads), RulesReader()
    threshold = float(model.files.config["null_threshold"])
    for part in sorted(options.parts, key=lambda name: name != "dev"):
        tuned = print_model_alone(part, model, threshold)
        threshold = tuned if part == "dev" else threshold
        for name, answers in (
            ("rules alone", provider_alone(rules)),
            ("local reader", provider_alone(local)),
            ("chain: local + rules", chain([local, rules])),
        ):
            rows, speed = measure(load_talks(part), answers)
            print(f"{part:9} {name:30} {summary(rows)}  {speed:7.1f} talks/min")
            if options.per_question and name.startswith("chain"):
                print_per_question(rows)


if __name__ == "__main__":
    main()
