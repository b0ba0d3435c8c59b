"""How fast the local reader goes through the whole catalogue, and how many false answers its null threshold takes away.

    python benchmarks/local_reader.py [--part heldout] [--talks 8] [--rounds 2]

First the speed, in documents a minute and in seconds of processor time a document, all questions of the catalogue asked
of every talk: one question after the other; two at a time; two threads in one inference. The ways take turns talk by
talk, so that a busy machine is busy for all of them. Then what padded batches would do to time and answers. Last the
share of questions without an answer that got one, before and after the null threshold ("before": whatever weighs most
is the answer), for the model alone, the local reader, and the chain of local reader and rules.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import numpy as np
from reader import all_questions, chain, measure, model_alone, provider_alone, summary
from talks import PARTS, Talk, load_talks

from nurseconv_dagster.extraction.providers import local as local_module
from nurseconv_dagster.extraction.providers.candidates import Support
from nurseconv_dagster.extraction.providers.local import LocalReader
from nurseconv_dagster.extraction.providers.model_files import BUNDLED, find_reader
from nurseconv_dagster.extraction.providers.passages import present
from nurseconv_dagster.extraction.providers.rules.reader import RulesReader
from nurseconv_dagster.extraction.providers.span_model import SpanModel
from nurseconv_dagster.extraction.providers.weighing import load_weighing
from nurseconv_dagster.extraction.questions import Question
from nurseconv_dagster.speech.transcripts import Transcript

BATCH = 8


class RememberingReader(LocalReader):
    """Reads each talk once, however often its answers are weighed."""

    def __init__(self) -> None:
        super().__init__(threads=2)
        self._read: dict[tuple[str, tuple[str, ...]], dict[str, tuple[Support, ...]]] = {}

    def read(self, questions: Sequence[Question], transcript: Transcript) -> dict[str, tuple[Support, ...]]:
        key = transcript.full_text, tuple(question.id for question in questions)
        if key not in self._read:
            self._read[key] = super().read(questions, transcript)
        return self._read[key]


def print_speed(talks: Sequence[Talk], n_rounds: int) -> None:
    """One line for each way of using two processors; every way must find the same."""
    shared = LocalReader()
    shared._span_model = SpanModel(find_reader(BUNDLED), threads=2)
    ways = {
        "one question after the other": LocalReader(),
        "two questions at a time": LocalReader(threads=2),
        "two threads in one inference": shared,
    }
    questions = all_questions()
    wall_s, cpu_s = dict.fromkeys(ways, 0.0), dict.fromkeys(ways, 0.0)
    is_same = dict.fromkeys(ways, True)
    for reader in ways.values():
        reader.read(questions, talks[0].transcript)
    for talk in [*talks] * n_rounds:
        found = {}
        for way, reader in ways.items():
            began = time.perf_counter(), time.process_time()
            found[way] = reader.propose(questions, talk.transcript)
            wall_s[way] += time.perf_counter() - began[0]
            cpu_s[way] += time.process_time() - began[1]
            is_same[way] &= found[way] == next(iter(found.values()))
    n = len(talks) * n_rounds
    print(f"{len(questions)} questions of {len(talks)} talks, {n_rounds} rounds")
    for way in ways:
        told = "same claims" if is_same[way] else "OTHER CLAIMS"
        print(f"  {way:30} {60 * n / wall_s[way]:6.1f} documents/min  {cpu_s[way] / n:5.2f} s processor time  {told}")


def print_batching(talks: Sequence[Talk]) -> None:
    """The first window of each talk, asked every question: one by one unpadded, and in padded batches."""
    model = SpanModel(find_reader(BUNDLED))
    ms_alone, ms_batch, n_rows, n_moved, n_signs = 0.0, 0.0, 0, 0, 0
    for talk in talks:
        rows = _rows(model, talk)
        began = time.process_time()
        alone = [_run(model, [row])[0] for row in rows]
        between = time.process_time()
        batched = [best for i in range(0, len(rows), BATCH) for best in _run(model, rows[i : i + BATCH])]
        ms_batch += 1000 * (time.process_time() - between)
        ms_alone += 1000 * (between - began)
        n_rows += len(rows)
        n_moved += sum(a[:2] != b[:2] for a, b in zip(alone, batched, strict=True))
        n_signs += sum((a[2] > 0) != (b[2] > 0) for a, b in zip(alone, batched, strict=True))
    print(
        f"{n_rows} windows: alone {ms_alone / n_rows:.1f} ms, in padded batches of {BATCH} {ms_batch / n_rows:.1f} ms"
    )
    print(f"  in batches the best span moved in {n_moved}, crossed the null answer in {n_signs}")


def _rows(model: SpanModel, talk: Talk) -> list[tuple[list[int], list[int]]]:
    """Token ids and type ids of the first window, once for each question's first wording."""
    text = model.encode(present(talk.transcript, max_chars=4096)[0].text)
    frame = model._frame
    rows = []
    for question in all_questions():
        ids = model._tokenizer.encode(LocalReader().wordings(question)[0], add_special_tokens=False).ids
        _, part = next(model._windows(text, len(ids)))
        head, tail = [*frame.before, *ids, *frame.between], [*part.tolist(), *frame.after]
        rows.append((head + tail, [frame.types[0]] * len(head) + [frame.types[1]] * len(tail)))
    return rows


