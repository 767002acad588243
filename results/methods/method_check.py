"""What the mechanism checks share: an arm is one training run with the public verbs, a record holds what came of all.

A check trains a method and its control on the same budget of tokens, and measures what the method claims to change.
Calls are in one ledger a check and trainings in the folders of their runs, so that a check that was stopped goes on
with the same command.
"""

from __future__ import annotations

import argparse
import json
import random
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.manifest import read_json, write_text
from hf_selfdemo.core.types import Dialogue, Evidence, Label, Mode, Prediction, Reply, Request
from hf_selfdemo.data.questions import read_rows
from hf_selfdemo.evaluation.predict import predict
from hf_selfdemo.judging.answer_match import AnswerMatchJudge
from hf_selfdemo.methods.answering import PromptAnswerer
from hf_selfdemo.recipe.engine import Engine, open_engine
from hf_selfdemo.scoring.outcomes import Rate, bootstrap
from hf_selfdemo.verbs.cli import main as selfdemo
from hf_selfdemo.verbs.cli import parse

sys.path.append(str(Path(__file__).parents[1] / "scripts"))

from origin import commit, machine
from told import demonstrations_told, training_told, versions_told

BASE = "base"
PLAIN_PROMPT = "candidates/rag_1"
"""Asks for an answer from the passages and does not mention declining."""

Figure = dict[str, Any]
"""`value` and its 95% `interval`, with the counts behind them."""

Table = dict[str, dict[str, Figure]]
"""Figures by row and column."""


@dataclass(frozen=True)
class Arm:
    """One training run of a check: its recipe, and the flags that differ from the other arms'."""

    name: str
    recipe: str
    flags: tuple[str, ...] = ()


@dataclass
class Check:
    """One check: where it works, and the flags that all its commands share.

    Args:
        method: name of the method, of its folder and of its record.
        given: the command line, as `arguments` parses it; unknown flags go to every verb.
        quick: flags that spare what a check does not look at.
    """

    method: str
    given: argparse.Namespace
    quick: tuple[str, ...] = ("--on_policy_rows", "0", "--meter_rows", "0")
    commands: list[str] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        return Path(self.given.runs) / self.method

    def write_rows(self, name: str, rows: Iterable[Mapping[str, Any]]) -> str:
        """Write questions or passages for the verbs to read; returns the path."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
        return str(path)

    def arguments(self, arm: Arm) -> list[str]:
        """The command line of every verb of an arm; flags of the check's own command line come last and win."""
        places = ["--output_dir", str(self.folder / arm.name), "--ledger", str(self.folder / "ledger.sqlite")]
        own = [*self.quick, "--seed", str(self.given.seed)]
        return ["--config", arm.recipe, *places, *own, *arm.flags, *self.given.flags]

    def run(self, arm: Arm, *verbs: str) -> None:
        """Run verbs of an arm.

        Raises:
            SystemExit: with the code of a verb that failed; it has said why.
        """
        for verb in verbs:
            command = [verb, *self.arguments(arm)]
            self.commands.append(shlex.join(["hf-selfdemo", *map(without_folder, command)]))
            if code := selfdemo(command):
                sys.exit(code)

    def recipe(self, arm: Arm) -> Any:
        """The recipe of an arm, for what the verbs do not measure."""
        return parse(self.arguments(arm))

    def engine(self, arm: Arm, trained: bool = True) -> Engine:
        """The model of an arm behind the ledger: what was trained, or the base model."""
        recipe = self.recipe(arm)
        model = recipe.resolve_tuned(recipe.output_dir / "model") if trained else recipe.resolve()
        return open_engine(recipe, model)

    def record(
        self, arms: Sequence[Arm], figures: Mapping[str, Table], trained_into: str = "model", **told: Any
    ) -> None:
        """Write the record: commands, versions and machine, what every arm was trained on, and the figures.

        Args:
            arms: all of them.
            figures: tables by title.
            trained_into: folder of an arm's run that holds what was trained.
            told: whatever else the record is to hold.
        """
        made = {arm.name: _manifest(self.folder / arm.name / "demonstrations") for arm in arms}
        trained = {arm.name: _manifest(self.folder / arm.name / trained_into) for arm in arms}
        evaluated = [_manifest(self.folder / arm.name / "evaluation") for arm in arms]
        command = ["python", f"results/methods/check_{self.method}.py", *map(without_folder, self.given.command)]
        write_record(
            Path(self.given.records) / f"{self.method}.json",
            {
                "method": self.method,
                "command": shlex.join(command),
                "commands": self.commands,
                "seed": self.given.seed,
                "package": commit(),
                "machine": machine(),
                "versions": versions_told([*made.values(), *trained.values(), *evaluated]),
                "arms": {
                    name: {"demonstrations": demonstrations_told(made[name]), "training": training_told(trained[name])}
                    for name in made
                },
                "figures": figures,
                **told,
            },
        )


