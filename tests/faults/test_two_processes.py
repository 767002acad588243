"""Two starts at once, in every combination: it ends as if one had come after the other, and no call is paid twice.

What a pair has to come to is found out by giving its commands one after the other, in a folder of their own.
"""

import itertools
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from side_by_side import Server, artefacts, asked, begin, copied, end, give, warm

OWN = ["--output_dir=run"]
COMMANDS = {
    "demonstrate": ["demonstrate", *OWN],
    "other method": ["demonstrate", *OWN, "--method=ra_it"],
    "other judge": ["demonstrate", *OWN, "--judge=tournament"],
    "other pairs": ["demonstrate", *OWN, "--pair_policy=gold"],
    "other seed": ["demonstrate", *OWN, "--demonstrate_seed=1"],
    "other temperature": ["demonstrate", *OWN, "--temperature=0.5"],
    "shard 0": ["demonstrate", *OWN, "--shard=0/2"],
    "shard 1": ["demonstrate", *OWN, "--shard=1/2"],
    "shard 1, other judge": ["demonstrate", *OWN, "--shard=1/2", "--judge=tournament"],
    "plan": ["plan", *OWN],
    "ledger": ["ledger", *OWN],
    "preflight": ["preflight", *OWN],
    "train": ["train", *OWN],
    "other rate": ["train", *OWN, "--learning_rate=0.01"],
    "evaluate": ["evaluate", *OWN],
    "other length": ["evaluate", *OWN, "--max_answer_tokens=3"],
    "export": ["export", *OWN],
    "push": ["push", *OWN, "--dry_run", "--artefacts", "dataset", "index"],
    "in a": ["demonstrate", "--output_dir=runs/a", "--ledger=shared.sqlite", "--index_dir=runs/index"],
    "in b": ["demonstrate", "--output_dir=runs/b", "--ledger=shared.sqlite", "--index_dir=runs/index"],
    "in b, other judge": ["demonstrate", "--output_dir=runs/b", "--ledger=shared.sqlite", "--judge=tournament"],
    "evaluate in a": ["evaluate", "--output_dir=runs/a", "--ledger=shared.sqlite", "--adapters", "tuned=run/model"],
    "evaluate in b": ["evaluate", "--output_dir=runs/b", "--ledger=shared.sqlite", "--adapters", "tuned=run/model"],
}
READ_ONLY = {"ledger", "preflight"}
TOGETHER = [
    ("nothing", "shard 0", "shard 1"),
    ("nothing", "shard 0", "shard 1, other judge"),
    ("nothing", "in a", "in b"),
    ("nothing", "in a", "in b, other judge"),
    ("model", "evaluate in a", "evaluate in b"),
]
"""Pairs that both do their work: shards of one run, and two runs that share a ledger and an index."""

PAIRS = [
    *(("nothing", "demonstrate", other) for other in COMMANDS if other in (
        "demonstrate", "other method", "other judge", "other pairs", "other seed", "other temperature", "shard 0",
        "plan", "ledger", "preflight", "train",
    )),
    ("nothing", "shard 0", "shard 0"),
    ("nothing", "shard 0", "train"),
    ("demonstrations", "train", "train"),
    ("demonstrations", "train", "other rate"),
    ("demonstrations", "train", "other pairs"),
    ("demonstrations", "train", "preflight"),
    ("model", "evaluate", "evaluate"),
    ("model", "evaluate", "other length"),
    ("model", "evaluate", "train"),
    ("model", "evaluate", "other judge"),
    ("evaluation", "push", "push"),
    ("evaluation", "push", "other pairs"),
    ("evaluation", "push", "evaluate"),
    ("evaluation", "push", "shard 0"),
    ("evaluation", "export", "push"),
    *TOGETHER,
]  # fmt: skip
STATES = {
    "nothing": [],
    "demonstrations": ["demonstrate"],
    "model": ["demonstrate", "train"],
    "evaluation": ["demonstrate", "train", "evaluate"],
}
SMALL = [
    *("--max_train_questions=6", "--max_train_unanswerable=0", "--train_twins=3", "--passages_per_question=2"),
    *("--max_test_questions=3", "--max_test_unanswerable=0", "--max_answer_tokens=4", "--evaluate_modes", "rag"),
    *("--rag_candidates=2", "--closed_book_candidates=1", "--refusal_candidates=1", "--max_abstain_share=1"),
    *("--max_candidate_tokens=12", "--window=4", "--server_concurrency=2", "--on_policy_rows=0", "--plan_questions=2"),
    *("--num_train_epochs=1", "--per_device_train_batch_size=8", "--lora_r=2", "--use_cpu", "--meter_rows=1"),
    *("--hub_base_model=me/tiny", "--engine=server", "--gold_fallback", "--save_strategy=no"),
]


