"""Replies that went wrong: a whole reply is taken and distorted, as models were seen to do.

What lives here: `DISTORTIONS`, from the content of a good reply to the text of a bad one.
When to add here: another way in which a model spoils its reply.
What to keep out: HTTP and envelopes (`model_server.py`).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

INVENTED = "He was given 400 mg of moonlight at noon."
FOREIGN = "El paciente dice que no le duele nada."


def truncate(text: str) -> str:
    """Cut inside: what is left opens more than it closes."""
    return text[: max(1, len(text) * 2 // 3)]


def _change(content: Any, change: Callable[[str, Any], Any], key: str = "") -> Any:
    """The content with every value that stands under a key (a list's items under the list's) put through `change`."""
    if isinstance(content, dict):
        return {name: _change(value, change, name) for name, value in content.items()}
    if isinstance(content, list):
        return [_change(item, change, key) for item in content]
    return change(key, content)


def _change_quotes(words: str) -> Callable[[Any], str]:
    return lambda content: json.dumps(_change(content, lambda key, value: words if "quote" in key else value))


def _rename_questions(content: Any) -> str:
    """Questions that nobody asked: ids as keys of the reply, or under a key of that name."""
    renamed = {f"unknown_{name}": value for name, value in content.items()} if isinstance(content, dict) else content
    return json.dumps(_change(renamed, lambda key, value: f"unknown_{value}" if "question" in key else value))


def _move_segments(content: Any) -> str:
    return json.dumps(_change(content, lambda key, value: value + 90_000 if "segment" in key else value))


def _put_nan(content: Any) -> str:
    """`NaN` for every number, which JSON has not; at the end of the object where there is none."""
    changed = _change(content, lambda key, value: float("nan") if isinstance(value, int | float) else value)
    text = json.dumps(changed)
    return (
        text if "NaN" in text or not isinstance(changed, dict) else json.dumps({**changed, "probability": float("nan")})
    )


def _double_keys(content: Any) -> str:
    """The first property of every object twice, the first time with nothing in it."""
    if isinstance(content, dict):
        pairs = [f"{json.dumps(name)}: {_double_keys(value)}" for name, value in content.items()]
        return "{" + ", ".join([f"{json.dumps(name)}: null" for name in list(content)[:1]] + pairs) + "}"
    if isinstance(content, list):
        return "[" + ", ".join(_double_keys(item) for item in content) + "]"
    return json.dumps(content)


DISTORTIONS: dict[str, Callable[[Any], str]] = {
    "truncated": lambda content: truncate(json.dumps(content)),
    "other_shape": lambda content: json.dumps({"result": [content], "notes": "as you asked"}),
    "invented_quotes": _change_quotes(INVENTED),
    "other_language": _change_quotes(FOREIGN),
    "wrong_question_ids": _rename_questions,
    "wrong_segment_ids": _move_segments,
    "duplicate_keys": _double_keys,
    "nan": _put_nan,
    "prose_around": lambda content: f"Sure! Here it is:\n```json\n{json.dumps(content)}\n```\nAnything else?",
    "empty_reply": lambda content: "",
    "half_a_surrogate": lambda content: json.dumps(content) + "\ud83d",
}
