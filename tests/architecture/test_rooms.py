"""Laws of the house: every module says what it is for, stays short, and imports only what lies below it.

What lives here: what must hold for the source as text and for what importing it costs.
When to add here: a rule of CONTRIBUTING that a program can check and ruff or mypy cannot.
What to keep out: what the code does.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

from nurseconv_dagster.operations.home import ensure_manifest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "nurseconv_dagster"
TESTS = ROOT / "tests"

PLATE = ("What lives here:", "When to add here:", "What to keep out:")
MAX_MODULE_LINES, MEDIAN_MODULE_LINES = 300, 120
# One list, which another law wants in one place: six lines for each error, and the tree of all.
ONE_LIST = {"nurseconv_dagster/errors.py"}
MAX_FUNCTION_LINES, MEDIAN_FUNCTION_LINES = 60, 12
SHAPELESS_NAME = re.compile(r"(^|_)(utils?|helpers?|common|manager|misc)(_|$)", re.IGNORECASE)
HEAVY = {
    "av", "ctranslate2", "faster_whisper", "great_expectations", "networkx", "onnxruntime", "opentelemetry", "pandas",
    "pyarrow", "structlog", "tokenizers", "torch", "transformers",
}  # fmt: skip

type_of_function = (ast.FunctionDef, ast.AsyncFunctionDef)


def modules(folder: Path = PACKAGE) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def parse(module: Path) -> ast.Module:
    return ast.parse(module.read_text(encoding="utf-8"))


def is_migration(module: Path) -> bool:
    return module.parent.name == "versions"


def is_inner_package(module: Path) -> bool:
    """The __init__ of a package inside a room: the room's own plate already tells the rest."""
    return module.name == "__init__.py" and len(module.relative_to(PACKAGE).parts) > 2


def functions(module: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(parse(module)):
        if isinstance(node, type_of_function):
            yield f"{module.relative_to(ROOT)}:{node.lineno} {node.name}", node.end_lineno - node.lineno + 1


def names(module: Path) -> Iterator[tuple[str, ast.AST]]:
    for node in ast.walk(parse(module)):
        if isinstance(node, (*type_of_function, ast.ClassDef)):
            yield node.name, node


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_every_module_opens_with_its_door_plate() -> None:
    silent = {}
    for module in modules():
        text = ast.get_docstring(parse(module)) or ""
        required = ("",) if is_migration(module) or is_inner_package(module) else PLATE
        missing = [part for part in required if not text or part not in text]
        if missing:
            silent[str(module.relative_to(ROOT))] = missing
    assert silent == {}


def test_no_module_is_longer_than_its_cap_and_most_are_short() -> None:
    lines = {str(module.relative_to(ROOT)): len(module.read_text().splitlines()) for module in modules()}
    middle = median(lines.values())
    print(f"{len(lines)} modules, median {middle:.0f} lines, longest {max(lines.values())}")
    assert {name: n for name, n in lines.items() if n > MAX_MODULE_LINES and name not in ONE_LIST} == {}
    assert middle <= MEDIAN_MODULE_LINES


def test_no_function_is_longer_than_its_cap_and_most_are_short() -> None:
    lines = dict(found for module in modules() if not is_migration(module) for found in functions(module))
    middle = median(lines.values())
    print(f"{len(lines)} functions, median {middle:.0f} lines, longest {max(lines.values())}")
    assert {name: n for name, n in lines.items() if n > MAX_FUNCTION_LINES} == {}
    assert middle <= MEDIAN_FUNCTION_LINES


def test_every_name_says_what_is_behind_it() -> None:
    paths = [*PACKAGE.rglob("*"), *TESTS.rglob("*")]
    shapeless = [str(path.relative_to(ROOT)) for path in paths if SHAPELESS_NAME.search(path.stem)]
    shapeless += [
        f"{module.relative_to(ROOT)}: {name}"
        for module in modules()
        for name, node in names(module)
        if isinstance(node, ast.ClassDef) and re.search(r"(Utils?|Helper|Manager)$", name)
    ]
    assert shapeless == []


def test_no_failure_is_swallowed() -> None:
    """An `except` that is bare or does nothing hides what nobody foresaw; so does a blanket `suppress`."""
    swallowed = []
    for module in modules():
        for node in ast.walk(parse(module)):
            if isinstance(node, ast.ExceptHandler):
                is_silent = all(isinstance(line, ast.Pass) or _is_ellipsis(line) for line in node.body)
                if node.type is None or is_silent:
                    swallowed.append(f"{module.relative_to(ROOT)}:{node.lineno}")
            if isinstance(node, ast.Call) and ast.unparse(node) in ("suppress(Exception)", "suppress(BaseException)"):
                swallowed.append(f"{module.relative_to(ROOT)}:{node.lineno}")
    assert swallowed == []


def _is_ellipsis(line: ast.stmt) -> bool:
    return isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant) and line.value.value is ...


def test_a_blanket_except_says_why_it_is_one() -> None:
    unexplained = []
    for module in modules():
        for number, line in enumerate(module.read_text().splitlines(), 1):
            if re.search(r"except (Base)?Exception\b", line) and not re.search(r"  # (noqa: BLE001 -+ )?\w+", line):
                unexplained.append(f"{module.relative_to(ROOT)}:{number}")
    assert unexplained == []


def test_imports_go_down_the_walk_only() -> None:
    """Layers without exception, rooms without Dagster, a store that knows no orchestrator: pyproject.toml has them."""
    done = run(Path(sys.executable).with_name("lint-imports"), "--no-cache")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


def test_importing_the_definitions_stays_cheap() -> None:
    """Every run worker pays for what definitions import; models and frames are loaded by whoever needs them."""
    ensure_manifest()
    baseline = _loaded("dagster, dagster_dbt")
    ours = _loaded("nurseconv_dagster.definitions")
    print(f"beyond Dagster's own: {sorted(ours - baseline)}")
    assert ours & HEAVY <= baseline


def _loaded(what: str) -> set[str]:
    """Top-level modules in memory after the import, in a process of its own."""
    code = f"import json, sys, {what}; print(json.dumps(sorted({{name.split('.')[0] for name in sys.modules}})))"
    done = run(sys.executable, "-c", code)
    assert done.returncode == 0, done.stderr[-2000:]
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("room", ["intake", "speech", "extraction", "scoring", "evaluation"])
def test_a_plain_room_can_be_imported_without_dagster(room: str) -> None:
    """The import contracts read the source; this asks the interpreter."""
    code = (
        "import importlib, pkgutil, sys\n"
        f"package = importlib.import_module('nurseconv_dagster.{room}')\n"
        "for found in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):\n"
        "    importlib.import_module(found.name)\n"
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'dagster', 'sqlalchemy', 'fastapi', 'psycopg'}))"
    )
    done = run(sys.executable, "-c", code)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() == "[]"
