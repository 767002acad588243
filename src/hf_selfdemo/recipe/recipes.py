"""`hf-selfdemo recipes`: the recipes that come with the package, to run by name or to copy and change."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import hf_selfdemo
from hf_selfdemo.core.console import show
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.loading import did_you_mean

_SUFFIX = ".yaml"

SCHEMA = "# yaml-language-server: $schema="
"""How the first line of a recipe tells editors where its schema is."""

USAGE = """\
usage: hf-selfdemo recipes list
       hf-selfdemo recipes copy NAME [TARGET]

list prints the recipes that come with the package; wherever a recipe is wanted (--config), its name will do.
copy writes one to TARGET, a file or a folder, to be changed; without TARGET to recipes/NAME.yaml. Its first line names
the schema of the package, so that editors complete and check keys.
Those of accelerate/ are for `accelerate launch --config_file FILE -m hf_selfdemo train ...`.
"""


def run_recipes(arguments: Sequence[str]) -> None:
    """Do what the words after the verb say; unlike the other verbs this one takes no recipe.

    Raises:
        UserError: for other words than `USAGE` has, an unknown name, or a target that cannot be written.
    """
    match list(arguments):
        case [] | [*_, "-h" | "--help"]:
            show(USAGE.rstrip())
        case ["list"]:
            width = max(map(len, recipe_names()))
            show("\n".join(f"{name:{width}}  {_about(recipe_file(name))}" for name in recipe_names()))
        case ["copy", name]:
            show(f"wrote {copy_recipe(name, f'recipes/{name.removesuffix(_SUFFIX)}{_SUFFIX}')}")
        case ["copy", name, target]:
            show(f"wrote {copy_recipe(name, target)}")
        case ["list" | "copy", *_]:
            remedy = "it is `recipes list` or `recipes copy NAME [TARGET]`"
            raise UserError(f"`recipes {' '.join(arguments)}` has too many words or too few", remedy)
        case [other, *_]:
            raise UserError(f"unknown word {other!r} after recipes", did_you_mean(other, ["list", "copy"]))


def recipe_names() -> list[str]:
    """Names of the package's recipes: their paths in its folder of recipes, without `.yaml`.

    Example:
        >>> [name for name in recipe_names() if name.startswith("quickstart")]
        ['quickstart/active_rag', 'quickstart/dpo', 'quickstart/grpo', 'quickstart/ra_it', 'quickstart/self_demo']
    """
    folder = _folder()
    return sorted(path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob(f"*{_SUFFIX}"))


def recipe_file(name: str) -> Path:
    """Where the recipe of that name lies.

    Args:
        name: one of `recipe_names`, with or without `.yaml`.

    Raises:
        UserError: if there is none; it names the nearest.

    Example:
        >>> recipe_file("quickstart/self_demo").name
        'self_demo.yaml'
    """
    plain = name.removesuffix(_SUFFIX)
    if plain not in recipe_names():
        alike = [one for one in recipe_names() if plain in one.split("/")]  # its folder or its file alone
        remedy = f"it is one of {', '.join(alike)}" if alike else did_you_mean(plain, recipe_names())
        raise UserError(f"unknown recipe {name!r}", remedy)
    return _folder() / f"{plain}{_SUFFIX}"


def find_recipe(path_or_name: str) -> Path:
    """What `--config` means: a file of that path if there is one, or else the package's recipe of that name."""
    named = path_or_name in recipe_names() and not Path(path_or_name).exists()
    return recipe_file(path_or_name) if named else Path(path_or_name)


def copy_recipe(name: str, target: str) -> Path:
    """Write a recipe where it can be changed.

    Args:
        name: as `recipe_file` takes it.
        target: the file to write, or a folder that exists, where the recipe keeps its file's name.

    Returns:
        The file that was written.

    Raises:
        UserError: if the name is unknown, or the file is there already or cannot be written.

    Example:
        >>> import tempfile
        >>> copy_recipe("quickstart/dpo", tempfile.mkdtemp()).name
        'dpo.yaml'
    """
    source, written = recipe_file(name), Path(target)
    if target.endswith("/") or written.is_dir():
        written = written / source.name
    text = _with_schema(source.read_text(encoding="utf-8"))
    try:
        written.parent.mkdir(parents=True, exist_ok=True)
        with written.open("x", encoding="utf-8") as file:  # never over what somebody has changed
            file.write(text)
    except OSError as error:
        if written.exists():
            raise UserError(f"{written} is there already", "name another target, or remove it") from None
        raise UserError(f"{written} cannot be written ({error.strerror})", "name another target") from None
    return written


def _with_schema(text: str) -> str:
    """A recipe names the schema by a path from its folder; a copy of it may lie anywhere."""
    first, _, rest = text.partition("\n")
    return f"{SCHEMA}{(_folder() / 'schema.json').as_uri()}\n{rest}" if first.startswith(SCHEMA) else text


def _folder() -> Path:
    """A wheel has the recipes inside the package; in the repository they lie at its root, to be found by readers."""
    package = Path(hf_selfdemo.__file__).parent
    inside = package / "recipes"
    return inside if inside.is_dir() else package.parent.parent / "recipes"


def _about(path: Path) -> str:
    """A recipe says in its first line what it is; above it stands only where its schema is."""
    with path.open(encoding="utf-8") as lines:
        return next(line for line in lines if not line.startswith(SCHEMA)).removeprefix("#").strip()
