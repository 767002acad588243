"""Help and refusals of keys come without torch, transformers, TRL or datasets, from a process that is new."""

import os
import subprocess
import sys

import pytest

from hf_selfdemo.recipe.training_keys import training_keys
from hf_selfdemo.verbs import VERBS, WITHOUT_RECIPE

CODE = """
import json, sys
from hf_selfdemo.verbs.cli import main
try:
    code = main(sys.argv[1:])
except SystemExit as end:
    code = end.code
heavy = {"torch", "transformers", "trl", "peft", "datasets", "pyarrow", "numpy", "accelerate"}
print(json.dumps([code, sorted(heavy & set(sys.modules))]))
"""
QUICKSTART = ["--config", "quickstart/self_demo"]


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
    """A cache that has the keys of TRL."""
    folder = str(tmp_path_factory.mktemp("cache"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_SELFDEMO_CACHE", folder)
        training_keys.cache_clear()
        training_keys()
    training_keys.cache_clear()
    return folder


@pytest.fixture
def start(warm, tmp_path):
    def run(*words):
        there = os.environ | {"HF_SELFDEMO_CACHE": warm}
        return subprocess.run(
            [sys.executable, "-c", CODE, *words], capture_output=True, text=True, env=there, cwd=tmp_path
        )

    return run


@pytest.mark.parametrize("verb", [*VERBS, *WITHOUT_RECIPE])
def test_help_of_every_verb(start, verb):
    done = start(verb, "--help")
    assert done.stdout.splitlines()[-1] == "[0, []]", done.stderr
    assert done.stdout.startswith("usage: hf-selfdemo") and not done.stderr


def test_the_schema(start):
    assert start("schema").stdout.splitlines()[-1] == "[0, []]"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["trian"], "unknown command 'trian': did you mean 'train'?"),
        (["train", *QUICKSTART, "--learning_rat=1"], "unknown option --learning_rat: did you mean 'learning_rate'?"),
        (["train", "--config", "r.yaml"], "unknown recipe option 'pasages_per_question'"),
        (["train", "--config", "nowhere.yaml"], "'nowhere.yaml' cannot be read"),
        (["evaluate", *QUICKSTART, "--beta=1"], "option --beta belongs to objective 'dpo'"),
        (["evaluate", *QUICKSTART, "--oracle_share=1"], "option --oracle_share belongs to method 'raft'"),
        (["run", *QUICKSTART, "--window=0"], "window is 0: give 1 or more"),
        (["run", *QUICKSTART, "--window=many"], "invalid int value: 'many'"),
        (["run", *QUICKSTART, "--seed=-1"], "seed is -1: give a whole number"),
        (["run", *QUICKSTART, "--bf16=maybe"], "give true or false, not 'maybe'"),
        (["run", *QUICKSTART, "--lr_scheduler_type=cosin"], "lr_scheduler_type is 'cosin': did you mean 'cosine'?"),
        (["run", *QUICKSTART, "--abstain_when=never"], "abstain_when is 'never'"),
        (["run", *QUICKSTART, "--method=self_dmo"], "did you mean 'self_demo'?"),
        (["run", *QUICKSTART, "--objective=dop"], "unknown objective 'dop': did you mean 'dpo'?"),
        (["run", "--output_dir=x", "quickstart/self_demo"], "unrecognized arguments: quickstart/self_demo"),
        (["run", "--config", "kinds.yaml"], "train_questions is 'mine.jsonl': give a list, [mine.jsonl]"),
        (["run"], "output_dir is not set"),
    ],
)
def test_refusals(start, tmp_path, words, said):
    (tmp_path / "r.yaml").write_text("output_dir: x\npasages_per_question: 3\n")
    (tmp_path / "kinds.yaml").write_text("output_dir: x\ntrain_questions: mine.jsonl\n")
    done = start(*words)
    assert done.stdout.splitlines()[-1] == "[2, []]", done.stderr
    assert said in done.stderr and done.stderr.count("\n") == 1