def _run(model: SpanModel, rows: Sequence[tuple[list[int], list[int]]]) -> list[tuple[int, int, float]]:
    """Of each row the best begin and end behind the null token, and their margin over it."""
    width = max(len(ids) for ids, _ in rows)
    pad = [(0, width - len(ids)) for ids, _ in rows]
    feed: dict[str, Any] = {
        "input_ids": np.array([np.pad(ids, gap) for (ids, _), gap in zip(rows, pad, strict=True)], np.int64),
        "attention_mask": np.array([[1] * (width - gap) + [0] * gap for _, gap in pad], np.int64),
        "token_type_ids": np.array([np.pad(types, gap) for (_, types), gap in zip(rows, pad, strict=True)], np.int64),
    }
    starts, ends = model._session.run(model._outputs, {name: feed[name] for name in model._inputs})
    best = []
    for (ids, types), start, end in zip(rows, starts, ends, strict=True):
        first = types.index(1)
        i, j = first + int(start[first : len(ids)].argmax()), first + int(end[first : len(ids)].argmax())
        best.append((i, j, float(start[i] + end[j] - start[0] - end[0])))
    return best


def print_thresholds(talks: Sequence[Talk], part: str) -> None:
    """Three readers, each without and with its null threshold."""
    model = SpanModel(find_reader(BUNDLED))
    spans = {talk.name: model_alone(model)(talk) for talk in talks}
    own = float(model.files.config["null_threshold"])
    reader, rules = RememberingReader(), RulesReader()
    forced = replace(load_weighing(), answer_from=0.0)
    for name, threshold, weighing in (("before", -np.inf, forced), ("after", own, load_weighing())):
        ways = {
            "model alone": lambda talk, limit=threshold: _over(spans[talk.name], limit),
            "local reader": provider_alone(reader),
            "chain: local + rules": chain([reader, rules]),
        }
        with patch.object(local_module, "load_weighing", lambda chosen=weighing: chosen):
            for who, answers in ways.items():
                print(f"  {part} {name:6} threshold  {who:20} {summary(measure(talks, answers)[0])}", flush=True)


def _over(spans: dict[str, tuple[float, str]], limit: float) -> dict[str, list[str]]:
    return {question_id: [text] for question_id, (margin, text) in spans.items() if margin > limit}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", default="heldout", choices=PARTS)
    parser.add_argument("--talks", type=int, default=8, help="of the part, for speed and batches")
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    talks = load_talks(options.part)
    print_speed(talks[: options.talks], options.rounds)
    print_batching(talks[: options.talks])
    print_thresholds(talks, options.part)


if __name__ == "__main__":
    main()
