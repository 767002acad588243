"""What is installed: wheel and source archive are whole, work without the repository, and say what is missing."""

import ast
import re
import runpy
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import hf_selfdemo
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.verbs.cli import main

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "hf_selfdemo"
PROJECT, TOOLS = (tomllib.loads((ROOT / "pyproject.toml").read_text())[part] for part in ("project", "tool"))
EXTRAS = PROJECT["optional-dependencies"]


def build(kind, root, target):
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(target)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return next(target.iterdir())


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """The source archive, unpacked."""
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("archive")
    with tarfile.open(build("sdist", ROOT, folder / "dist")) as packed:
        packed.extractall(folder, filter="data")
    return next(p for p in folder.iterdir() if p.name.startswith("hf_selfdemo-"))


@pytest.fixture(scope="module")
def installed(archive, tmp_path_factory):
    """The wheel that the source archive makes, unpacked as pip does it."""
    folder = tmp_path_factory.mktemp("wheel")
    with zipfile.ZipFile(build("wheel", archive, folder / "dist")) as packed:
        packed.extractall(folder / "site")
    return folder / "site"


def files_under(folder):
    found = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    return {name for name in found if not name.endswith(".pyc")}


def alone(installed, folder, code):
    """Run code where nothing but the unpacked wheel, and what it depends on, is to be found."""
    start = f"import sys; sys.path.insert(0, {str(installed)!r})\n"
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-P", "-c", start + code]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_the_wheel_holds_the_package_and_its_recipes_and_nothing_else(installed):
    inside = files_under(installed / "hf_selfdemo")
    assert inside == files_under(PACKAGE) | {f"recipes/{name}" for name in files_under(ROOT / "recipes")}
    assert {
        "py.typed",
        "__init__.pyi",
        "data/embedded/corpus.jsonl",
        "prompting/templates/rag.txt",
        "recipes/paper/self_demo.yaml",
    } <= inside
    assert {p.name.partition("-")[0] for p in installed.iterdir()} == {"hf_selfdemo"}
    (scripts,) = installed.glob("*.dist-info/entry_points.txt")
    assert "hf-selfdemo = hf_selfdemo.verbs.cli:main" in scripts.read_text()


def test_the_source_archive_can_be_worked_with(archive):
    assert {"Makefile", "constraints.txt", "mkdocs.yml", "docs", "recipes", "src", "tests"} <= {
        p.name for p in archive.iterdir()
    }
    hidden = {p.name for p in archive.iterdir() if p.name.startswith(".")}
    assert hidden <= {".ci", ".gitignore"}, "leavings of tools"


def test_the_wheel_works_without_the_repository(installed, tmp_path):
    done = alone(
        installed,
        tmp_path,
        "import hf_selfdemo, pathlib\n"
        "from hf_selfdemo.verbs.cli import main\n"
        "from hf_selfdemo.recipe.recipe_file import read_yaml\n"
        "from hf_selfdemo.prompting.prompts import templates_hash\n"
        "assert main(['recipes', 'copy', 'quickstart/self_demo', 'mine.yaml']) == 0\n"
        "assert read_yaml('quickstart/self_demo') == read_yaml('mine.yaml') != {}\n"
        "print(hf_selfdemo.__file__, len(hf_selfdemo.read_questions('embedded')), templates_hash(['rag.txt']))\n",
    )
    assert done.returncode == 0, done.stderr
    where, questions, _ = done.stdout.splitlines()[-1].split()
    assert Path(where) == installed / "hf_selfdemo" / "__init__.py" and int(questions) > 50
    schema, _, keys = (tmp_path / "mine.yaml").read_text().partition("\n")
    assert keys == (ROOT / "recipes/quickstart/self_demo.yaml").read_text().partition("\n")[2]
    assert schema.endswith(f"$schema={(installed / 'hf_selfdemo/recipes/schema.json').as_uri()}")
    assert (installed / "hf_selfdemo/recipes/schema.json").read_bytes() == (ROOT / "recipes/schema.json").read_bytes()


def test_type_checkers_see_every_public_name():
    tree = ast.parse((PACKAGE / "__init__.pyi").read_text())
    seen = {a.asname: n.module for n in tree.body if isinstance(n, ast.ImportFrom) for a in n.names}
    assert seen == {name: f"hf_selfdemo.{module}" for name, module in hf_selfdemo._PUBLIC.items()}


# what the package index shows


def metadata_for(repository):
    """What the build takes from pyproject.toml and README if the project has this address."""
    pytest.importorskip("hatchling")
    found = {"version": PROJECT["version"]}
    hook = runpy.run_path(str(ROOT / "hatch_build.py"))["Addresses"]
    hook(str(ROOT), {"repository": repository}).update(found)
    return found


def test_links_of_the_project_page_lead_to_files_of_the_release():
    home = "https://code.example/someone/hf_selfdemo"
    found = metadata_for(home + "/")
    links = re.findall(r"(!?)\[[^\]]*\]\(([^)]+)\)", found["readme"]["text"])
    own = [(image, link.removeprefix(home)) for image, link in links if link.startswith(home)]
    assert len(own) > 20 and {link for _, link in links} > {f"{home}/blob/v{PROJECT['version']}/docs/running.md"}
    for image, link in own:
        kind, tag, path = link.lstrip("/").split("/", 2)
        assert (kind, tag) == ("raw" if image else "blob", f"v{PROJECT['version']}")
        assert (ROOT / path.partition("#")[0]).is_file(), link
    assert all(link.startswith("https://") for _, link in links)
    assert all(address.startswith(home) for address in found["urls"].values()) and "Documentation" in found["urls"]


