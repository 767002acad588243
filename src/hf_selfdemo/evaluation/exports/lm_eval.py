"""Tasks for lm-evaluation-harness (EleutherAI, version 0.4.13) with this package's rows, prompts and metrics.

folder/selfdemo_rag.yaml           one task per mode
folder/selfdemo_closed_book.yaml
folder/rag.jsonl                   the rows of a task, with rendered prompts
folder/closed_book.jsonl
folder/utils.py                    functions that the tasks call; they need this package beside the harness

The result of a row is its label, with whether it is answerable and its passages contain the answer. Each metric is
computed over all these results, so that the harness prints the same figures as `hf-selfdemo evaluate`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hf_selfdemo.core.artefacts import TaskRow
from hf_selfdemo.core.manifest import read_json_lines, write_text
from hf_selfdemo.core.protocols import Answerer
from hf_selfdemo.core.remade import remade
from hf_selfdemo.core.types import Evidence, Mode, Prediction
from hf_selfdemo.evaluation.predict import rows_asked
from hf_selfdemo.judging.answer_match import AnswerMatchJudge
from hf_selfdemo.methods.answering import PROMPTED, single_prompt
from hf_selfdemo.scoring.outcomes import f_score, figures

METRICS = {
    "accuracy": True,
    "hallucination_rate": False,
    "abstention_rate": False,
    "accuracy_given_attempted": True,
    "f_score": True,
    "abstention_precision": True,
    "abstention_recall": True,
    "false_refusals": False,
    "unscored": False,
}
"""Metrics of `scoring.outcomes` that a task reports, and whether higher is better."""

_OF_PASSAGES = {"abstention_precision", "abstention_recall", "false_refusals"}
"""Metrics that have no meaning without passages."""

Result = Sequence[Any]
"""The result of a reply: its label, whether the question is answerable, and whether its passages contain the answer."""


def write_tasks(
    folder: Path,
    evidence: Sequence[Evidence],
    modes: Sequence[Mode],
    max_answer_tokens: int = 32,
    answerer: Answerer = PROMPTED,
) -> list[Path]:
    """Write a task for each mode, replacing earlier ones.

    Args:
        folder: the folder for `lm_eval --include_path`.
        evidence: the rows that `hf-selfdemo evaluate` asks.
        modes: "rag" with passages, "closed_book" without, or both.
        max_answer_tokens: longest reply, in tokens.
        answerer: how questions are asked.

    Returns:
        The YAML files of the tasks.

    Raises:
        UserError: if the answerer needs several calls per question, which a task cannot make, or if the folder has a
            file that this function did not write.

    Example:
        >>> import tempfile; from hf_selfdemo.core.types import Question
        >>> row = Evidence(Question("q1", "Who discovered germanium?", ("Winkler",)))
        >>> [path.name for path in write_tasks(Path(tempfile.mkdtemp()), [row], ["closed_book"])]
        ['selfdemo_closed_book.yaml']
    """
    names = [f"selfdemo_{mode}.yaml" for mode in modes]
    with remade(folder) as staging:
        write_text(staging / "utils.py", _utils())
        for mode, name in zip(modes, names, strict=True):
            rows = (_document(row, mode, answerer) for row in rows_asked(evidence, mode))
            lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            write_text(staging / f"{mode}.jsonl", "".join(lines))
            write_text(staging / name, _task(mode, max_answer_tokens))
    return [folder / name for name in names]


def load_documents(path: Path) -> dict[str, Any]:
    """The rows of a task as a dict of datasets by split, as the harness needs them.

    Args:
        path: the task's `.jsonl`.
    """
    import datasets

    return {"test": datasets.Dataset.from_list(list(read_json_lines(path, TaskRow)))}


def process_results(document: Mapping[str, Any], results: Sequence[str]) -> dict[str, Result]:
    """Label one reply as `hf-selfdemo evaluate` does with `answer_match`; all metrics get the same result.

    Args:
        document: a row of a task.
        results: a list with the model's reply.

    Example:
        >>> row = {"mode": "rag", "question": "Who found germanium?", "answers": ["Winkler"]}
        >>> row |= {"answerable": True, "answer_in_context": True}
        >>> process_results(row, ["Clemens Winkler."])["accuracy"]
        ['correct', True, True]
    """
    label = AnswerMatchJudge().label(results[0], document["answers"], document["question"]).label
    result = [label, document["answerable"], document["answer_in_context"]]
    return dict.fromkeys(_metrics(document["mode"]), result)  # the harness wants an aggregation for each


def aggregation(metric: str) -> Callable[[Iterable[Result]], float]:
    """The function that computes a metric from all results; it returns NaN where there is nothing to count.

    Example:
        >>> aggregation("false_refusals")([["correct", True, True], ["abstain", True, True]])
        0.5
    """

    def figure(results: Iterable[Result]) -> float:
        rows = [Prediction("", "rag", "", label, able, shown) for label, able, shown in results]
        value = f_score(rows) if metric == "f_score" else figures(rows)[metric].value
        return math.nan if value is None else value

    return figure


def _document(row: Evidence, mode: Mode, answerer: Answerer) -> dict[str, Any]:
    [message] = single_prompt(row.question.text, row.passages, mode, answerer)
    return {
        "id": row.id,
        "mode": mode,
        "question": row.question.text,
        "prompt": message["content"],
        "answers": list(row.question.answers),
        "answerable": row.question.answerable and not row.gold_removed,
        "answer_in_context": row.answer_in_context,
    }


def _metrics(mode: Mode) -> list[str]:
    return [name for name in METRICS if mode == "rag" or name not in _OF_PASSAGES]


def _task(mode: Mode, max_answer_tokens: int) -> str:
    metrics = "".join(
        f"  - metric: {name}\n"
        f"    aggregation: !function utils.{name}\n"
        f"    higher_is_better: {str(METRICS[name]).lower()}\n"
        for name in _metrics(mode)
    )
    return f"""\
task: selfdemo_{mode}
custom_dataset: !function utils.documents
dataset_kwargs:
  file: {mode}.jsonl
test_split: test
output_type: generate_until
doc_to_text: prompt
doc_to_target: answers
generation_kwargs:
  until: []
  do_sample: false
  max_gen_toks: {max_answer_tokens}
process_results: !function utils.process_results
metric_list:
{metrics}metadata:
  version: 1.0
"""


def _utils() -> str:
    lines = "".join(f'{name} = aggregation("{name}")\n' for name in METRICS)
    return f'''\
"""Functions of the tasks in this folder. Install `hf_selfdemo` beside lm-evaluation-harness."""

from pathlib import Path

from hf_selfdemo.evaluation.exports.lm_eval import aggregation, load_documents, process_results  # noqa: F401


def documents(file, **_):
    return load_documents(Path(__file__).with_name(file))


{lines}'''
