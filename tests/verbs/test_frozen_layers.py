"""What lower layers make of a text is computed once for demonstrating, training and evaluating, and changes nothing."""

import json
import re

import pytest
from safetensors.torch import load_file

from hf_selfdemo.verbs.cli import main

UPPER = [r"--lora_target_modules=.*layers\.1\..*_proj"]
VERBS = ("demonstrate", "train", "evaluate")


def run(keys, capsys):
    """What each verb says it looked up."""
    said = []
    for verb in VERBS:
        assert main([verb, *keys]) == 0
        line = re.search(
            r"of [\d,]+ tokens the lower 1 layers computed ([\d,]+) and looked up ([\d,]+)", capsys.readouterr().err
        )
        said.append(tuple(int(number.replace(",", "")) for number in line.groups()) if line else None)
    return said


def test_weights_and_replies_are_those_without(gold, tmp_path, capsys):
    keys = [*gold, *UPPER, "--on_policy_rows=0"]
    plain, frozen = ([*keys, f"--output_dir={tmp_path / name}"] for name in ("plain", "frozen"))
    frozen += ["--frozen_layers=1"]
    assert run(plain, capsys) == [None] * 3
    _, trained, evaluated = run(frozen, capsys)
    assert trained[1] > 0, "what was trained in an earlier epoch, and has the same prompt"
    assert evaluated[1] > evaluated[0], "the base was asked all that the tuned model is"
    one, other = (load_file(tmp_path / name / "model/adapter_model.safetensors") for name in ("plain", "frozen"))
    for name, weight in one.items():
        assert other[name] == pytest.approx(weight, abs=1e-4)
    paths = [path for path in (tmp_path / "plain/evaluation/predictions").rglob("*") if path.is_file()]
    assert paths
    for path in paths:
        assert texts(path) == texts(tmp_path / "frozen" / path.relative_to(tmp_path / "plain"))


def texts(path):
    """The replies in a file of predictions."""
    return [json.loads(line).get("text") for line in path.read_text().splitlines()]


def test_runs_share_a_folder(gold, tmp_path, capsys):
    keys = [*gold, *UPPER, "--frozen_layers=1", f"--frozen_dir={tmp_path / 'states'}", "--on_policy_rows=0"]
    first, again = (run([*keys, f"--output_dir={tmp_path / name}"], capsys) for name in ("one", "two"))
    assert again[1][0] < first[1][0] / 2
    assert list((tmp_path / "states").rglob("*.safetensors"))


def test_an_adapter_on_frozen_layers_is_refused_before_a_step(gold, capsys):
    keys = [*gold, "--frozen_layers=1", "--on_policy_rows=0"]
    assert main(["demonstrate", *keys]) == 0
    capsys.readouterr()
    assert main(["train", *keys]) == 2
    assert "frozen_layers is 1, but weights in or below these layers are trained" in capsys.readouterr().err
