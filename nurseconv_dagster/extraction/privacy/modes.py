"""The three ways to deal with words that would leave this machine, named and told in one place.

What lives here: `Privacy` and one plain sentence for each of its values, for start-up lines and documentation.
When to add here: another way, with its sentence.
What to keep out: how names are found and replaced (the other modules), and where the setting is read.
"""

from __future__ import annotations

from typing import Literal

Privacy = Literal["refuse", "deidentify", "cleared"]

SENTENCES: dict[Privacy, str] = {
    "refuse": "No hosted model is called: no word of a conversation leaves this machine for one.",
    "deidentify": (
        "Names, dates, phone and record numbers, addresses and ages over 89 that are found are replaced "
        "before words leave "
        "this machine; it is best effort, and some will be missed."
    ),
    "cleared": (
        "Words leave this machine as they were spoken: you have an agreement with the provider that allows "
        "patients' data."
    ),
}
