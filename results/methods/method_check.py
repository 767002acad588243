"""Shared code of the mechanism checks. An arm is one training run with the public commands; a record has all results.

A check trains a method and its control on the same budget of tokens and measures what the method claims to change. Each
check has one ledger of calls, and each training is in the folder of its run. So the same command resumes a check that
was stopped.
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
"""Template that asks for an answer from the passages and does not mention abstaining."""

Figure = dict[str, Any]
"""A `value` with its 95% `interval` and the counts behind them."""

Table = dict[str, dict[str, Figure]]
"""Figures of a table, by row and column."""


@dataclass(frozen=True)
class Arm:
    """One training run of a check: its recipe and its own flags."""

    name: str
    recipe: str
    flags: tuple[str, ...] = ()


@dataclass
class Check:
    """One check: its folder, the flags that all its commands share, and the commands that it ran.

    Args:
        method: name of the method, which is also that of its folder and its record.
        given: the command line as parsed by `arguments`; unknown flags are passed to every command.
        quick: flags that turn off measurements that the check does not use.
    """

    method: str
    given: argparse.Namespace
    quick: tuple[str, ...] = ("--on_policy_rows", "0", "--meter_rows", "0")
    commands: list[str] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        return Path(self.given.runs) / self.method

    def write_rows(self, name: str, rows: Iterable[Mapping[str, Any]]) -> str:
        """Write questions or passages as JSON lines for the commands. Returns the path."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
        return str(path)

    def arguments(self, arm: Arm) -> list[str]:
        """The flags for every command of an arm. Those of the check's own command line come last and win."""
        places = ["--output_dir", str(self.folder / arm.name), "--ledger", str(self.folder / "ledger.sqlite")]
        own = [*self.quick, "--seed", str(self.given.seed)]
        return ["--config", arm.recipe, *places, *own, *arm.flags, *self.given.flags]

    def run(self, arm: Arm, *verbs: str) -> None:
        """Run commands of an arm.

        Raises:
            SystemExit: with the code of a command that failed, after it has printed its error.
        """
        for verb in verbs:
            command = [verb, *self.arguments(arm)]
            self.commands.append(shlex.join(["hf-selfdemo", *map(without_folder, command)]))
            if code := selfdemo(command):
                sys.exit(code)

    def recipe(self, arm: Arm) -> Any:
        """The recipe of an arm, for measurements that the commands do not make."""
        return parse(self.arguments(arm))

    def engine(self, arm: Arm, trained: bool = True) -> Engine:
        """An engine with the trained model of an arm, or with the base model; it uses the check's ledger."""
        recipe = self.recipe(arm)
        model = recipe.resolve_tuned(recipe.output_dir / "model") if trained else recipe.resolve()
        return open_engine(recipe, model)

    def record(
        self, arms: Sequence[Arm], figures: Mapping[str, Table], trained_into: str = "model", **told: Any
    ) -> None:
        """Write the record: commands, versions, machine, training data and training of every arm, and the figures.

        Args:
            arms: all arms of the check.
            figures: tables by title.
            trained_into: name of the folder in an arm's run that contains the trained model.
            told: further fields of the record.
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
    """Write a record. The order of keys is kept, because it is the order of rows and columns in the tables."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(record, indent=1, ensure_ascii=False) + "\n")


def _manifest(folder: Path) -> dict[str, Any]:
    return read_json(folder / "manifest.json", missing_ok=True)


def without_folder(argument: str) -> str:
    """An argument for a record; of an absolute path only the name is kept."""
    return Path(argument).name if Path(argument).is_absolute() else argument


def arguments(about: str | None, argv: Sequence[str] | None = None, **sizes: tuple[int, str]) -> argparse.Namespace:
    """Parse a check's command line.

    Args:
        about: description for `--help`.
        argv: the command line; by default that of the process.
        sizes: default and description of each size, by name.

    Returns:
        The sizes and folders. `flags` are all other flags, for every command; `command` is the whole command line.
    """
    parser = argparse.ArgumentParser(
        description=about, epilog="All other flags go to every command.", allow_abbrev=False
    )
    parser.add_argument("--runs", default="runs/methods", help="folder of the runs")
    parser.add_argument("--records", default="results/methods/records", help="folder of the records")
    parser.add_argument("--data", default="../shared/data/open_qa", help="folder with questions and corpus")
    parser.add_argument("--seed", type=int, default=0, help="seed of every draw")
    for name, (default, words) in sizes.items():
        parser.add_argument(f"--{name}", type=int, default=default, help=words)
    given = list(sys.argv[1:] if argv is None else argv)
    found, flags = parser.parse_known_args(given)
    found.flags, found.command = flags, given
    return found


def as_program(main: Callable[[], None]) -> None:
    """Run a check. A `UserError` ends it with one line that says what is wrong and what to do."""
    try:
        main()
    except UserError as error:
        sys.exit(str(error))


def open_qa(given: argparse.Namespace) -> list[str]:
    """Flags for Natural Questions over one corpus with passages of at most 60 words.

    Raises:
        UserError: if there is no corpus in the data folder.
    """
    data = Path(given.data)
    if not (data / "corpus.jsonl.gz").exists():
        what = f"{data} contains no corpus.jsonl.gz, which is third-party data and not part of the project"
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
    """Questions of Natural Questions, drawn by seed.

    Args:
        given: the command line, with the folder of the data and the seed.
        part: "train" or "test".
        count: the number of questions, or fewer if there are not enough.
    """
    rows = [row.fields for row in read_rows(Path(given.data) / f"{part}.jsonl.gz", part)]
    rows = [row for row in rows if row["source"].startswith("nq")]
    return random.Random(given.seed).sample(rows, min(count, len(rows)))


def replies(
    engine: Engine, rows: Sequence[Evidence], mode: Mode = "rag", template: str = "rag", length: int = 24
) -> list[Prediction]:
    """Greedy replies of a model, labelled by answer match. `length` is the maximum number of tokens."""
    return predict(rows, engine.generator, AnswerMatchJudge(), mode, PromptAnswerer(length, rag=template))


def heard(dialogue: Dialogue[Any], said: list[tuple[Request, Reply]]) -> Dialogue[Any]:
    """The same dialogue; every request is appended to `said` with its reply."""
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
    """The share of replies with a label among the scored replies."""
    return rate(p.label == label for p in predictions if p.label != "unscored")


def by_context(predictions: Sequence[Prediction]) -> dict[str, Figure]:
    """Shares of correct replies and abstentions if the passages contain the answer, of abstentions otherwise."""
    shown = [p for p in predictions if p.answer_in_context]
    absent = [p for p in predictions if not p.answer_in_context]
    return {
        "answer in context: right": labelled(shown, "correct"),
        "answer in context: declined": labelled(shown, "abstain"),
        "not in context: declined": labelled(absent, "abstain"),
    }


def statistic(of: Callable[..., float], *columns: Sequence[Any], seed: int = 0) -> Figure:
    """A figure of rows with its bootstrap interval; several columns are resampled together.

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
    """The change of a mean on the same rows, with its paired bootstrap interval.

    Example:
        >>> change([1.0, 2.0], [2.0, 3.0])["interval"]
        (1.0, 1.0)
    """
    found = mean([b - a for a, b in zip(before, after, strict=True)])
    return found | {"signed": True}
