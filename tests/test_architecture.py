"""Who may know whom: a room imports from itself and from those below it; heavy libraries come late."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import hf_selfdemo

ROOT = Path(hf_selfdemo.__file__).parent
ROOMS = (
    "core",
    "scoring",
    "metrics",
    "prompting",
    "data",
    "generation",
    "judging",
    "methods",
    "evaluation",
    "training",
    "recipe",
    "hub",
    "app",
    "verbs",
    "testing",
    "__main__",
)
"""From the bottom to the top: a room imports from itself and from those before it, so there is no circle."""
NEIGHBOURS = {"generation", "judging"}
"""Rooms that must not know each other: whoever writes and whoever judges meet in a protocol."""
STANDARD_LIBRARY_ALONE = ("core.types", "core.errors", "core.loading", "core.manifest", "core.ledger", "scoring")
MODULES = sorted(p for p in ROOT.rglob("*.py") if p.parent != ROOT or p.name != "__init__.py")


def room_of(path):
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("hf_selfdemo"):
            parts = node.module.split(".")
            yield parts[1] if len(parts) > 1 else node.names[0].name


def test_no_two_files_of_tests_and_scripts_have_one_name():
    """pytest imports them by their names alone: of two with one name, the second is taken for the first."""
    here = Path(__file__).parents[1]
    found = [
        path for folder in ("tests", "results", "benchmarks", "examples") for path in (here / folder).rglob("*.py")
    ]
    names = [path.name for path in found if path.name != "conftest.py"]
    assert sorted(set(names)) == sorted(names)


def test_every_file_stands_in_a_room():
    assert {room_of(p) for p in MODULES} == set(ROOMS)


def test_the_pages_for_people_and_agents_list_the_rooms_in_their_order():
    pages = [
        (Path(__file__).parents[1] / name).read_text(encoding="utf-8") for name in ("CONTRIBUTING.md", "AGENTS.md")
    ]
    assert re.findall(r"^\| `(\w+)/` \|", pages[0], re.MULTILINE) == list(ROOMS[:-1])
    assert re.findall(r"`(\w+)`", pages[1].partition("before it:")[2].partition("\n\n")[0]) == list(ROOMS[:-1])


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_down(path):
    room = room_of(path)
    for imported in imports_of(path):
        assert ROOMS.index(imported) <= ROOMS.index(room), f"{room} imports {imported}, which stands above it"
        if room != imported:
            assert not {room, imported} <= NEIGHBOURS, f"{room} and {imported} must not know each other"


def test_the_values_need_the_standard_library_alone():
    modules = ", ".join(f"hf_selfdemo.{module}" for module in STANDARD_LIBRARY_ALONE)
    code = f"import sys, {modules}; print([m for m in ('torch', 'numpy', 'jinja2', 'yaml') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_every_public_name_exists():
    for name in hf_selfdemo.__all__:
        assert getattr(hf_selfdemo, name) is not None


def test_public_names_are_not_shadowed_by_modules():
    """A function named like a module of the package would turn into the module once that is imported."""
    assert not set(hf_selfdemo.__all__) & {p.stem for p in ROOT.iterdir()}


PRINTER = ROOT / "core" / "console.py"
OWN_WORDS = {ROOT / "verbs" / "cli.py": ["USAGE", "version('hf-selfdemo')"]}
"""What is printed elsewhere, before anything from outside is read."""
PRINTING = {"Console", "Progress", "Status", "Live", "Prompt", "pprint", "inspect"}
"""Names by which a text can reach the terminal."""


@pytest.mark.parametrize("path", [p for p in MODULES if p != PRINTER], ids=lambda p: str(p.relative_to(ROOT)))
def test_nothing_reaches_the_terminal_but_through_one_printer(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            called = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            if called in ("print", "print_help", "print_usage", "print_json"):
                assert ast.unparse(node.args[0]) in OWN_WORDS.get(path, []), f"line {node.lineno} prints by itself"
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "rich":
            assert not PRINTING & {name.name for name in node.names}, f"line {node.lineno} has a console of its own"
        if isinstance(node, ast.Import):
            assert "rich" not in {name.name for name in node.names}
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            used = (node.value.id, node.attr)
            assert used not in {("sys", "stdout"), ("sys", "stderr"), ("logging", "basicConfig")}, node.lineno


def test_no_mark_up_is_made_of_text():
    """Whoever makes `Text` from mark-up, or a console that reads it, makes strangers' brackets commands."""
    for path in MODULES:
        text = path.read_text(encoding="utf-8")
        assert "from_markup" not in text and "markup=True" not in text and "from_ansi" not in text, path
