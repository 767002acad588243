"""`hf-selfdemo recipes`: list the recipes of the package, and copy them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import hf_selfdemo
from hf_selfdemo.core.console import show
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.loading import did_you_mean

_SUFFIX = ".yaml"

SCHEMA = "# yaml-language-server: $schema="
"""The start of the first line of a recipe, which names the schema for editors."""

USAGE = """\
usage: hf-selfdemo recipes list
       hf-selfdemo recipes copy NAME [TARGET]

list prints the recipes of the package. --config takes a recipe by its name.
copy writes a recipe to TARGET (a file or a folder; default: recipes/NAME.yaml), to be edited. The first line of the
copy names the schema of the package, so that editors complete and check the options.
The files in accelerate/ are for `accelerate launch --config_file FILE -m hf_selfdemo train ...`.
"""


def run_recipes(arguments: Sequence[str]) -> None:
    """Run `recipes list` or `recipes copy`.

    Raises:
        UserError: for arguments that `USAGE` does not list, an unknown recipe, or a target that cannot be written.
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
            remedy = "write `recipes list` or `recipes copy NAME [TARGET]`"
            raise UserError(f"`recipes {' '.join(arguments)}` has the wrong number of arguments", remedy)
        case [other, *_]:
            raise UserError(f"unknown argument {other!r} of recipes", did_you_mean(other, ["list", "copy"]))


def recipe_names() -> list[str]:
    """The names of the package's recipes: their paths in the folder of recipes, without `.yaml`.

    Example:
        >>> [name for name in recipe_names() if name.startswith("quickstart")]
        ['quickstart/active_rag', 'quickstart/dpo', 'quickstart/grpo', 'quickstart/ra_it', 'quickstart/self_demo']
    """
    folder = _folder()
    return sorted(path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob(f"*{_SUFFIX}"))


def recipe_file(name: str) -> Path:
    """The file of a recipe.

    Args:
        name: one of `recipe_names`, with or without `.yaml`.

    Raises:
        UserError: for an unknown name, with the nearest one.

    Example:
        >>> recipe_file("quickstart/self_demo").name
        'self_demo.yaml'
    """
    plain = name.removesuffix(_SUFFIX)
    if plain not in recipe_names():
        alike = [one for one in recipe_names() if plain in one.split("/")]  # its folder or its file alone
        remedy = f"write {' or '.join(alike)}" if alike else did_you_mean(plain, recipe_names())
        raise UserError(f"unknown recipe {name!r}", remedy)
    return _folder() / f"{plain}{_SUFFIX}"


def find_recipe(path_or_name: str) -> Path:
    """The file that `--config` names: a file with this path if it exists, otherwise the package's recipe."""
    named = path_or_name in recipe_names() and not Path(path_or_name).exists()
    return recipe_file(path_or_name) if named else Path(path_or_name)


def copy_recipe(name: str, target: str) -> Path:
    """Copy a recipe to be edited.

    Args:
        name: the name of the recipe, as for `recipe_file`.
        target: the file to write, or an existing folder, in which the file keeps its name.

    Returns:
        The file that was written.

    Raises:
        UserError: if the name is unknown, or the file exists or cannot be written.

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
        with written.open("x", encoding="utf-8") as file:  # never overwrites an edited file
            file.write(text)
    except OSError as error:
        if written.exists():
            raise UserError(f"{written} already exists", "name another target, or remove it") from None
        raise UserError(f"{written} cannot be written ({error.strerror})", "name another target") from None
    return written


def _with_schema(text: str) -> str:
    """Replace the relative path of the schema by an absolute one, since the copy may be anywhere."""
    first, _, rest = text.partition("\n")
    return f"{SCHEMA}{(_folder() / 'schema.json').as_uri()}\n{rest}" if first.startswith(SCHEMA) else text


def _folder() -> Path:
    """The folder of the recipes: inside the package in a wheel, at the root in the repository."""
    package = Path(hf_selfdemo.__file__).parent
    inside = package / "recipes"
    return inside if inside.is_dir() else package.parent.parent / "recipes"


def _about(path: Path) -> str:
    """What a recipe is for: its first comment line after the line that names the schema."""
    with path.open(encoding="utf-8") as lines:
        return next(line for line in lines if not line.startswith(SCHEMA)).removeprefix("#").strip()
