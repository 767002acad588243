"""What was made is known by what decided it: a template, a key or a method that is added later changes no finished run.

Each addition is made to a copy of the package, by the lines that a contributor would write.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file

import hf_selfdemo
from hf_selfdemo.core.manifest import read_json
from hf_selfdemo.verbs.cli import main

PACKAGE = Path(hf_selfdemo.__file__).parent
GROUPS = {
    "recipe/config.py": [
        *("DataArguments", "RetrievalArguments", "EngineArguments", "PromptSearchArguments", "DemonstrateArguments"),
        *("JudgeArguments", "TrainArguments", "EvaluateArguments", "AbilityArguments"),
    ],
    "methods/candidates.py": ["Sampling"],
    "methods/self_demo.py": ["Choosing"],
}
"""Groups of keys by their file."""

AGAIN = """
import json, sys
import hf_selfdemo
from hf_selfdemo.verbs.cli import main
run, halted, before, *flags = sys.argv[1:]
verbs = {
    "demonstrate": [f"--output_dir={run}"],
    "train": [f"--output_dir={run}"],
    "evaluate": [f"--output_dir={run}"],
    "evaluate --compare": [f"--output_dir={run}", "--compare", "base", "tuned", f"before={before}:tuned"],
    "train further": [f"--output_dir={halted}"],
    "push": [f"--output_dir={run}", "--dry_run", "--hub_base_model=me/base"],
}
codes = {verb: main([verb.split()[0], *flags, *more]) for verb, more in verbs.items()}
print(json.dumps([hf_selfdemo.__file__, codes]))
"""


@pytest.fixture(scope="module")
def made(brief_model, tmp_path_factory):
    """A finished run, and one whose training was stopped behind its first checkpoint."""
    folder = tmp_path_factory.mktemp("made")
    flags = [
        *(f"--model_name_or_path={brief_model}", "--judge=tournament", "--max_train_questions=4"),
        *("--max_candidate_tokens=12", "--rag_candidates=2", "--closed_book_candidates=0", "--refusal_candidates=1"),
        *("--max_abstain_share=1", "--passages_per_question=2", "--max_train_unanswerable=0", "--max_test_questions=3"),
        *("--max_test_unanswerable=0", "--max_answer_tokens=4", "--evaluate_modes", "rag", "--max_steps=2"),
        *("--per_device_train_batch_size=2", "--lora_r=2", "--use_cpu", "--on_policy_rows=2", "--meter_rows=2"),
        *("--save_strategy=steps", "--save_steps=1", "--learning_rate=0.01"),
        *("--evaluate_judge=llm_label", "--prompt_search", "--search_train_examples=2", "--search_eval_examples=2"),
        *("--search_steps=1", "--search_topk=1", "--search_beam_size=1", "--max_search_answer_tokens=8"),
    ]
    for verb in ("demonstrate", "train", "evaluate"):
        assert main([verb, *flags, f"--output_dir={folder / 'run'}"]) == 0
    shutil.copytree(folder / "run", folder / "halted", ignore=lambda path, names: [n for n in names if n == "model"])
    (folder / "halted/model").mkdir()
    for name in ("run.json", "checkpoint-1"):
        found = folder / "run/model" / name
        (shutil.copytree if found.is_dir() else shutil.copyfile)(found, folder / "halted/model" / name)
    return folder, flags


def with_a_template(package):
    for name in ("added", "candidates/rag_9", "judging/added", "search/added", "report/added"):
        (package / f"prompting/templates/{name}.txt").write_text("Say it in other words: {{ question }}\n")


def with_keys(package):
    """One in every group that decides anything, in the groups of the method, in those of training and its views."""
    for name, groups in GROUPS.items():
        text = (package / name).read_text(encoding="utf-8")
        for group in groups:
            line = f'    added_to_{group.lower()}: bool = key(False, "of no use yet", "written")\n'
            text, count = re.subn(
                rf"(class {group}:\n.*?\n)(    \w+: [^\n]* = key\()",
                rf"\g<1>{line}\g<2>",
                text,
                count=1,
                flags=re.DOTALL,
            )
            assert count == 1
        (package / name).write_text(text, encoding="utf-8")
    path = package / "training/arguments.py"
    first = "    output_dir: str | None = field("
    text, line = (
        path.read_text(encoding="utf-8"),
        '    added: bool = field(default=False, metadata={"help": "of no use yet"})\n',
    )
    assert text.count(first) == 1
    path.write_text(text.replace(first, line + first), encoding="utf-8")
    path = package / "training/views.py"
    text, last = path.read_text(encoding="utf-8"), "    seed: int = 0\n"
    assert text.count(last) == 1
    path.write_text(text.replace(last, last + "    added: bool = False\n"), encoding="utf-8")


def with_a_method(package):
    shutil.copyfile(package / "methods/ra_it.py", package / "methods/added.py")
    path = package / "methods/__init__.py"
    text, last = path.read_text(encoding="utf-8"), '    "raft": "hf_selfdemo.methods.raft:METHOD",\n'
    assert text.count(last) == 1
    path.write_text(text.replace(last, last + '    "added": "hf_selfdemo.methods.added:METHOD",\n'), encoding="utf-8")


@pytest.mark.parametrize("add", [with_a_template, with_keys, with_a_method])
def test_what_is_added_later_changes_nothing_that_is_made(made, tmp_path, add):
    """Nothing is asked again, nothing trained again, nothing refused, and a checkpoint goes on."""
    before, flags = made
    for name in ("run", "halted"):
        shutil.copytree(before / name, tmp_path / name)
    shutil.copytree(PACKAGE, tmp_path / "src/hf_selfdemo", ignore=shutil.ignore_patterns("__pycache__"))
    add(tmp_path / "src/hf_selfdemo")
    done = subprocess.run(
        [sys.executable, "-c", AGAIN, tmp_path / "run", tmp_path / "halted", before / "run", *flags],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "src"), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert done.returncode == 0, done.stderr
    loaded, codes = json.loads(done.stdout.strip().splitlines()[-1])
    assert loaded.startswith(str(tmp_path))
    assert [line for line in done.stderr.splitlines() if line.startswith("hf-selfdemo: ")] == []
    assert set(codes.values()) == {0}, codes
    assert "is trained already" in done.stderr + done.stdout

    def same(name):
        return (before / "run" / name).read_bytes() == (tmp_path / "run" / name).read_bytes()

    assert same("demonstrations/train.parquet") and same("model/manifest.json") and same("demonstrations/run.json")
    usage = read_json(tmp_path / "run/demonstrations/manifest.json")
    assert usage["usage"]["calls"] == 0 and usage["reused"]["calls"] > 0
    assert usage["settings"].get("added_to_sampling") == (False if add is with_keys else None), "it is known"
    evaluated = read_json(tmp_path / "run/evaluation/manifest.json")
    assert {column: one["calls"] for column, one in evaluated["usage"].items()} == {"base": 0, "tuned": 0}
    assert same("evaluation/predictions/tuned.rag.jsonl")
    weights = "model/adapter_model.safetensors"
    undisturbed, resumed = load_file(before / "run" / weights), load_file(tmp_path / "halted" / weights)
    assert all(bool((undisturbed[name] == resumed[name]).all()) for name in undisturbed)
