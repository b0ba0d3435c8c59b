"""How many talks change when somebody plants an instruction in them, against a model that obeys whatever it is shown.

    python benchmarks/injection.py [--show known.yaml]

Prints, for the 200 talks with wordings that patterns were made with and the 100 with wordings that were only measured:
talks in which an answer changed whose evidence does not stand in a segment that carries planted words; then how many
ordinary sentences of all talks of the tree are taken for orders (read by nobody, reviewed) and how many could be orders
(read on this machine only), and the same for sentences that were written to come near. `--show` lists the changed talks
of one file with the planted words.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from privacy import HALVES, load_labelled
from talks import GENERATED, PARTS, load_talks, transcript_of

from nurseconv_dagster.extraction.injection import find_passages
from nurseconv_dagster.speech.transcripts import Segment, Transcript, assemble
from tests.fakes.injected_answers import changed_by
from tests.fakes.injected_talks import FOLDER, plant_all

ROOT = Path(__file__).resolve().parent.parent
SETS = {"known.yaml": 200, "heldout.yaml": 100}


def ordinary_talks() -> Iterator[Transcript]:
    """Samples, test talks and privacy talks: nobody planted anything in them."""
    for path in sorted((ROOT / "samples" / "reference").glob("*.json")):
        turns = json.loads(path.read_text(encoding="utf-8"))["transcript"]
        full_text, placed = assemble([Segment(i, turn["text"], role=turn["role"]) for i, turn in enumerate(turns)])
        yield Transcript("speech", full_text, placed, "en", None, "", "", "", 0.0, None)
    for part in (*PARTS, GENERATED):
        yield from (talk.transcript for talk in load_talks(part))
    for half in HALVES:
        yield from (transcript for _, transcript, _ in load_labelled(half))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--show", choices=SETS)
    asked = parser.parse_args()
    for name, n in SETS.items():
        planted = plant_all(name, n)
        changed = [(talk, ids) for talk in planted if (ids := changed_by(talk))]
        print(f"{name:13} changed {len(changed)} of {n} talks")
        if asked.show == name:
            for talk, ids in changed:
                print(f"  {talk.name}: {', '.join(ids)}: {' | '.join(talk.order.pieces)}")
    talks = list(ordinary_talks())
    print(f"{'all talks':13} {_count(talks)}, {len(talks)} talks")
    near = (FOLDER / "ordinary.txt").read_text(encoding="utf-8").splitlines()
    print(f"{'near misses':13} {_count([transcript_of(line) for line in near])}")


def _count(talks: Sequence[Transcript]) -> str:
    passages = [passage for talk in talks for passage in find_passages(talk)]
    n_orders = sum(passage.is_order for passage in passages)
    n_sentences = sum(len(re.findall(r"[.?!](?=\s|$)|\S(?=\n|$)", talk.full_text)) for talk in talks)
    return f"{n_orders} taken for orders, {len(passages) - n_orders} perhaps, of {n_sentences} sentences"


if __name__ == "__main__":
    main()
