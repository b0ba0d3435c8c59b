"""Does the search for evidence find what was said, and nothing else?

Prints, for conversations made up from templates: how many invented quotes were accepted, how many true quotes with one
negation, side, medicine or unit changed, and how many true quotes with noise (case, punctuation, fillers, spelling of
numbers). Run it with `python benchmarks/evidence.py`; `tests/extraction/test_evidence.py` runs a small share of it.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from functools import cache

from nurseconv_dagster.extraction.evidence import find_quote
from nurseconv_dagster.extraction.meaning import NEGATIONS
from nurseconv_dagster.extraction.numbers import find_numbers
from nurseconv_dagster.extraction.tokens import norms, tokenise
from nurseconv_dagster.extraction.words import word_list
from nurseconv_dagster.speech.transcripts import Segment, Transcript, assemble

DRUGS = word_list(
    "lisinopril metformin warfarin metoprolol gabapentin furosemide hydroxyzine hydralazine apixaban tramadol"
)
SITES = word_list("knee hip shoulder ankle wrist arm leg foot")
SYMPTOMS = ["chest pain", "shortness of breath", "a cough", "dizziness", "nausea", "a headache", "blurry vision"]
UNITS = {"milligrams": "micrograms", "mg": "mcg", "tablets": "milliliters", "pounds": "kilograms", "mL": "units"}
NAMES = word_list("Alvarez Bennett Chowdhury Dietrich Eriksen Fontaine Grabowski Hughes Ibrahim Jansen")
SENTENCES = [
    ("nurse", "Good morning, I'm going to ask you a few questions before we start."),
    ("nurse", "Are you allergic to anything, {name}?"),
    ("patient", "No, I'm not allergic to any medicine that I know of."),
    ("patient", "I take {dose} {unit} of {drug} every morning with breakfast."),
    ("patient", "The doctor put me on {drug}, {dose} {unit} twice a day, since {month}."),
    ("patient", "My {side} {site} has been hurting for about {n} weeks now."),
    ("patient", "It's about a {small} out of ten when I walk, and I have {symptom}."),
    ("nurse", "Your blood pressure is {sys} over {dia} and your pulse is {hr}."),
    ("nurse", "Temperature is {temp} and your oxygen is {spo2} percent on room air."),
    ("patient", "I don't have {symptom}, but I did have {symptom2} last {month}."),
    ("patient", "I never took {drug}, that was my {side} {site} surgery in {year}."),
    ("nurse", "I will not give you {drug} tonight because your pressure is low."),
    ("nurse", "You weigh {weight} pounds today and you drank {volume} mL of water."),
    ("patient", "I fell {small} times without hitting my head, on the {side} side."),
    ("nurse", "Dr. {name} wants to see you again in {n} weeks at the {site} clinic."),
    ("patient", "I live alone and there are {n} steps to the {side} of the front door."),
]
MONTHS = word_list("January February March April June July August September October November December")
SMALL = word_list(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
)
SMALL += word_list("seventeen eighteen nineteen")
TENS = word_list("- - twenty thirty forty fifty sixty seventy eighty ninety")


def number_words(number: int | str) -> str:
    """The number in words as a textbook would say it: 145 is "one hundred and forty-five"; "98.6" with "point"."""
    if isinstance(number, str) and "." in number:
        whole, decimals = number.split(".")
        return f"{number_words(int(whole))} point {' '.join(SMALL[int(digit)] for digit in decimals)}"
    n = int(number)
    if n < 20:
        return SMALL[n]
    if n < 100:
        return TENS[n // 10] + (f"-{SMALL[n % 10]}" if n % 10 else "")
    size, name = (1000, "thousand") if n >= 1000 else (100, "hundred")
    rest = n % size
    link = "" if rest == 0 else (" and " if rest < 100 else " ")
    return f"{number_words(n // size)} {name}{link}{number_words(rest) if rest else ''}"


def make_transcript(rng: random.Random, n_segments: int = 40) -> Transcript:
    """A made-up conversation with roles; half of its numbers are words."""
    segments = []
    for i in range(n_segments):
        role, template = rng.choice(SENTENCES)
        text = template.format(**_slots(rng))
        if rng.random() < 0.5:
            text = _spell_numbers(text)
        segments.append(Segment(id=i, text=text, role=role, speaker=role))
    full_text, placed = assemble(segments)
    return Transcript("speech", full_text, placed, "en", None, "typed", "", "", 0.0, None)


def _slots(rng: random.Random) -> dict[str, object]:
    symptom, other = rng.sample(SYMPTOMS, 2)
    return {
        "name": rng.choice(NAMES), "drug": rng.choice(DRUGS), "side": rng.choice(["left", "right"]),
        "site": rng.choice(SITES), "symptom": symptom, "symptom2": other, "unit": rng.choice(["milligrams", "mg"]),
        "dose": rng.choice([5, 10, 20, 25, 40, 50, 81, 100, 500]), "n": rng.randint(2, 12), "small": rng.randint(2, 9),
        "sys": rng.randint(95, 190), "dia": rng.randint(50, 94), "hr": rng.randint(48, 130),
        "year": rng.randint(1970, 2023), "temp": f"{rng.randint(96, 103)}.{rng.randint(1, 9)}",
        "spo2": rng.randint(86, 99), "month": rng.choice(MONTHS),
        "weight": rng.randint(95, 260), "volume": rng.choice([250, 300, 500, 750]),
    }  # fmt: skip


def _spell_numbers(text: str) -> str:
    for number in reversed(find_numbers(text)):
        if re.fullmatch(r"[\d.]+", text[number.start : number.end]):
            text = text[: number.start] + number_words(text[number.start : number.end]) + text[number.end :]
    return text


@cache
def said(text: str) -> str:
    """Everything that was said, as comparable words."""
    return " ".join(norms(tokenise(text)))


def true_quote(rng: random.Random, transcript: Transcript) -> tuple[str, int]:
    """A stretch of at least five words of one segment that cuts no number, and the segment's id."""
    while True:
        segment = rng.choice(transcript.segments)
        tokens = tokenise(segment.text)
        if len(tokens) < 5:
            continue
        size = rng.randint(5, len(tokens))
        first = rng.randint(0, len(tokens) - size)
        return segment.text[tokens[first].start : tokens[first + size - 1].end], segment.id


