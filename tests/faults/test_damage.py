"""Files damaged at places drawn by seed: the same result, or one line that refuses; never other data, never a bug."""

import pytest
from runs import INPUTS, VERBS, differences

READERS = {
    "run/demonstrations/": ("demonstrate", "train", "preflight", "push_dataset"),
    "run/model/": ("train", "evaluate", "push_model"),
    "run/evaluation/": ("evaluate", "compare", "ragas", "push_model"),
    "run/comparisons/": ("compare",),
    "run/export/ragas/": ("ragas",),
    "run/export/lm_eval/": ("lm_eval",),
    "run/hub/dataset/": ("push_dataset",),
    "run/hub/model/": ("push_model",),
    "run/ledger.sqlite": ("prompts", "demonstrate", "evaluate", "ledger"),
    "index/train/": ("demonstrate", "push_index"),
    "dpo/demonstrations/": ("dpo_demonstrate", "dpo_train"),
    "dpo/model/": ("dpo_train",),
    "shards/demonstrations/": ("merged", "shard_0"),
}
"""Verbs that read the files of a folder; the first of them makes these files."""

FAULTS = dict.fromkeys(READERS, 8) | {
    "run/model/": 24,
    "run/ledger.sqlite": 24,
    "run/evaluation/": 12,
    "index/train/": 12,
}
FOR_PEOPLE = ("README.md",)
"""What nothing reads, and whoever trained may have edited."""


def damaged(draw, content, others):
    """What is left of a file, and what happened to it."""
    size = len(content)
    kind = draw.choice(["bit", "bit", "bit", "byte", "zeroes", "cut", "longer", "empty", "swapped"])
    at = draw.randrange(size) if size else 0
    if kind == "bit" and size:
        return f"bit {at}", content[:at] + bytes([content[at] ^ 1 << draw.randrange(8)]) + content[at + 1 :]
    if kind == "byte" and size:
        return f"byte {at}", content[:at] + bytes([draw.randrange(256)]) + content[at + 1 :]
    if kind == "zeroes" and size:
        length = draw.choice([4, 64, 4096])
        return f"{length} zeroes at {at}", (content[:at] + bytes(length) + content[at + length :])[:size]
    if kind == "cut":
        return f"cut at {at}", content[:at]
    if kind == "longer":
        return "longer", content + draw.randbytes(16)
    if kind == "swapped" and others:
        return "swapped", draw.choice(others)
    return "empty", b""


def damage_one(run, draw, tree, names):
    """Damage one of the files, in the folder; its name, and what happened."""
    name = draw.choice(names)
    end = name.rpartition(".")[2]
    others = [content for other, content in tree.items() if other.endswith(end) and other != name]
    how, content = damaged(draw, tree[name], others)
    (run.work / name).write_bytes(content)
    return name, how


def one_line(ending, fault):
    assert ending.code in (0, 2), (fault, ending)
    assert "Traceback" not in ending.err + ending.out, (fault, ending)
    if ending.code == 2:
        assert ending.line.startswith("hf-selfdemo: ") and "bug" not in ending.line, (fault, ending)


@pytest.mark.parametrize("place", READERS)
def test_a_damaged_file_is_made_anew_or_refused(run, draw, place):
    verbs = READERS[place]
    names = [name for name in run.after if name.startswith(place) and not name.endswith((*FOR_PEOPLE, "-shm"))]
    names = [name for name in names if "/checkpoint-" not in name]  # nothing reads them once training is done
    for _ in range(FAULTS[place]):
        run.restore(run.after)
        name, how = damage_one(run, draw, run.after, names)
        verb = draw.choice(verbs)
        there = (run.work / name).read_bytes()
        ending = run.forks(*VERBS[verb])
        fault = (name, how, verb)
        one_line(ending, fault)
        found = run.tree()
        assert differences(found, run.after, but=name) == [], (fault, ending)
        if ending.code == 0:
            if not name.endswith(".sqlite") and (verb == verbs[0] or found.get(name) != there):
                assert differences({name: found.get(name, b"")}, {name: run.after[name]}) == [], (fault, ending)
            another = name.endswith(".sqlite") and how in ("swapped", "empty")  # a ledger, though not this one
            if verb in run.said and not another:
                assert ending.out == run.said[verb], (fault, ending)


def test_searched_prompts_may_be_edited_but_no_damage_goes_unsaid(run, draw):
    names = ["run/prompts/rag.jsonl", "run/prompts/closed_book.jsonl", "run/prompts/manifest.json"]
    for _ in range(8):
        run.restore(run.after)
        name, how = damage_one(run, draw, run.after, names)
        verb = draw.choice(["prompts", "demonstrate"])
        ending = run.forks(*VERBS[verb])
        one_line(ending, (name, how, verb))
        told = " ".join(ending.err.split())
        unharmed = differences({name: (run.work / name).read_bytes()}, {name: run.after[name]}) == []
        assert ending.code or unharmed or "was edited after the search" in told, (name, how, verb, ending)


@pytest.mark.parametrize("objective", ["run", "dpo"])
def test_training_goes_on_from_a_damaged_checkpoint_to_the_same_model_or_not_at_all(run, draw, objective):
    verb = {"run": "train", "dpo": "dpo_train"}[objective]
    model = f"{objective}/model"
    killed = {
        name: content
        for name, content in run.after.items()
        if not name.startswith(f"{model}/checkpoint-4/") and name != f"{model}/manifest.json"
    }
    names = [name for name in killed if name.startswith(f"{model}/checkpoint-2/")]
    for _ in range(8):
        run.restore(killed)
        name, how = damage_one(run, draw, killed, names)
        ending = run.forks(*VERBS[verb])
        fault = (name, how)
        one_line(ending, fault)
        if ending.code == 0:
            assert differences(run.tree(), run.after, but=name) == [], (fault, ending)


@pytest.mark.parametrize("name", INPUTS)
def test_a_damaged_input_is_read_as_it_is_or_refused(run, draw, name):
    """Nobody can tell what should stand there: only that the end is a result or a line."""
    names = [found for found in run.after if found.startswith(name)]
    for _ in range(6):
        run.restore(run.after)
        fault = damage_one(run, draw, run.after, names)
        verb = draw.choice(["demonstrate", "preflight", "evaluate"])
        one_line(run.forks(*VERBS[verb]), (*fault, verb))