def test_the_notebook_has_a_badge_if_colab_can_open_it():
    text = metadata_for("https://github.com/someone/hf_selfdemo")["readme"]["text"]
    badges = re.findall(r"\[!\[Open in Colab\]\(https://colab[^)]*\.svg\)\]\((https://colab[^)]*)\)", text)
    home = f"https://colab.research.google.com/github/someone/hf_selfdemo/blob/v{PROJECT['version']}"
    assert f"{home}/examples/quickstart.ipynb" in badges and (ROOT / "examples/quickstart.ipynb").is_file()
    assert "colab" not in metadata_for("https://code.example/someone/hf_selfdemo")["readme"]["text"]


def test_without_an_address_the_project_page_is_the_readme_and_names_none():
    assert metadata_for("") == {
        "version": PROJECT["version"],
        "readme": {"content-type": "text/markdown", "text": (ROOT / "README.md").read_text(encoding="utf-8")},
    }


def test_the_wheel_carries_that_page(installed):
    (metadata,) = installed.glob("*.dist-info/METADATA")
    expected = metadata_for(TOOLS["hatch"]["metadata"]["hooks"]["custom"]["repository"])
    assert expected["readme"]["text"].strip() in metadata.read_text(encoding="utf-8")


def test_version_and_address_are_the_same_wherever_they_stand():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    repository = TOOLS["hatch"]["metadata"]["hooks"]["custom"]["repository"]
    assert citation["version"] == PROJECT["version"] and citation.get("repository-code", "") == repository
    assert (citation["license"], citation["cff-version"]) == (PROJECT["license"], "1.2.0")
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)[1]
    assert newest == PROJECT["version"]


# extras


def test_everything_but_the_extras_own_modules_is_imported_without_them(tmp_path):
    hidden = (
        "trackio",  # TRL imports it if it is there, and it needs some of the others
        "wandb",
        "openai",
        "evaluate",
        "ir_measures",
        "bitsandbytes",
        "gradio",
        "starlette",
        "mkdocs",
        "matplotlib",
        "pytest",
    )
    code = (
        "import importlib, pkgutil, hf_selfdemo\n"
        f"sys.modules.update(dict.fromkeys({hidden!r}))\n"  # None: importing it fails, as if it were not installed
        "failed = {}\n"
        "for found in pkgutil.walk_packages(hf_selfdemo.__path__, 'hf_selfdemo.'):\n"
        "    if not found.name.endswith('__main__'):\n"
        "        try: importlib.import_module(found.name)\n"
        "        except ImportError as error: failed[found.name] = error.name\n"
        "print(failed)\n"
    )
    done = alone(ROOT / "src", tmp_path, code)
    assert done.returncode == 0, done.stderr
    assert ast.literal_eval(done.stdout.splitlines()[-1]) == {
        "hf_selfdemo.app.listing": "gradio",
        "hf_selfdemo.app.page": "gradio",
        "hf_selfdemo.app.serving": "gradio",
        "hf_selfdemo.metrics.abstention.abstention": "evaluate",
        "hf_selfdemo.metrics.qa_accuracy.qa_accuracy": "evaluate",
        "hf_selfdemo.testing": "pytest",
    }


def test_the_app_without_gradio_is_one_line_with_the_command(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "gradio", None)
    assert main(["app", f"--output_dir={tmp_path}"]) == 2
    assert "needs gradio, which is not installed: pip install 'hf-selfdemo[app]'" in capsys.readouterr().err


def test_the_page_of_a_metric_without_gradio_says_the_command(monkeypatch):
    from hf_selfdemo.metrics.demo import demo

    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(UserError, match=r"needs gradio: pip install 'hf-selfdemo\[app\]'"):
        demo(dict, PACKAGE / "metrics" / "qa_accuracy")


def test_the_package_names_every_extra_by_its_right_name():
    """What is missing without the other extras is tested beside the code that needs them."""
    texts = [p.read_text(encoding="utf-8") for p in PACKAGE.rglob("*.py")]
    named = {extra for text in texts for extra in re.findall(r"pip install 'hf-selfdemo\[([\w-]+)\]'", text)}
    assert named == set(EXTRAS) - {"dev", "docs", "examples", "notebook"}, "these are not for the package itself"
    assert set(Requirement(EXTRAS["dev"][0]).extras) == set(EXTRAS) - {"dev"}


# versions


def test_the_versions_tested_meet_every_floor():
    lines = (ROOT / "constraints.txt").read_text().splitlines()[1:]
    assert lines == sorted(lines, key=str.lower)
    tested = {canonicalize_name(name): version for name, _, version in (line.partition("==") for line in lines)}
    asked = [Requirement(text) for text in [*PROJECT["dependencies"], *(r for extra in EXTRAS.values() for r in extra)]]
    for requirement in asked:
        if requirement.name != "hf-selfdemo":
            assert requirement.specifier.contains(tested[canonicalize_name(requirement.name)]), requirement
