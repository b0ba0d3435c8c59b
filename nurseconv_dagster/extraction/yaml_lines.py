"""YAML that remembers its lines, so that a mistake can be shown where it stands.

What lives here: `read_yaml()` and `Lined`, a mapping that knows the line of each of its keys.
When to add here: a rule of YAML itself that a hospital's data team trips over.
What to keep out: what the entries mean (`catalogue.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nurseconv_dagster.errors import CatalogueError

if TYPE_CHECKING:
    from yaml.nodes import MappingNode, Node


class Lined(dict[str, Any]):
    """A mapping of a YAML file, with the lines (from 1) where it starts and where its keys stand."""

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[str, int] = {}

    def put(self, key: str, value: object, line: int) -> None:
        """Set a key together with its line."""
        self[key] = value
        self.lines[key] = line


def read_yaml(text: str) -> Any:
    """The document as lists, strings, numbers, booleans and `Lined` mappings.

    Only `true` and `false` are booleans: `no` and `on` are words, as people mean them in a list of phrases.

    Raises:
        CatalogueError: it is not YAML, holds no mapping, or a key stands twice in one mapping.
    """
    import yaml

    try:
        # the C parser is eight times as fast, and every run worker reads the file
        node = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise CatalogueError(f"line {line}: not YAML: {error.problem}") from None
    except yaml.YAMLError as error:
        raise CatalogueError(f"line 1: not YAML: {type(error).__name__}") from None
    if not isinstance(node, yaml.MappingNode):
        raise CatalogueError("line 1: the file must hold a mapping with version, questions and profiles")
    return _convert(node)


def find_line(document: Any, path: list[str | int]) -> int:
    """The line of the deepest mapping key on the way along a path, 1 when there is none."""
    line = 1
    for step in path:
        if isinstance(document, Lined):
            line = document.lines.get(str(step), document.line)
        try:
            document = document[step]
        except (KeyError, IndexError, TypeError):
            return line
        if isinstance(document, Lined) and isinstance(step, int):
            line = document.line
    return line


def _convert(node: Node) -> Any:
    import yaml

    if isinstance(node, yaml.MappingNode):
        return _convert_mapping(node)
    if isinstance(node, yaml.SequenceNode):
        return [_convert(item) for item in node.value]
    return _convert_scalar(str(node.value), node.tag.rpartition(":")[2])


def _convert_mapping(node: MappingNode) -> Lined:
    mapping = Lined(node.start_mark.line + 1)
    for key_node, value_node in node.value:
        key, line = str(key_node.value), key_node.start_mark.line + 1
        if key in mapping:
            raise CatalogueError(
                f"line {line}: the key '{key}' stands here a second time; first on line {mapping.lines[key]}"
            )
        mapping.put(key, _convert(value_node), line)
    return mapping


def _convert_scalar(text: str, tag: str) -> Any:
    if tag == "null":
        return None
    if tag == "bool" and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if tag in ("int", "float"):
        try:
            return int(text) if tag == "int" else float(text)
        except ValueError:  # 0x1F, 9:30, .inf: not meant as a number here
            return text
    return text