def write_record(path: Path, record: Mapping[str, Any]) -> None:
    """Write a record, its keys as they come: tables have their rows and columns in that order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(record, indent=1, ensure_ascii=False) + "\n")


def _manifest(folder: Path) -> dict[str, Any]:
    return read_json(folder / "manifest.json", missing_ok=True)


def without_folder(argument: str) -> str:
    """An argument as a record may hold it: of an absolute path the name alone."""
    return Path(argument).name if Path(argument).is_absolute() else argument


def arguments(about: str | None, argv: Sequence[str] | None = None, **sizes: tuple[int, str]) -> argparse.Namespace:
    """Parse a check's command line.

    Args:
        about: what `--help` says.
        argv: the command line; default is that of the process.
        sizes: by name, a size's default and what it is.

    Returns:
        The sizes and places; `flags` are all others, which go to every verb, and `command` is everything given.
    """
    parser = argparse.ArgumentParser(description=about, epilog="All other flags go to every verb.", allow_abbrev=False)
    parser.add_argument("--runs", default="runs/methods", help="folder of the runs")
    parser.add_argument("--records", default="results/methods/records", help="folder of the records")
    parser.add_argument("--data", default="../shared/data/open_qa", help="folder with questions and corpus")
    parser.add_argument("--seed", type=int, default=0, help="of every draw")
    for name, (default, words) in sizes.items():
        parser.add_argument(f"--{name}", type=int, default=default, help=words)
    given = list(sys.argv[1:] if argv is None else argv)
    found, flags = parser.parse_known_args(given)
    found.flags, found.command = flags, given
    return found


def as_program(main: Callable[[], None]) -> None:
    """Run a check; bad input ends it in a line that says what and how to mend it."""
    try:
        main()
    except UserError as error:
        sys.exit(str(error))


def open_qa(given: argparse.Namespace) -> list[str]:
    """Flags for Natural Questions over one corpus, two passages of at most 60 words a question.

    Raises:
        UserError: if the data are not there.
    """
    data = Path(given.data)
    if not (data / "corpus.jsonl.gz").exists():
        what = f"{data} holds no corpus.jsonl.gz: it is third-party data and does not come with the project"
        raise UserError(what, "name its folder with --data")
    return [
        *("--preset", "open_qa", "--sources", "nq", "efficientqa"),
        *("--train_questions", str(data / "train.jsonl.gz"), str(data / "train_unanswerable.jsonl.gz")),
        *("--test_questions", str(data / "test.jsonl.gz"), str(data / "test_unanswerable.jsonl.gz")),
        *("--train_corpus", str(data / "corpus.jsonl.gz"), "--test_corpus", str(data / "corpus.jsonl.gz")),
        *("--index_dir", str(Path(given.runs) / "index"), "--max_passage_words", "60", "--max_answers_cut", "0.3"),
        *("--max_train_unanswerable", "0", "--max_test_unanswerable", "0"),
    ]


def drawn_questions(given: argparse.Namespace, part: str, count: int) -> list[dict[str, Any]]:
    """Rows of Natural Questions, drawn by seed.

    Args:
        given: names the folder of the data and the seed.
        part: "train" or "test".
        count: how many.
    """
    rows = [row.fields for row in read_rows(Path(given.data) / f"{part}.jsonl.gz", part)]
    rows = [row for row in rows if row["source"].startswith("nq")]
    return random.Random(given.seed).sample(rows, min(count, len(rows)))


def replies(
    engine: Engine, rows: Sequence[Evidence], mode: Mode = "rag", template: str = "rag", length: int = 24
) -> list[Prediction]:
    """Greedy replies of a model, labelled by the match with the gold answers."""
    return predict(rows, engine.generator, AnswerMatchJudge(), mode, PromptAnswerer(length, rag=template))


def heard(dialogue: Dialogue[Any], said: list[tuple[Request, Reply]]) -> Dialogue[Any]:
    """The same dialogue, with every request and its reply put into a list."""
    try:
        requests = next(dialogue)
        while True:
            answers = yield requests
            said += zip(requests, answers, strict=True)
            requests = dialogue.send(answers)
    except StopIteration as end:
        return end.value


def rate(hits: Iterable[bool]) -> Figure:
    """A share with its Wilson interval.

    Example:
        >>> rate([True, False])["value"]
        0.5
    """
    found = list(hits)
    share = Rate(sum(found), len(found))
    return {"value": share.value, "interval": share.interval, "hits": share.hits, "total": share.total}


def labelled(predictions: Iterable[Prediction], label: Label) -> Figure:
    """The share of a label among the scored replies."""
    return rate(p.label == label for p in predictions if p.label != "unscored")


def by_context(predictions: Sequence[Prediction]) -> dict[str, Figure]:
    """Right and declined where the passages hold the answer, declined where they do not."""
    shown = [p for p in predictions if p.answer_in_context]
    absent = [p for p in predictions if not p.answer_in_context]
    return {
        "answer in context: right": labelled(shown, "correct"),
        "answer in context: declined": labelled(shown, "abstain"),
        "not in context: declined": labelled(absent, "abstain"),
    }


def statistic(of: Callable[..., float], *columns: Sequence[Any], seed: int = 0) -> Figure:
    """Any figure of rows with its bootstrap interval; several columns are drawn in pairs.

    Example:
        >>> statistic(fmean, [1.0, 1.0])
        {'value': 1.0, 'interval': (1.0, 1.0), 'total': 2}
    """
    if not columns[0]:
        return {"value": None, "interval": None, "total": 0}
    return {"value": of(*columns), "interval": bootstrap(of, *columns, seed=seed), "total": len(columns[0])}


def mean(values: Sequence[float]) -> Figure:
    """A mean with its bootstrap interval."""
    return statistic(fmean, values)


def change(before: Sequence[float], after: Sequence[float]) -> Figure:
    """By how much a mean differs on the same rows, with its paired bootstrap interval.

    Example:
        >>> change([1.0, 2.0], [2.0, 3.0])["interval"]
        (1.0, 1.0)
    """
    found = mean([b - a for a, b in zip(before, after, strict=True)])
    return found | {"signed": True}
