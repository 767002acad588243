"""Who may know whom: a module imports from its own level or below, and heavy libraries only where they are used."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import hf_selfdemo

ROOT = Path(hf_selfdemo.__file__).parent
LEVELS = {
    0: {
        "types",
        "errors",
        "loading",
        "control_characters",
        "scoring",
        "config",
        "manifest",
        "in_flight",
        "ledger",
        "seeding",
        "preamble",
        "ranges",
        "accounting",
        "kinds",
        "artefacts",
        "wellformed",
        "bounded",
        "disarming",
        "on_disk",
    },
    1: {
        "cache",
        "protocols",
        "prompts",
        "instructions",
        "conversation",
        "rendering",
        "chat_format",
        "chat",
        "padding",
        "metrics",
        "remade",
        "integrity",
    },
    2: {"footprint", "questions", "models", "retrieval", "generation", "judging", "strategies"},
    3: {
        "prompt_search",
        "searched_prompts",
        "rows",
        "demonstrations",
        "training",
        "evaluation",
        "evaluated",
        "tuned",
        "report",
        "ability",
        "exports",
        "trl_columns",
        "hub",
    },
    4: {"app", "stages", "builder", "cli", "__main__"},
}
ROOM_LEVEL = {room: level for level, rooms in LEVELS.items() for room in rooms}
MODULES = sorted(p for p in ROOT.rglob("*.py") if p.parent != ROOT or p.name != "__init__.py")


def room_of(path):
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("hf_selfdemo"):
            parts = node.module.split(".")
            yield parts[1] if len(parts) > 1 else node.names[0].name


def test_every_module_has_a_level():
    assert {room_of(p) for p in MODULES} == set(ROOM_LEVEL)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_down(path):
    room, level = room_of(path), ROOM_LEVEL[room_of(path)]
    for imported in imports_of(path):
        assert ROOM_LEVEL[imported] <= level, f"{room} (level {level}) imports {imported}"
        if level == 2 and ROOM_LEVEL[imported] == 2:
            assert imported == room, f"{room} and {imported} are neighbours and must not know each other"


def test_level_zero_needs_the_standard_library_alone():
    modules = ", ".join(f"hf_selfdemo.{room}" for room in LEVELS[0])
    code = f"import sys, {modules}; print([m for m in ('torch', 'numpy', 'jinja2', 'yaml') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_every_public_name_exists():
    for name in hf_selfdemo.__all__:
        assert getattr(hf_selfdemo, name) is not None


def test_public_names_are_not_shadowed_by_modules():
    """A function named like a module of the package would turn into the module once that is imported."""
    assert not set(hf_selfdemo.__all__) & {p.stem for p in ROOT.iterdir()}


PRINTER = ROOT / "stages" / "console.py"
OWN_WORDS = {ROOT / "cli.py": ["USAGE", "version('hf-selfdemo')"]}
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
