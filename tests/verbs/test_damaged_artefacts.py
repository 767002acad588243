"""Whatever stands in the files of a run, a verb that reads them ends in a line that names the file: never in a bug."""

import json
import random
import shutil

import pytest

from hf_selfdemo.app.demonstrations import Demonstrations
from hf_selfdemo.app.replies import Replies
from hf_selfdemo.core.manifest import file_hash
from hf_selfdemo.verbs.cli import main, reported
from hf_selfdemo.verbs.failures import BUG

_OTHERS = ([], 7, {"x": 1}, "x", None, ...)
"""What takes the place of a value; `...` takes it away."""

_EACH = 4
"""Changes to a file, drawn by a seed."""


@pytest.fixture(scope="module")
def whole(model_folder, tmp_path_factory):
    """A finished run, and the flags it was made with."""
    home = tmp_path_factory.mktemp("damaged")
    flags = [
        *(f"--output_dir={home / 'run'}", f"--model_name_or_path={model_folder}", "--method=ra_it"),
        *("--max_train_questions=4", "--max_train_unanswerable=0", "--passages_per_question=2", "--train_twins=2"),
        *("--max_test_questions=3", "--max_test_unanswerable=0", "--max_answer_tokens=4", "--evaluate_modes", "rag"),
        *("--num_train_epochs=1", "--lora_r=2", "--use_cpu", "--on_policy_rows=0", "--meter_rows=0"),
        f"--index_dir={home / 'index'}",
    ]
    assert main(["run", *flags]) == 0 and main(["plan", *flags]) == 0
    shutil.copytree(home / "run", home / "whole" / "run")
    shutil.copytree(home / "index", home / "whole" / "index")
    return home, flags


def _push(*names):
    return ["push", "--dry_run", "--hub_namespace=me", "--hub_base_model=a/b", "--artefacts", *names]


LOOK = ["look"]
READERS = {
    "run/demonstrations/manifest.json": [["preflight"], _push("dataset", "space"), _push("model"), ["demonstrate"]],
    "run/demonstrations/candidates.jsonl": [LOOK, _push("dataset")],
    "run/demonstrations/skipped.jsonl": [LOOK],
    "run/model/manifest.json": [["train"], _push("model"), ["evaluate"], ["preflight", "--start_from={run}/model"]],
    "run/model/adapter_config.json": [
        ["evaluate"],
        _push("model"),
        [*_push("model"), "--merge_adapter"],
        ["preflight", "--start_from={run}/model"],
    ],
    "run/model/tokenizer_config.json": [_push("model")],
    "run/evaluation/manifest.json": [
        LOOK,
        _push("model", "space"),
        ["evaluate"],
        ["evaluate", "--compare", "base", "tuned"],
    ],
    "run/evaluation/rows.jsonl": [LOOK, ["evaluate", "--compare", "base", "tuned"]],
    "run/evaluation/predictions/tuned.rag.jsonl": [LOOK, _push("model"), ["export", "--export_to=ragas"]],
    "run/evaluation/figures.json": [["evaluate"]],
    "run/plan.json": [["plan"]],
    "run/demonstrations/run.json": [["demonstrate"]],
    "run/model/run.json": [["train", "--learning_rate=1"]],
    "run/evaluation/run.json": [["evaluate"]],
    "index/train/hf_selfdemo.json": [["demonstrate"], _push("index")],
    "index/train/params.index.json": [["demonstrate"], _push("index")],
    "index/train/vocab.index.json": [_push("index")],
}


@pytest.mark.parametrize("name", READERS)
def test_no_change_to_a_file_of_ours_is_a_bug(name, whole, capsys):
    home, flags = whole
    draw = random.Random(name)
    first, *others = (home / "whole" / name).read_text().splitlines(keepends=True) or ["{}\n"]
    lines = name.endswith(".jsonl")
    content = json.loads(first if lines else (home / "whole" / name).read_text())
    content.pop("checksum", None)  # as one who forges it, or an earlier version that wrote none
    changes = [(place, other) for place in _places(content) for other in _OTHERS if place or other is not ...]
    for place, other in draw.sample(changes, min(_EACH, len(changes))):
        for verb in READERS[name]:
            for part in ("run", "index"):
                shutil.rmtree(home / part, ignore_errors=True)
                shutil.copytree(home / "whole" / part, home / part)
            text = json.dumps(_changed(content, place, other))
            (home / name).write_text(text + "\n" + "".join(others) if lines else text)
            _tell_the_manifest(home / name)
            code = _done(home, verb, flags)
            said = capsys.readouterr().err
            assert code != BUG, (place, other, verb, said)
            assert "Traceback" not in said


def _places(value, at=()):
    """Where something stands, three levels deep; of a list the first."""
    yield at
    if len(at) < 3 and isinstance(value, dict | list):
        keys = list(value)[:40] if isinstance(value, dict) else range(min(1, len(value)))
        for key in keys:
            yield from _places(value[key], (*at, key))


def _changed(value, place, other):
    if not place:
        return other
    value = json.loads(json.dumps(value))
    *above, last = place
    inner = value
    for key in above:
        inner = inner[key]
    if other is ...:
        del inner[last]
    else:
        inner[last] = other
    return value


def _tell_the_manifest(path):
    """As one who forges: what a manifest above the changed file says of its hash is true again."""
    for folder in (path.parent, path.parent.parent):
        manifest = folder / "manifest.json"
        if path == manifest or not manifest.exists():
            continue
        told, name = json.loads(manifest.read_text()), path.relative_to(folder).as_posix()
        told.pop("checksum", None)
        for hashes in (told, told.get("files", {})):
            if name in hashes:
                hashes[name] = file_hash(path)
        manifest.write_text(json.dumps(told))


def _done(home, verb, flags):
    if verb != LOOK:
        return main([verb[0], *flags, *(word.format(run=home / "run") for word in verb[1:])])

    def look():
        made = Demonstrations(home / "run/demonstrations")
        assert made.outcomes and all(made.row(place) for place in made.find())
        Replies(home / "run/evaluation").find("rag", "tuned", "changed", "a")

    return reported(look)
