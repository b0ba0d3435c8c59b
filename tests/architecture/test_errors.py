"""Laws of the error tree: nothing is unmapped, nothing is undocumented, nothing is dead.

What lives here: what must hold for `nurseconv_dagster.errors` as a whole.
When to add here: a promise that every error has to keep.
What to keep out: when a particular error is raised; that is its room's test.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from nurseconv_dagster import errors
from nurseconv_dagster.errors import NurseconvError, PermanentError, TransientError
from nurseconv_dagster.verdicts import VERDICTS

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "nurseconv_dagster"
TROUBLESHOOTING = ROOT / "docs" / "operations" / "index.md"
CARRIES_A_CODE = re.compile(r"^(Refusal|Unheard|Failure|StageFailure|_refuse|\w+Error)$")
CODE = re.compile(r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$")


def family(parent: type[NurseconvError] = NurseconvError) -> Iterator[type[NurseconvError]]:
    for child in parent.__subclasses__():
        yield child
        yield from family(child)


def leaves() -> list[type[NurseconvError]]:
    return [found for found in family() if not found.__subclasses__()]


def drawn() -> list[tuple[str, str]]:
    """(parent, child) for each line of the tree in the module's docstring."""
    pairs: list[tuple[str, str]] = []
    path: list[tuple[int, str]] = [(-1, "NurseconvError")]
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"^([ |]*)\+-- (\w+)", line)
        if found:
            depth = len(found[1])
            while path[-1][0] >= depth:
                path.pop()
            pairs.append((path[-1][1], found[2]))
            path.append((depth, found[2]))
    return pairs


def used_codes() -> dict[str, str]:
    """Every literal code that the source hands to a refusal, a failure or an error, with where."""
    found: dict[str, str] = {}
    for module in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and CARRIES_A_CODE.match(ast.unparse(node.func).rsplit(".", 1)[-1]):
                values = [*node.args[:1], *(word.value for word in node.keywords if word.arg == "code")]
                for value in values:
                    if isinstance(value, ast.Constant) and isinstance(value.value, str) and CODE.match(value.value):
                        found[value.value] = f"{module.relative_to(ROOT)}:{node.lineno}"
    return found


def test_every_leaf_has_a_verdict_and_nothing_else_has_one() -> None:
    assert set(VERDICTS) == set(leaves())


def test_every_error_says_whether_trying_again_can_help() -> None:
    strangers = [leaf.__name__ for leaf in leaves() if not issubclass(leaf, TransientError | PermanentError)]
    assert strangers == []


def test_dagster_never_retries_what_cannot_get_better() -> None:
    assert [leaf.__name__ for leaf in leaves() if issubclass(leaf, PermanentError) and VERDICTS[leaf].retry] == []


def test_http_callers_get_an_error_status() -> None:
    assert [leaf.__name__ for leaf, verdict in VERDICTS.items() if not 400 <= verdict.http_status < 600] == []


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    real = {(child.__bases__[0].__name__, child.__name__) for child in family()}
    assert set(drawn()) == real
    assert len(drawn()) == len(real), "an error is drawn twice"


def test_all_errors_live_in_one_module() -> None:
    """Errors defined beside their room would miss the table of verdicts."""
    bases = {cls.__name__ for cls in (NurseconvError, *family())}
    elsewhere = [
        f"{module.relative_to(ROOT)}: {node.name}"
        for module in PACKAGE.rglob("*.py")
        if module.name != "errors.py"
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base).rsplit(".", 1)[-1] in bases for base in node.bases)
    ]
    assert elsewhere == []


def test_codes_are_stable_words_and_unique() -> None:
    codes = [error.code for error in (NurseconvError, *family())]
    assert len(set(codes)) == len(codes)
    assert [code for code in codes if not CODE.match(code)] == []


def test_every_error_explains_itself() -> None:
    assert [error.__name__ for error in family() if not inspect.getdoc(error)] == []


@pytest.mark.parametrize("leaf", leaves(), ids=lambda leaf: leaf.__name__)
def test_every_leaf_is_raised_somewhere(leaf: type[NurseconvError]) -> None:
    """A leaf that nothing raises promises callers a distinction that is never made."""
    raised = re.compile(rf"\b{leaf.__name__}\(")
    sources = (module for module in PACKAGE.rglob("*.py") if module.name != "errors.py")
    assert any(raised.search(module.read_text(encoding="utf-8")) for module in sources)


def test_an_error_keeps_its_code_or_takes_a_narrower_one() -> None:
    assert errors.VaultUnavailableError("away").code == "vault_unavailable"
    assert errors.VaultUnavailableError("away", code="source_changed").code == "source_changed"


def test_every_code_that_an_operator_can_meet_is_in_the_troubleshooting_page() -> None:
    told = set(re.findall(r"^\| `([a-z_0-9]+)` \|", TROUBLESHOOTING.read_text(encoding="utf-8"), re.MULTILINE))
    met = {leaf.code: leaf.__name__ for leaf in leaves()} | used_codes()
    assert {code: where for code, where in met.items() if code not in told} == {}
    assert told - set(met) == set(), "the page explains codes that no longer exist"