def invented_quote(rng: random.Random, transcript: Transcript) -> tuple[str, int]:
    """A quote of another conversation of the same kind whose words do not stand in this one in that order."""
    have = said(transcript.full_text)
    while True:
        quote, _ = true_quote(rng, make_transcript(rng, 8))
        if f" {' '.join(norms(tokenise(quote)))} " not in f" {have} ":
            return quote, rng.choice(transcript.segments).id


def changed_quote(rng: random.Random, transcript: Transcript) -> tuple[str, int, str]:
    """A true quote with one negation, side, medicine or unit changed; retried until it says something not said."""
    have = said(transcript.full_text)
    changes: list[tuple[str, Callable[[random.Random, str], str]]] = [
        ("negation", _change_negation), ("side", _change_side), ("medicine", _change_drug), ("unit", _change_unit)
    ]  # fmt: skip
    name, change = rng.choice(changes)
    while True:
        quote, segment_id = true_quote(rng, transcript)
        changed = change(rng, quote)
        if changed != quote and f" {' '.join(norms(tokenise(changed)))} " not in f" {have} ":
            return changed, segment_id, name


def _change_negation(rng: random.Random, quote: str) -> str:
    words = quote.split()
    negative = [i for i, word in enumerate(words) if re.sub(r"\W", "", word.lower()) in NEGATIONS]
    if negative:
        del words[rng.choice(negative)]
    else:
        words.insert(rng.randint(1, len(words) - 1), rng.choice(["not", "no", "never"]))
    return " ".join(words)


def _change_side(rng: random.Random, quote: str) -> str:
    return re.sub(r"\b(left|right)\b", lambda m: {"left": "right", "right": "left"}[m.group()], quote, count=1)


def _change_drug(rng: random.Random, quote: str) -> str:
    present = [drug for drug in DRUGS if drug in quote]
    return quote.replace(present[0], rng.choice([drug for drug in DRUGS if drug not in present])) if present else quote


def _change_unit(rng: random.Random, quote: str) -> str:
    for unit, other in UNITS.items():
        if re.search(rf"\b{unit}\b", quote):
            return re.sub(rf"\b{unit}\b", other, quote, count=1)
    return quote


def add_noise(rng: random.Random, quote: str) -> str:
    """The same words in another dress: case, punctuation, fillers, curly quotes, line ends, spelling of numbers."""
    quote = _spell_numbers(quote) if rng.random() < 0.5 else _write_numbers(quote)
    words = quote.split(" ")
    for _ in range(rng.randint(0, 2)):
        words.insert(_filler_place(rng, words), rng.choice(["um", "uh,", "er"]))
    text = rng.choice([" ", " ", "\n", "  "]).join(words)
    text = rng.choice([str.lower, str.upper, str.title, str])(text)
    text = text.replace("'", rng.choice(["'", "’"]))
    text = re.sub(r"(?<!\d),(?!\d)", rng.choice([",", "", " -"]), text)
    return rng.choice(["{}", "“{}”", "{}...", '"{}."', "{}!"]).format(text.rstrip("."))


def _filler_place(rng: random.Random, words: list[str]) -> int:
    """Anywhere but inside a number of several words."""
    while True:
        at = rng.randint(0, len(words))
        if at in (0, len(words)) or not (find_numbers(words[at]) or find_numbers(words[at - 1])):
            return at


def _write_numbers(text: str) -> str:
    for number in reversed(find_numbers(text)):
        text = text[: number.start] + number.canonical + text[number.end :]
    return text


def measure(n: int, seed: int = 7) -> dict[str, int]:
    """How many of `n` invented, `n // 2` changed and `n` noisy quotes were accepted, half of them with a segment id."""
    rng = random.Random(seed)
    transcripts = [make_transcript(rng) for _ in range(20)]
    counts = {"invented": 0, "changed": 0, "noisy": 0, "misplaced": 0}
    for i in range(n):
        transcript = rng.choice(transcripts)
        quote, segment_id = invented_quote(rng, transcript)
        counts["invented"] += find_quote(transcript, quote, (segment_id,) if i % 2 else ()) is not None
        if i % 2:
            quote, segment_id, _ = changed_quote(rng, transcript)
            counts["changed"] += find_quote(transcript, quote, (segment_id,)) is not None
        quote, segment_id = true_quote(rng, transcript)
        found = find_quote(transcript, add_noise(rng, quote), (segment_id,) if i % 2 else ())
        counts["noisy"] += found is not None
        counts["misplaced"] += found is not None and norms(tokenise(found.quote)) != norms(tokenise(quote))
    return counts


def main() -> None:
    started = time.perf_counter()
    counts = measure(1000)
    print(f"invented quotes accepted            {counts['invented']:5d} / 1000   (wanted: 0)")
    print(f"true quotes, one word turned round  {counts['changed']:5d} / 500    (wanted: 0)")
    print(f"true quotes with noise accepted     {counts['noisy']:5d} / 1000   (wanted: 990 or more)")
    print(f"  of these at other words           {counts['misplaced']:5d}")
    print(f"seconds                             {time.perf_counter() - started:7.1f}")


if __name__ == "__main__":
    main()
