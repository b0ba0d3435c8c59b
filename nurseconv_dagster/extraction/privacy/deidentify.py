"""A transcript whose names, dates, numbers and addresses are others than those that were said. Best effort.

What lives here: `deidentify()`: everything is searched for, overlaps are settled, surrogates are laid in.
When to add here: another search, in the order in which it counts.
What to keep out: the searches themselves, and the way back (`veil.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from nurseconv_dagster.extraction.privacy.addresses import find_addresses, find_emails
from nurseconv_dagster.extraction.privacy.ages import find_ages
from nurseconv_dagster.extraction.privacy.dates import find_dates
from nurseconv_dagster.extraction.privacy.findings import Finding, keep_apart
from nurseconv_dagster.extraction.privacy.identifiers import find_phones, find_records, find_rooms, find_zips
from nurseconv_dagster.extraction.privacy.keyed import Keyed
from nurseconv_dagster.extraction.privacy.names import find_names
from nurseconv_dagster.extraction.privacy.surrogates import Surrogates
from nurseconv_dagster.extraction.privacy.veil import Veiled, lay_veil
from nurseconv_dagster.speech.transcripts import Transcript


def deidentify(
    transcript: Transcript, known: Sequence[str], key: bytes | str, *, with_presidio: bool = False
) -> Veiled:
    """The transcript with surrogates for what points to a person, and the way back. It will miss some.

    Args:
        transcript: as `assemble` has laid it out.
        known: names and numbers from the upload's metadata.
        key: secret, another one for each upload, so that two uploads do not share surrogates.
        with_presidio: add what Presidio finds; needs the package `presidio-analyzer`.
    """
    labels = [segment.speaker or "" for segment in transcript.segments]
    text = transcript.full_text
    findings = find_all(text, [*known, *_names_in_labels(labels)], with_presidio=with_presidio)
    surrogates = Surrogates(Keyed(key.encode() if isinstance(key, str) else key), text, findings, known)
    veiled = lay_veil(
        transcript,
        [
            (no, finding.kind, part.role, (part.start, part.end), words)
            for no, finding in enumerate(findings)
            for part, words in zip(finding.parts, surrogates.write(finding), strict=True)
        ],
    )
    return _without_labels(veiled)


def find_all(text: str, known: Sequence[str] = (), *, with_presidio: bool = False) -> list[Finding]:
    """Everything that points to a person, in order and never overlapping.

    Args:
        text: the whole talk.
        known: names and numbers from the upload's metadata.
        with_presidio: add what Presidio finds.
    """
    names = find_names(text, known)
    found = [*find_emails(text), *find_addresses(text), *find_dates(text)]
    found += [
        *find_records(text, known, found),
        *find_phones(text),
        *find_zips(text),
        *find_rooms(text),
        *find_ages(text, {finding.end for finding in names}),
        *names,
    ]
    if with_presidio:
        from nurseconv_dagster.extraction.privacy.presidio import find_with_presidio

        found += find_with_presidio(text)
    return keep_apart(found)


def _names_in_labels(labels: Sequence[str]) -> list[str]:
    """Typed labels may name somebody ("Dr. Lee"): the words of a label after a title or job."""
    return [label.split(maxsplit=1)[1] for label in set(labels) if len(label.split(maxsplit=1)) == 2]


def _without_labels(veiled: Veiled) -> Veiled:
    """The same with labels that tell speakers apart and name nobody."""
    numbers: dict[str, str] = {}
    segments = tuple(
        replace(segment, speaker=numbers.setdefault(segment.speaker, f"speaker_{len(numbers)}"))
        if segment.speaker is not None
        else segment
        for segment in veiled.transcript.segments
    )
    return replace(veiled, transcript=replace(veiled.transcript, segments=segments))
