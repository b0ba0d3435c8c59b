"""Lists are read from quotes: complaints, conditions, instructions, several of a fixed set.

What lives here: `read_list()`, which picks the reader by what the catalogue says of the list.
When to add here: another `read_as` of the catalogue.
What to keep out: single values (`reading.py`), panels and structs (`reading_fields.py`), cutting up (`items.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from nurseconv_dagster.extraction.items import clean_text, is_empty_item, split_sentences, stated_items
from nurseconv_dagster.extraction.phrases import find_choices
from nurseconv_dagster.extraction.reading_medicines import read_allergies, read_drug_classes, read_medications


def read_list(schema: dict[str, Any], quotes: Sequence[str]) -> list[Any] | None:
    """The items of all quotes in order, each once; what is negated is no item. Null when there is none."""
    read = _READERS.get(schema.get("x-read-as", ""), _read_choice_items if "x-choices" in schema else _read_items)
    items: list[Any] = []
    for quote in quotes:
        for item in read(schema, quote):
            if item not in items:
                items.append(item)
    return items or None


def _read_items(schema: dict[str, Any], quote: str) -> list[Any]:
    if schema.get("x-split") == "sentences":
        texts = split_sentences(quote)
    else:
        texts = [clean_text(item) for item, _ in stated_items(quote)]
    kept = [text for text in texts if not is_empty_item(text)]
    fields = schema["items"].get("required")
    return [{fields[0]: text} for text in kept] if fields else kept


def _read_choice_items(schema: dict[str, Any], quote: str) -> list[Any]:
    return [choice for choice, _ in find_choices(quote, schema["x-choices"])]


_READERS: dict[str, Callable[[dict[str, Any], str], list[Any]]] = {
    "medications": read_medications,
    "allergies": read_allergies,
    "drug_classes": read_drug_classes,
}
