"""Labels the saved replies of a model again and prints its figures. No model is needed.

    python results/scripts/rescore.py results/study self_demo-1 \\
        --questions ../shared/data/open_qa/test.jsonl.gz ../shared/data/open_qa/test_unanswerable.jsonl.gz

`predictions/<name>.jsonl` contains the replies. The files of questions contain the accepted answers, with the same ids.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from folders import StudyFolder
from pairs import TWIN
from records import Row, read_study
from rich.console import Console
from rich.table import Table

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Prediction, Question
from hf_selfdemo.data.questions import read_questions
from hf_selfdemo.evaluation.report.table import ROWS
from hf_selfdemo.judging.answer_match import AnswerMatchJudge
from hf_selfdemo.scoring.outcomes import f_score, figures


def relabelled(
    lines: Sequence[Mapping[str, str]], questions: Mapping[str, Question], rows: Mapping[str, Row]
) -> list[Prediction]:
    """The replies with new labels, in the order of the lines.

    Args:
        lines: the lines of a file in `predictions`.
        questions: the questions with their accepted answers, by id.
        rows: the test rows of the study, by id.

    Raises:
        UserError: if a reply belongs to an unknown question or row.
    """
    judge, found = AnswerMatchJudge(), list[Prediction]()
    for number, line in enumerate(lines, 1):
        name, text = line["id"], line["text"]
        question, row = questions.get(name.removesuffix(TWIN)), rows.get(name)
        if not question or not row:
            raise UserError(
                f"line {number}: {name!r} is not a known question", "give the files of questions of the study"
            )
        label = judge.label(text, question.answers, question.text).label
        found.append(Prediction(name, "rag", text, label, row.answerable, row.answer_in_context, row.source))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Label saved replies again and print the figures.")
    parser.add_argument("study", help="the study's folder, e.g. results/study")
    parser.add_argument("name", help="name of a file in predictions, without .jsonl")
    parser.add_argument("--questions", nargs="+", required=True, help="files of questions with their accepted answers")
    given = parser.parse_args()
    try:
        folder = StudyFolder.named(given.study)
        study = read_study(folder.records)
        study.refuse_empty()
        rows = study.rows["test"]
        questions = {question.id: question for file in given.questions for question in read_questions(file)}
        lines = _lines(folder.predictions / f"{given.name}.jsonl")
        found = relabelled(lines, questions, rows)
    except UserError as error:
        sys.exit(str(error))
    natural: dict[str, list[Prediction]] = {}
    for line, prediction in zip(lines, found, strict=True):
        if not rows[prediction.id].gold_removed:
            natural.setdefault(line["mode"], []).append(prediction)
    Console().print(_table(f"{given.name}, rows as retrieved", natural))
    differ = [(line, p) for line, p in zip(lines, found, strict=True) if line["label"] != p.label]
    for line, prediction in differ:
        print(f"{prediction.id}, {line['mode']}: {line['label']} in the file, {prediction.label} now")
    print(f"{len(lines)} replies, {len(differ)} of them with another label than in the file")


def _lines(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        known = ", ".join(sorted(file.stem for file in path.parent.glob("*.jsonl")))
        raise UserError(f"there are no predictions of {path.stem!r}", f"use one of {known}")
    lines = [_line(path, *numbered) for numbered in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)]
    if not lines:
        raise UserError(f"{path} is empty", "restore it, or collect the runs again")
    return lines


def _line(path: Path, number: int, text: str) -> dict[str, str]:
    try:
        found = json.loads(text)
        return {key: found[key] for key in ("id", "mode", "text", "label")}
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{path}, line {number}: a reply needs id, mode, text and label", "restore the file") from None


def _table(title: str, natural: Mapping[str, Sequence[Prediction]]) -> Table:
    table = Table("", *natural, title=title)
    rates = {mode: figures(replies) for mode, replies in natural.items()}
    for key, name in ROWS.items():
        values = [rates[mode][key].value if mode != "closed_book" or key in _OF_ALL else None for mode in natural]
        table.add_row(name, *("-" if value is None else f"{value:.3f}" for value in values))
    table.add_row("F-score", *(f"{f_score(replies):.3f}" for replies in natural.values()))
    return table


_OF_ALL = ("accuracy", "hallucination_rate", "abstention_rate", "accuracy_given_attempted", "unscored")
"""Figures that are defined without passages."""


if __name__ == "__main__":
    main()