class Bench:
    """Gives commands, alone or by twos, in folders that begin with what a state holds."""

    def __init__(self, work, model, server):
        self.work, self.count = work, itertools.count()
        self.common = [*SMALL, f"--model_name_or_path={model}", f"--server_url={server.url}"]
        self.after = {}

    def command(self, name):
        verb, *own = COMMANDS[name]
        return [verb, *self.common, *own]

    def one_after_the_other(self, *names):
        """The folder in which commands were given in turn, and how each ended."""
        if not names:
            return copied(None, self.work / f"{next(self.count)}"), []
        if names not in self.after:
            before, ended = self.one_after_the_other(*names[:-1])
            home = copied(before, self.work / f"{next(self.count)}")
            self.after[names] = home, [*ended, give(home, self.command(names[-1]))]
        return self.after[names]

    def at_once(self, state, names, delay):
        """Start both, then give again what was locked out. Returns what is wrong with what came of it."""
        made, steps = STATES[state], []
        home = copied(self.one_after_the_other(*made)[0], self.work / f"{next(self.count)}")
        first = begin(home, self.command(names[0]), "first")
        time.sleep(delay)
        second = begin(home, self.command(names[1]), "second")
        both = [end(home, first, "first"), end(home, second, "second")]
        steps = list(both)
        if all(ended.locked_out for ended in both):
            return ["both were locked out"], steps
        order = (0, 1)
        for place, ended in enumerate(both):
            if ended.locked_out:
                order = (1 - place, place)
                both[place] = give(home, self.command(names[place]), "again")
                steps.append(both[place])
        wrong = [f"{name}: {ended.line}" for name, ended in zip(names, both, strict=True) if ended.unexplained]
        tried = [self.differences(made, home, names, both, order)]
        if len(steps) == 2:  # either may have been the first
            tried.append(self.differences(made, home, names, both, (1, 0)))
        return wrong + min(tried, key=len), steps

    def differences(self, made, home, names, both, order):
        wanted, ended = self.one_after_the_other(*made, *(names[place] for place in order))
        found = []
        for place, alone in zip(order, ended[-2:], strict=True):
            if names[place] not in READ_ONLY and (both[place].code, line(both[place])) != (alone.code, line(alone)):
                found.append(f"{names[place]} ended {both[place]} and not {alone.code}, {alone.line}")
        theirs, ours = artefacts(wanted), artefacts(home)
        found += [f"{name} differs" for name in sorted(theirs | ours) if theirs.get(name) != ours.get(name)]
        paid, due = asked(home), asked(wanted)
        if paid != due:
            found.append(f"{(paid - due).total()} calls too many, {(due - paid).total()} too few of {due.total()}")
        return found


def line(ended):
    """What a refusal says; what else is said may tell of times."""
    return ended.line if ended.code == 2 else ""


def main(work, model):
    """Try all pairs, and print what is wrong with each; a process of its own, without torch's threads."""
    warm()
    server, draw, found = Server(), random.Random(0), {}
    try:
        bench = Bench(work, model, server)
        for state, *names in PAIRS:
            wrong, steps = bench.at_once(state, names, draw.choice([0, draw.uniform(0, 0.15)]))
            found[" | ".join((state, *names))] = {"wrong": wrong, "met": any(ended.locked_out for ended in steps)}
        for names in {tuple(STATES[state]) for state in STATES} - {()}:
            assert not any(ended.code for ended in bench.after[names][1]), bench.after[names]
    finally:
        server.close()
    print(json.dumps(found))


@pytest.fixture(scope="module")
def found(brief_model, tmp_path_factory):
    """What is wrong with each pair."""
    quiet = {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    command = [sys.executable, __file__, str(tmp_path_factory.mktemp("pairs")), str(brief_model)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | quiet)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("pair", PAIRS, ids=" | ".join)
def test_two_starts_come_to_what_one_after_the_other_does(found, pair):
    assert found[" | ".join(pair)]["wrong"] == []


def test_starts_met_each_other_and_those_that_may_work_together_did(found):
    met = [pair for pair in PAIRS if found[" | ".join(pair)]["met"]]
    assert len(met) >= 10, "the pairs came one after the other"
    assert not set(met) & set(TOGETHER)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
