"""A method is one file and one row of the table: one that nobody here knows goes through every verb."""

import json
import sys
from pathlib import Path

import pytest
from datasets import load_dataset

from hf_selfdemo.core.manifest import file_hash
from hf_selfdemo.methods import METHODS
from hf_selfdemo.verbs.cli import main

FILE = '''
"""Drafts: of several texts the longest or shortest two are trained, right or wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from hf_selfdemo.core.keys import check_kinds, key
from hf_selfdemo.core.ranges import ONE_OR_MORE, check_keys
from hf_selfdemo.core.seeding import stable_seed
from hf_selfdemo.core.types import Candidate, Demonstration, Request, Skip
from hf_selfdemo.judging.answer_match import AnswerMatchJudge
from hf_selfdemo.methods.method import Method
from hf_selfdemo.prompting.prompts import render


@dataclass(frozen=True)
class Drafts:
    """How many are written, and which are preferred."""

    drafts: int = key(2, "drafts of each answer", "written", ONE_OR_MORE)
    prefer: Literal["shortest", "longest"] = key("shortest", "which draft is trained", "kept")

    def __post_init__(self):
        check_kinds(self)
        check_keys(self)


@dataclass(frozen=True)
class Toy:
    """Two rows a question, of which the second stays for every second question."""

    keys: Drafts = field(default_factory=Drafts)
    seed: int = 0

    def write(self, evidence):
        asked = render("rag", evidence.question.text, evidence.passages)
        names = [f"{evidence.id}/draft/{i}" for i in range(self.keys.drafts)]
        replies = yield [Request(n, asked, "draft", 1.0, 12, stable_seed(self.seed, n)) for n in names]
        return [Candidate(reply.text, "rag", "rag", reply.finish_reason) for reply in replies]

    def select(self, evidence, candidates, verdicts):
        whole = sorted({c.text for c in candidates if c.finish_reason == "stop" and c.text.strip()}, key=len)
        best = whole[::-1][:2] if self.keys.prefer == "longest" else whole[:2]
        return [
            Demonstration(evidence, text, "answer", "rag", False, suffix=suffix, group=group)
            for text, suffix, group in zip(best, ("", "#row_2"), ("first", "second"))
        ] or Skip("no draft came to an end")

    def arrange(self, groups, seed):
        second = [i for i, group in enumerate(groups) if group == "second"]
        return dict.fromkeys(second[::2], "")


class Judge(AnswerMatchJudge):
    """Another judge than the one it inherits from, by its file alone."""


METHOD = Method(strategy=Toy, keys=(Drafts,), objectives=("sft",), templates=("rag.txt",))
'''


@pytest.fixture(params=["toy", "toy_method:METHOD"])
def name(request):
    """How a recipe names the method: as a row of the table, or as code of the user's own, which then judges too."""
    return request.param


@pytest.fixture
def toy(name, monkeypatch, tmp_path, brief_model):
    """The flags of a run of the added method."""
    (tmp_path / "toy_method.py").write_text(FILE)
    monkeypatch.syspath_prepend(tmp_path)
    if name == "toy":
        monkeypatch.setitem(METHODS, "toy", "toy_method:METHOD")
    judges = [] if name == "toy" else ["--judge=toy_method:Judge", "--evaluate_judge=toy_method:Judge"]
    return [
        *judges,
        *(f"--output_dir={tmp_path / 'run'}", f"--model_name_or_path={brief_model}", f"--method={name}", "--drafts=3"),
        *("--prefer=longest", "--passages_per_question=2", "--max_train_questions=4", "--max_train_unanswerable=0"),
        *("--max_test_questions=3", "--max_test_unanswerable=0", "--max_answer_tokens=4", "--evaluate_modes", "rag"),
        *("--max_steps=2", "--per_device_train_batch_size=2", "--lora_r=2", "--use_cpu", "--on_policy_rows=2"),
        "--meter_rows=2",
    ]


def test_an_added_method_goes_through_every_verb(name, toy, manifest, refused, tmp_path):
    assert main(["plan", *toy, "--plan_questions=2"]) == 0
    assert json.loads((tmp_path / "run/plan.json").read_text())["stages"]["draft"]["calls"] == 12
    assert main(["demonstrate", *toy]) == 0
    made = manifest("demonstrations")
    assert (made["settings"]["method"], made["settings"]["drafts"]) == (name, 3)
    assert made["selection"]["prefer"] == "longest" and "pair_policy" not in made["selection"]
    rows = load_dataset("parquet", data_files=str(tmp_path / "run/demonstrations/train.parquet"), split="train")
    second = [row for row in rows if row["id"].endswith("#row_2")]
    assert second and all(row["source"] == "rag" for row in rows) and len(rows) > len(second)
    for row in second:
        [first] = [one for one in rows if row["id"] == one["id"] + "#row_2"]
        assert len(first["response"]) >= len(row["response"])
    assert main(["preflight", *toy]) == 0
    assert main(["train", *toy]) == 0
    assert manifest("model")["rows_trained"] == len(rows)
    assert main(["evaluate", *toy]) == 0
    assert set(manifest("evaluation")["models"]) == {"base", "tuned"}
    sources = [made["settings"].get("method_source"), made["selection"].get("judge_source")]
    sources += [judge.get("judge_source") for judge in manifest("evaluation")["judges"].values()]
    assert set(sources) == {None if name == "toy" else file_hash(Path(sys.modules["toy_method"].__file__))}
    assert main(["push", *toy, "--dry_run", "--hub_base_model=me/base", "--artefacts", "dataset", "model"]) == 0
    card = "".join(path.read_text(encoding="utf-8") for path in sorted(tmp_path.glob("run/hub/preview/*.md")))
    assert f"method: {name}" in card and "_source" not in card and "drafts: 3" in card and "prefer: longest" in card
    assert "base_model: me/base" in card


@pytest.mark.parametrize("name", ["toy"], indirect=True)
def test_its_keys_are_known_with_it_alone_and_checked(toy, refused):
    """Another method's keys are refused by their method, and what is no choice or number by its key."""
    elsewhere = [flag for flag in toy if not flag.startswith(("--method", "--prefer"))]
    assert "--drafts belongs to method 'toy', but method is 'ra_it'" in refused("plan", *elsewhere, "--method=ra_it")
    assert "--rag_candidates belongs to method 'self_demo'" in refused("plan", *toy, "--rag_candidates=2")
    assert "prefer is 'longst': did you mean 'longest'?" in refused("plan", *toy, "--prefer=longst")
    assert "drafts is 0: give" in refused("plan", *toy, "--drafts=0")
    assert "objective is 'dpo', but method 'toy' makes no data for it" in refused("plan", *toy, "--objective=dpo")
