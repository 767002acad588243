"""A small run through every verb, and what its folder held before and after each of them."""

from __future__ import annotations

import json
import re
import sqlite3
import tempfile
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from forks import Ending, Forks

RECIPE = """\
output_dir: work/run
model_name_or_path: work/base
train_questions: [work/train.jsonl]
test_questions: [work/test.jsonl]
train_corpus: work/train_corpus.jsonl
test_corpus: work/test_corpus.jsonl
index_dir: work/index
passages_per_question: 2
train_twins: 2

prompt_search: true
search_train_examples: 2
search_eval_examples: 2
search_steps: 1
search_topk: 1
search_beam_size: 2

rag_candidates: 2
closed_book_candidates: 1
refusal_candidates: 1
max_candidate_tokens: 12
judge: tournament
max_abstain_share: 0.5
on_policy_rows: 2
window: 3

lora_r: 2
use_cpu: true
num_train_epochs: 2
per_device_train_batch_size: 4
save_strategy: steps
save_steps: 2
meter_rows: 2
max_length: 512

evaluate_modes: [rag, closed_book]
max_answer_tokens: 8
choice_questions: embedded
max_choice_questions: 2
instruction_prompts: embedded
max_instruction_prompts: 2
max_instruction_tokens: 4
hub_base_model: someone/base
hub_namespace: someone
source_license: mit
model_license: mit
"""

_DPO = ("--config", "work/recipe.yaml", "--output_dir=work/dpo", "--ledger=work/run/ledger.sqlite", "--objective=dpo")
_SHARDS = ("--config", "work/recipe.yaml", "--output_dir=work/shards", "--demonstrate_seed=1")


def _push(artefact: str, *more: str) -> tuple[str, ...]:
    return ("push", "--config", "work/recipe.yaml", "--dry_run", "--artefacts", artefact, *more)


VERBS = {
    "prompts": ("prompts", "--config", "work/recipe.yaml"),
    "demonstrate": ("demonstrate", "--config", "work/recipe.yaml"),
    "train": ("train", "--config", "work/recipe.yaml"),
    "evaluate": ("evaluate", "--config", "work/recipe.yaml"),
    "compare": ("evaluate", "--config", "work/recipe.yaml", "--compare", "base", "tuned"),
    "ragas": ("export", "--config", "work/recipe.yaml", "--export_to=ragas"),
    "lm_eval": ("export", "--config", "work/recipe.yaml", "--export_to=lm_eval"),
    "push_dataset": _push("dataset"),
    "push_model": _push("model", "--merge_adapter"),
    "push_index": _push("index"),
    "ledger": ("ledger", "--config", "work/recipe.yaml"),
    "preflight": ("preflight", "--config", "work/recipe.yaml"),
    "dpo_demonstrate": ("demonstrate", *_DPO),
    "dpo_train": ("train", *_DPO),
    "shard_0": ("demonstrate", *_SHARDS, "--shard=0/2"),
    "shard_1": ("demonstrate", *_SHARDS, "--shard=1/2"),
    "merged": ("demonstrate", *_SHARDS),
}


TELLERS = ("compare", "ledger", "preflight", "push_dataset", "push_model", "push_index")
"""Verbs that say on standard output what they read."""

INPUTS = ("recipe.yaml", "train.jsonl", "test.jsonl", "train_corpus.jsonl", "test_corpus.jsonl", "base/")
"""What the user gives: nobody but them can say what should stand there."""

_OF_ONE_START = {
    *("train_runtime", "train_samples_per_second", "train_steps_per_second", "seconds", "checksum"),
    *("usage", "reused", "reused_calls"),
}
"""What files tell of the start that wrote them: its times, and which calls were in the ledger by then."""

_REUSED = re.compile(rb'<tr><th scope="row">evaluating</th>.*')


