"""Launched several times over, only training goes on; every other verb says what to do instead."""

import os
import subprocess
import sys

import pytest

from hf_selfdemo.core import console
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.verbs import VERBS, cli
from hf_selfdemo.verbs.cli import main
from hf_selfdemo.verbs.processes import is_main_process, refuse_many, world_size


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_one_process_may_do_everything(verb, monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    refuse_many(verb)
    monkeypatch.setenv("WORLD_SIZE", "1")
    refuse_many(verb)
    assert world_size() == 1 and is_main_process()


@pytest.mark.parametrize("verb", sorted(set(VERBS) - {"train"}))
def test_several_processes_only_train(verb, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("RANK", "3")
    assert not is_main_process()
    refuse_many("train")
    with pytest.raises(UserError, match=rf"^{verb} was launched in 4 processes, .*use the launcher for train only"):
        refuse_many(verb)


@pytest.mark.parametrize(("rank", "speaks"), [("0", True), ("1", False)])
def test_one_of_several_speaks_from_the_first_moment(rank, speaks, monkeypatch, capsys):
    """Reading keys and importing libraries take long enough to tell of them."""

    def parse(arguments, verb):
        console.say("importing")
        raise UserError("no recipe", "give one")

    for name, value in {"WORLD_SIZE": "2", "RANK": rank}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(cli, "parse", parse)
    monkeypatch.setattr(console, "_log", console._Plain(stderr=True, force_jupyter=False))
    assert main(["train"]) == 2
    assert ("importing" in capsys.readouterr().err) == speaks


def test_several_processes_train_together_and_one_writes_and_speaks(gold, dev, manifest):
    assert main(["demonstrate", *gold]) == 0
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", "-m", "hf_selfdemo"]
    quiet = os.environ | {"OMP_NUM_THREADS": "1", "TORCH_CPP_LOG_LEVEL": "ERROR"}
    done = subprocess.run([*launch, "train", *gold, *dev], capture_output=True, text=True, env=quiet, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("training on 4 rows") == 1
    found = manifest("model")
    assert found["processes"] == 2 and len(found["dev"]) == 2
    assert found["log"][-1]["step"] == 2, "one step an epoch, two rows for each"
    assert main(["train", *gold, *dev]) == 0
    assert manifest("model") == found, "one process finds it trained"
