"""What every bundle must satisfy beyond the form that fhir.resources checks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from fhir.resources.R4B.bundle import Bundle

_TYPED = {
    "text": "valueString", "string": "valueString", "boolean": "valueBoolean", "integer": "valueInteger",
    "decimal": "valueDecimal", "quantity": "valueQuantity", "choice": "valueCoding",
}  # fmt: skip


def check(content: str | bytes) -> dict[str, list[dict[str, Any]]]:
    """The bundle's resources by type, after everything that must hold for any bundle was seen to hold."""
    Bundle.model_validate_json(content)
    bundle = json.loads(content)
    urls = [entry["fullUrl"] for entry in bundle["entry"]]
    assert len(set(urls)) == len(urls)
    assert {value for key, value in leaves(bundle) if key == "reference"} <= set(urls)
    assert [value for _, value in leaves(bundle) if value in ("", None, [], {})] == []
    by_type: dict[str, list[dict[str, Any]]] = {}
    for entry in bundle["entry"]:
        assert entry["fullUrl"] == f"urn:uuid:{entry['resource']['id']}"
        by_type.setdefault(entry["resource"]["resourceType"], []).append(entry["resource"])
    for response in by_type.get("QuestionnaireResponse", []):
        [questionnaire] = by_type["Questionnaire"]
        assert response["questionnaire"] == f"{questionnaire['url']}|{questionnaire['version']}"
        _check_items(questionnaire["item"], response["item"])
        targets = {ext["valueUri"] for provenance in by_type.get("Provenance", []) for ext in _target(provenance)}
        assert targets <= {item["id"] for item in response["item"]}
    return by_type


def leaves(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Every scalar and every empty container, with the name it stands under."""
    if isinstance(value, dict | list) and value:
        for name, item in value.items() if isinstance(value, dict) else ((key, item) for item in value):
            yield from leaves(item, name)
    else:
        yield key, value


def items(resource: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {item["linkId"]: item for item in resource["item"]}


def extensions(item: dict[str, Any]) -> dict[str, Any]:
    """Values by the last part of the address."""
    return {
        ext["url"].replace(":", "/").rsplit("/", 1)[-1]: next(
            value for name, value in ext.items() if name.startswith("value")
        )
        for ext in item.get("extension", [])
    }


def _target(provenance: dict[str, Any]) -> list[dict[str, Any]]:
    return [ext for target in provenance["target"] for ext in target.get("extension", [])]


def _check_items(questions: list[dict[str, Any]], answered: list[dict[str, Any]]) -> None:
    """Every item answers a question, with values of its type, and only those that repeat more than once."""
    by_id = {question["linkId"]: question for question in questions}
    assert len(by_id) == len(questions)
    for item in answered:
        question = by_id[item["linkId"]]
        answers = item.get("answer", [])
        assert len(answers) <= 1 or question.get("repeats")
        for answer in answers:
            kinds = {name for name in answer if name.startswith("value")}
            if question["type"] == "open-choice":
                assert kinds in ({"valueCoding"}, {"valueString"})
            else:
                assert kinds == {_TYPED[question["type"]]}
            _check_items(question.get("item", []), answer.get("item", []))
