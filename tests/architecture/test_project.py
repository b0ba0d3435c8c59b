"""Laws of the files around the code: locks, links, decisions, and nothing that belongs to one machine.

What lives here: what must hold for every file that would be committed.
When to add here: a promise about the repository as a stranger finds it.
What to keep out: the source's own laws (test_rooms).
"""

from __future__ import annotations

import re
import subprocess
import tomllib
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
WHOLE_LOCKS = [lock for lock in LOCKS if lock.name in ("runtime.txt", "dev.txt")]  # the others add to these
ADRS = sorted((DOCS / "adr").glob("*.md"))

# Written in two halves, so that this file does not find itself.
REGISTRY_HOSTS = [
    "py" + "pi.org", "python" + "hosted.org", "npm" + "js.org", "crates" + ".io", "docker" + ".io", "ghcr" + ".io",
    "quay" + ".io", "huggingface" + ".co", "artifact" + "ory", "conda" + ".anaconda.org",
]  # fmt: skip
MACHINE_PATHS = re.compile(r"(?<![\w./-])/(?:work|root|Users|home/\w+|mnt/\w+)/[\w.-]+")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")


@cache
def texts() -> dict[str, str]:
    """Every file that is or would be committed, and is text."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    found = {}
    for name in sorted({name for name in listed.split("\0") if name}):
        path = ROOT / name
        raw = path.read_bytes() if path.is_file() else b""
        if b"\0" not in raw[:8192]:
            found[name] = raw.decode("utf-8", "replace")
    return found


def requirements(lock: Path) -> dict[str, list[str]]:
    """Each pinned package of a lock with the options that stand under it."""
    found: dict[str, list[str]] = {}
    for line in lock.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith((" ", "#")):
            name = line.split(" ;")[0].rstrip(" \\")
            found[name] = []
        elif line.strip().startswith("--"):
            found[name].append(line.strip())
    return found


def pages() -> list[Path]:
    return [ROOT / name for name in texts() if name.endswith(".md")]


def local_links(page: Path) -> list[str]:
    targets = [first or second for first, second in LINK.findall(page.read_text(encoding="utf-8"))]
    return [target for target in targets if "://" not in target and not target.startswith("mailto:")]


def headings(page: Path) -> set[str]:
    """The anchors of a page's headings, as Markdown viewers make them."""
    found = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", text.lower()).strip().replace(" ", "-") for text in found}


def test_no_file_names_a_package_registry() -> None:
    """An address in a lock or a script would send a hospital's machine past its own mirror."""
    assert [(name, host) for name, text in texts().items() for host in REGISTRY_HOSTS if host in text.lower()] == []


def test_no_file_knows_the_machine_it_was_written_on() -> None:
    found = {name: sorted(set(MACHINE_PATHS.findall(text))) for name, text in texts().items()}
    assert {name: paths for name, paths in found.items() if paths} == {}


def test_nothing_that_is_generated_or_secret_would_be_committed() -> None:
    generated = re.compile(
        r"(^|/)(\.env|__pycache__|\.venv|\.nurseconv|target|.*\.pyc|postgres\.json|readers\.json|secret\.key)(/|$)"
    )
    assert [name for name in texts() if generated.search(name)] == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_pins_every_package_with_hashes_and_no_address(lock: Path) -> None:
    found = requirements(lock)
    assert len(found) > (50 if lock in WHOLE_LOCKS else 0)
    assert [name for name in found if "==" not in name] == []
    assert [name for name, options in found.items() if not any("--hash=sha256:" in option for option in options)] == []
    assert "://" not in lock.read_text(encoding="utf-8")


@pytest.mark.parametrize("lock", WHOLE_LOCKS, ids=lambda lock: lock.name)
def test_a_lock_needs_neither_a_code_host_nor_gigabytes(lock: Path) -> None:
    """dbt-core 1.12 fetches from a code host when it is installed; torch brings a multi-gigabyte CUDA build."""
    pinned = dict(name.split("==") for name in requirements(lock))
    assert tuple(int(part) for part in pinned["dbt-core"].split(".")[:2]) < (1, 12)
    assert not {"torch", "torchaudio", "triton", "nvidia-cublas-cu12"} & set(pinned)


def test_the_locks_agree_with_each_other() -> None:
    """What is tested is what is run."""
    runtime, dev = (
        {re.sub(r"\[.*\]", "", pin) for pin in requirements(ROOT / "requirements" / name)}  # an extra is no version
        for name in ("runtime.txt", "dev.txt")
    )
    assert runtime - dev == set()


def test_the_locks_hold_every_direct_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pinned = {re.split(r"[\[=]", name)[0] for name in requirements(ROOT / "requirements" / "runtime.txt")}
    wanted = {re.split(r"[\[<>=;! ]", wish)[0].lower() for wish in project["dependencies"]}
    assert wanted - pinned == set()


def test_every_local_link_leads_somewhere() -> None:
    dead = []
    for page in pages():
        for target in local_links(page):
            path, _, anchor = target.partition("#")
            goal = (page.parent / path).resolve() if path else page
            if not goal.exists():
                dead.append(f"{page.relative_to(ROOT)}: {target}")
            elif anchor and goal.suffix == ".md" and anchor not in headings(goal):
                dead.append(f"{page.relative_to(ROOT)}: {target} (no such heading)")
    assert dead == []


def test_every_page_can_be_reached_from_the_index() -> None:
    reached, waiting = set(), [DOCS / "index.md"]
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        goals = ((page.parent / target.partition("#")[0]).resolve() for target in local_links(page))
        waiting += [goal for goal in goals if goal.suffix == ".md" and goal.is_file() and goal.is_relative_to(DOCS)]
    assert sorted(str(page.relative_to(ROOT)) for page in set(DOCS.rglob("*.md")) - reached) == []


def test_decisions_are_numbered_once_without_gaps() -> None:
    numbers = [int(page.name[:4]) for page in ADRS]
    assert numbers == list(range(1, len(ADRS) + 1))


@pytest.mark.parametrize("page", ADRS, ids=lambda page: page.stem)
def test_a_decision_tells_context_decision_and_consequences(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith(f"# {int(page.name[:4])}. ")
    assert [line for line in lines if line.startswith("## ")] == ["## Context", "## Decision", "## Consequences"]


def test_the_decision_about_libraries_names_every_direct_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    page = next(page for page in ADRS if page.name.startswith("0010")).read_text(encoding="utf-8")
    wanted = [re.split(r"[\[<>=;! ]", wish)[0] for wish in project["dependencies"]]
    assert [name for name in wanted if f"`{name}`" not in page] == []
