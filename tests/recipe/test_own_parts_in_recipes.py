"""A method or judge of the user's own is named by its path, refused if broken, and known by the file that it is in."""

import importlib
import json
import sys

import pytest

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.methods.method import find_method, known_method, recorded_method
from hf_selfdemo.recipe.dataset_key import dataset_key
from hf_selfdemo.recipe.engine import recipe_judge
from hf_selfdemo.recipe.own_code import own_sources
from hf_selfdemo.verbs.cli import main, parse

METHOD = """
from dataclasses import dataclass, field
from hf_selfdemo.core.keys import key
from hf_selfdemo.methods.method import Method
from hf_selfdemo.methods.ra_it import RaIt

@dataclass(frozen=True)
class Keys:
    own_key: int = key(1, "how many", "written")

@dataclass(frozen=True)
class Taken:
    window: int = key(1, "questions in flight", "nothing")

@dataclass(frozen=True)
class Plain:
    own_key: int = 1

@dataclass(frozen=True)
class Mine(RaIt):
    keys: Keys = field(default_factory=Keys)

METHOD = Method(strategy=lambda keys, seed: Mine(seed, keys), keys=(Keys,), objectives=("sft",), asks=False)
TAKEN = Method(strategy=RaIt, keys=(Taken,), objectives=("sft",))
PLAIN = Method(strategy=RaIt, keys=(Plain,), objectives=("sft",))
NONE = RaIt
"""

JUDGE = """
from hf_selfdemo.core.types import Verdict

class Judge:
    def judge(self, evidence, candidates):
        return [Verdict("correct", "so") for candidate in candidates]
        yield

    def report(self):
        return {}

class Listing(Judge):
    def judge(self, evidence, candidates):
        return [Verdict("correct", "so") for candidate in candidates]

class Short(Judge):
    def judge(self, evidence, candidates):
        return [Verdict("correct", "so")]
        yield

class Chatty(Judge):
    def judge(self, evidence, candidates):
        replies = yield ["is it right?"]

class Raising(Judge):
    def judge(self, evidence, candidates):
        raise OSError("no ink")
        yield

class NeedsMore(Judge):
    def __init__(self, model):
        pass

class Silent:
    def judge(self, evidence, candidates):
        yield []
"""


@pytest.fixture(autouse=True)
def mine(tmp_path, monkeypatch):
    """A module with everything in it, whose text can be changed."""
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("my_parts", "my_broken"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    (tmp_path / "my_broken.py").write_text("raise RuntimeError('not today')")

    def write(text=METHOD + JUDGE):
        (tmp_path / "my_parts.py").write_text(text)
        sys.modules.pop("my_parts", None)
        importlib.invalidate_caches()

    write()
    return write


def recipe(tmp_path, *flags):
    return parse([f"--output_dir={tmp_path / 'run'}", *flags])


def test_a_method_by_its_path_brings_its_keys(tmp_path):
    chosen = recipe(tmp_path, "--method=my_parts:METHOD", "--own_key=3").method
    assert chosen.recipe_keys() == {"method": "my_parts:METHOD", "own_key": 3}
    assert chosen.strategy(seed=5).keys.own_key == 3
    with pytest.raises(UserError, match="unknown option --own_key"):
        recipe(tmp_path, "--method=raft", "--own_key=3")
    with pytest.raises(UserError, match="--rag_candidates belongs to method 'self_demo', but method is 'my_parts:METH"):
        recipe(tmp_path, "--method=my_parts:METHOD", "--rag_candidates=3")


@pytest.mark.parametrize(
    ("method", "words"),
    [
        ("my_parts:METHDO", "method 'my_parts:METHDO' cannot be imported .AttributeError.*PYTHONPATH"),
        ("my_part:METHOD", "method 'my_part:METHOD' cannot be imported .ModuleNotFoundError"),
        ("my_broken:METHOD", "method 'my_broken:METHOD' cannot be imported .RuntimeError: not today"),
        ("my_parts:NONE", "method 'my_parts:NONE' is a type: name a Method"),
        ("my_parts:PLAIN", "method 'my_parts:PLAIN' has the option 'own_key', .* make it with hf_selfdemo.core"),
        ("my_parts:TAKEN", "method 'my_parts:TAKEN' defines the option 'window', which every recipe already has"),
    ],
)
def test_what_is_no_method_is_refused(tmp_path, method, words):
    with pytest.raises(UserError, match=words):
        recipe(tmp_path, f"--method={method}")


def test_help_lists_the_keys_of_the_method(capsys):
    with pytest.raises(SystemExit):
        main(["plan", "--method=my_parts:METHOD", "--help"])
    assert "--own_key" in capsys.readouterr().out


def test_a_file_of_somebody_else_imports_no_code(tmp_path):
    (tmp_path / "method.json").write_text(json.dumps({"method": "my_broken:METHOD", "keys": {}}))
    with pytest.raises(
        UserError, match=r"names the method 'my_broken:METHOD', which is code from outside .* find_method"
    ):
        recorded_method(tmp_path)
    with pytest.raises(UserError, match="which is code from outside"):
        known_method("my_broken:METHOD")
    assert "my_broken" not in sys.modules
    (tmp_path / "method.json").write_text(json.dumps({"method": "my_parts:METHOD", "keys": {"own_key": 4}}))
    find_method("my_parts:METHOD")
    assert recorded_method(tmp_path).get("own_key") == 4 and not known_method("my_parts:METHOD").asks


def test_a_judge_by_its_path_is_made(tmp_path):
    made = recipe_judge(recipe(tmp_path), "my_parts:Judge")
    assert type(made).__name__ == "Judge" and made.report() == {}


@pytest.mark.parametrize(
    ("judge", "words"),
    [
        ("my_parts:Jugde", "judge 'my_parts:Jugde' cannot be imported .AttributeError"),
        ("my_parts:NeedsMore", "judge 'my_parts:NeedsMore' cannot be created .TypeError.* that needs no arguments"),
        ("my_parts:Silent", "judge 'my_parts:Silent' is a Silent and has no report"),
        ("my_parts:Listing", "judge 'my_parts:Listing' failed on a trial row .TypeError.*JudgeContract"),
        ("my_parts:Raising", "judge 'my_parts:Raising' failed on a trial row .OSError: no ink"),
        ("my_parts:Short", "judge 'my_parts:Short' does not return one Verdict for each of 2 candidates"),
        ("my_parts:Chatty", "judge 'my_parts:Chatty' does not yield a list of requests"),
    ],
)
def test_what_is_no_judge_is_refused_before_anything_is_asked(tmp_path, judge, words):
    with pytest.raises(UserError, match=words):
        recipe_judge(recipe(tmp_path), judge)


def test_datasets_are_told_apart_by_the_files_of_ones_own_parts(tmp_path, mine):
    flags = ["--method=my_parts:METHOD", "--judge=my_parts:Judge"]
    keys = [dataset_key(recipe(tmp_path, *more), "train", "weights") for more in ([], flags[:1], flags)]
    again = dataset_key(recipe(tmp_path, *flags), "train", "weights")
    mine(METHOD + JUDGE.replace('"so"', '"because"'))
    changed = dataset_key(recipe(tmp_path, *flags), "train", "weights")
    assert len({*keys, changed}) == 4 and again == keys[-1]
    assert own_sources(judge="my_parts:Judge").keys() == {"judge_source"} and own_sources(judge="llm_label") == {}