class Run:
    """Every verb once, in their order.

    Args:
        forks: runs commands.
        work: the folder with recipe, questions, passages and base model.

    `after` is the whole folder when all is done, a dict of contents by name; `before` and `at_end` are the same at the
    start and end of a verb, `paid` the keys of the calls that it made, `moments` how many of them it went through;
    `said` is what a verb prints on standard output when it is given again.
    """

    def __init__(self, forks: Forks, work: Path) -> None:
        self.forks, self.work = forks, work
        self.before, self.at_end, self.paid, self.moments = {}, {}, {}, {}
        for verb in VERBS:
            self.before[verb] = self.tree()
            self.moments[verb] = self.done(verb).moments
            self.at_end[verb], self.paid[verb] = self.tree(), self.calls()
        fold(work / "run" / "ledger.sqlite")
        self.after = self.tree()
        self.said = {verb: self.done(verb).out for verb in TELLERS}

    def done(self, verb: str) -> Ending:
        """A verb that comes to its end."""
        ending = self.forks(*VERBS[verb])
        assert ending.code == 0, (verb, ending)
        return ending

    def tree(self) -> dict[str, bytes]:
        """All that lies in the folder, by name."""
        found = (path for path in sorted(self.work.rglob("*")) if path.is_file())
        return {path.relative_to(self.work).as_posix(): path.read_bytes() for path in found}

    def restore(self, tree: dict[str, bytes]) -> None:
        """Make the folder what it was."""
        there = self.tree()
        for name in there.keys() - tree.keys():
            (self.work / name).unlink()
        for folder in sorted((path for path in self.work.rglob("*") if path.is_dir()), reverse=True):
            if not any(folder.iterdir()):
                folder.rmdir()
        for name, content in tree.items():
            if there.get(name) != content:
                (self.work / name).parent.mkdir(parents=True, exist_ok=True)
                (self.work / name).write_bytes(content)

    def calls(self) -> list[str]:
        """Keys of the calls paid for since the last time of asking."""
        path = self.forks.root / "calls.log"
        found = path.read_text().split() if path.exists() else []
        path.unlink(missing_ok=True)
        return found


def differences(one: dict[str, bytes], other: dict[str, bytes], but: str = "") -> list[str]:
    """Names of the files that differ, apart from times; a ledger is compared row for row.

    The preview of the last push is left out: each push replaces it.
    """
    names = (name for name in {*one, *other} if name != but and "/hub/preview/" not in name)
    names = sorted(name for name in names if not name.endswith(("-wal", "-shm")))
    kept_in_two = ".sqlite"  # the newest rows may be in the log beside it
    unequal = [name for name in names if name.endswith(kept_in_two) or one.get(name) != other.get(name)]
    return [name for name in unequal if _plain(name, one) != _plain(name, other)]


def fold(ledger: Path) -> None:
    """Fold a ledger's write-ahead log into its file, as a process that ends does."""
    db = sqlite3.connect(ledger)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


def _plain(name: str, tree: dict[str, bytes]) -> object:
    content = tree.get(name)
    if content is None:
        return None
    if name.endswith(".sqlite"):
        return _calls(name, tree)
    if name.endswith(".json"):
        with suppress(ValueError):
            return _timeless(json.loads(content))
    return _REUSED.sub(b"", content)


def _calls(name: str, tree: dict[str, bytes]) -> object:
    with tempfile.TemporaryDirectory() as folder:
        for end in ("", "-wal"):
            (Path(folder) / f"l{end}").write_bytes(tree.get(name + end, b""))
        with closing(sqlite3.connect(Path(folder) / "l")) as db:
            try:
                return sorted(db.execute("SELECT key, model, stage, reply FROM calls"))
            except sqlite3.Error as error:
                return str(error)


def _timeless(value: Any) -> Any:
    if isinstance(value, list):
        return [_timeless(item) for item in value]
    if isinstance(value, dict):
        return {key: _timeless(item) for key, item in value.items() if key not in _OF_ONE_START}
    return value
