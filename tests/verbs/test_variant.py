"""A further training with other options: its own folder, the same demonstrations, and the first model stays."""

import pytest

from hf_selfdemo.core.manifest import file_hash, read_json
from hf_selfdemo.verbs.cli import main

OTHER = "--learning_rate=0.5"


def content(*folders):
    return {path: file_hash(path) for folder in folders for path in folder.rglob("*") if path.is_file()}


def test_another_training_goes_beside_the_first_and_all_are_compared(gold, refused, capsys, tmp_path):
    run = tmp_path / "run"
    assert main(["demonstrate", *gold]) == main(["train", *gold]) == 0
    before = content(run / "demonstrations", run / "model")

    for command in ("train", "run", "preflight"):
        assert refused(command, *gold, OTHER).endswith(
            f"{run / 'model'} belongs to another run: learning_rate (there 0.0002, now 0.5): "
            "to keep both, add --variant 2"
        )
    capsys.readouterr()
    assert main(["train", *gold, OTHER, "--variant", "2"]) == 0
    assert "compares the base with model, model-2" in capsys.readouterr().err
    assert read_json(run / "model-2/manifest.json")["settings"]["learning_rate"] == 0.5
    assert content(run / "demonstrations", run / "model") == before
    capsys.readouterr()
    assert main(["train", *gold, OTHER, "--variant=2"]) == 0
    assert f"{run / 'model-2'} is trained already" in capsys.readouterr().err
    assert "--variant 2" in refused("train", *gold, OTHER), "which has these options"
    assert "--variant 3" in refused("train", *gold, "--learning_rate=0.1")
    assert "--variant 3" in refused("train", *gold, "--learning_rate=0.1", "--variant=2")

    assert main(["evaluate", *gold]) == 0
    assert list(read_json(run / "evaluation/figures.json")["columns"]) == ["base", "model-2", "tuned"]
    named = ["--adapters", f"slow={run / 'model'}", f"fast={run / 'model-2'}"]
    assert main(["evaluate", *gold, *named]) == 0
    assert list(read_json(run / "evaluation/figures.json")["columns"]) == ["base", "fast", "slow"]

    push = ["push", "--dry_run", "--artefacts", "model", "--hub_base_model=a/b", *gold]
    for flags, name in (([], "NAMESPACE/run "), (["--variant=2"], "NAMESPACE/run-2 ")):
        capsys.readouterr()
        assert main([*push, *flags]) == 0
        assert name in capsys.readouterr().out
    assert "0.5" in (run / "hub/preview/model-run-2.md").read_text()

    assert main(["runs", "remove", str(run), "--yes"]) == 0
    assert not list(run.glob("model*"))


@pytest.mark.parametrize("name", ["", "a/b", "..", "-x", "a b"])
def test_a_variant_is_the_end_of_a_folders_name(gold, refused, name):
    assert "cannot end the name of a folder: use letters" in refused("train", *gold, f"--variant={name}")


def test_rounds_have_folders_of_their_own(gold, refused):
    said = refused("rounds", *gold, "--method=self_demo", "--num_rounds=2", "--variant=2")
    assert "num_rounds is 2, but variant is set: choose another output_dir" in said
