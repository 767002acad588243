"""`hf-selfdemo recipes`: what comes with the package is listed, copied and run by name."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.recipe.recipe_file import read_yaml
from hf_selfdemo.recipe.recipes import copy_recipe, find_recipe, recipe_names
from hf_selfdemo.verbs.cli import main

ROOT = Path(__file__).parents[2]
QUICKSTART = ROOT / "recipes" / "quickstart" / "self_demo.yaml"


def error_of(capsys, *arguments):
    assert main(list(arguments)) == 2
    return capsys.readouterr().err


def test_list_has_every_recipe_of_the_repository_and_what_it_is_for(capsys):
    assert main(["recipes", "list"]) == 0
    listed = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert set(listed) == {
        p.relative_to(ROOT / "recipes").with_suffix("").as_posix() for p in ROOT.glob("recipes/*/*.yaml")
    }
    assert listed["quickstart/self_demo"].startswith("The whole job on the embedded default")
    assert all(len(about) > 20 and not about.startswith("#") for about in listed.values())


def is_copy(path):
    """All of the quickstart's recipe, with the schema named so that it is found from anywhere."""
    first, _, rest = path.read_text().partition("\n")
    schema = first.removeprefix("# yaml-language-server: $schema=")
    where = Path(unquote(urlsplit(schema).path))
    return rest == QUICKSTART.read_text().partition("\n")[2] and where == ROOT / "recipes" / "schema.json"


def test_a_copy_is_the_recipe_where_the_documents_name_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["recipes", "copy", "quickstart/self_demo"]) == 0
    assert capsys.readouterr().out == "wrote recipes/quickstart/self_demo.yaml\n"
    assert is_copy(tmp_path / "recipes/quickstart/self_demo.yaml")


@pytest.mark.parametrize(
    ("target", "written"),
    [("mine.yaml", "mine.yaml"), ("there", "there/self_demo.yaml"), ("new/", "new/self_demo.yaml")],
)
def test_a_target_is_a_file_or_a_folder(tmp_path, target, written):
    (tmp_path / "there").mkdir()
    copied = copy_recipe("quickstart/self_demo.yaml", f"{tmp_path}/{target}")
    assert copied == tmp_path / written and is_copy(copied)


def test_nothing_is_overwritten(tmp_path, capsys):
    mine = tmp_path / "mine.yaml"
    mine.write_text("output_dir: changed\n")
    assert "mine.yaml already exists: name another target" in error_of(
        capsys, "recipes", "copy", "quickstart/dpo", str(mine)
    )
    assert mine.read_text() == "output_dir: changed\n"
    assert "mine.yaml/x.yaml cannot be written" in error_of(
        capsys, "recipes", "copy", "quickstart/dpo", f"{mine}/x.yaml"
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["cpy", "quickstart/dpo"], "unknown argument 'cpy' of recipes: did you mean 'copy'?"),
        (["copy", "quickstart/self_dmo"], "unknown recipe 'quickstart/self_dmo': did you mean 'quickstart/self_demo'?"),
        (["copy", "dpo"], "unknown recipe 'dpo': write quickstart/dpo"),
        (["copy", "../../pyproject"], "unknown recipe '../../pyproject'"),
        (["copy"], "`recipes copy` has the wrong number of arguments"),
        (["list", "quickstart"], "write `recipes list` or `recipes copy NAME [TARGET]`"),
    ],
)
def test_mistaken_words_are_one_line_with_the_nearest(capsys, words, message):
    error = error_of(capsys, "recipes", *words)
    assert message in error and error.count("\n") == 1


@pytest.mark.parametrize("words", [[], ["--help"], ["copy", "-h"]])
def test_help_says_what_the_words_are(capsys, words):
    assert main(["recipes", *words]) == 0
    assert "recipes copy NAME [TARGET]" in capsys.readouterr().out


def test_a_mistaken_verb_may_mean_recipes(capsys):
    assert "unknown command 'recpes': did you mean 'recipes'?" in error_of(capsys, "recpes")


def test_config_takes_a_name_from_anywhere_and_a_file_before_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert read_yaml("quickstart/self_demo") == yaml.safe_load(QUICKSTART.read_text())
    own = Path("quickstart/self_demo")
    own.parent.mkdir()
    own.write_text("output_dir: own\n")
    assert read_yaml("quickstart/self_demo") == {"output_dir": "own"}


def test_a_misspelt_name_and_a_missing_file_are_told_apart_from_none():
    with pytest.raises(
        UserError, match=r"'quickstrt/self_demo' cannot be read .*did you mean 'quickstart/self_demo'\?"
    ):
        read_yaml("quickstrt/self_demo")
    with pytest.raises(UserError, match=r"'mine.yaml' cannot be read .*check the path"):
        read_yaml("mine.yaml")


def test_names_are_found_in_the_repository():
    assert find_recipe("quickstart/self_demo") == QUICKSTART
    assert find_recipe(str(QUICKSTART)) == QUICKSTART
    assert len(recipe_names()) >= 9
