"""Which scorer says what people say? Agreement with human verdicts on answers to Natural Questions.

    python benchmarks/agreement.py > agreement.json
    python benchmarks/agreement.py --judges llm_label match_then_llm --rows 60 > agreement_judges.json

The verdicts are EVOUNA's (Wang et al. 2023): five systems' answers, each called right or wrong by people. Rows that are
improper (the question or its gold answer is at fault) are left out; a "/" in the gold answer separates aliases. The
rules of `answers_match` were made on the answers of fid, gpt35 and chatgpt; of gpt4 and newbing only the result was
looked at.

Siblings are short replies written in pairs (`labelled/siblings.*.jsonl`): one names another thing in the same slot
("left ventricle" for "right ventricle"), one the right thing in other words; the rules were made on one half.

Of each scorer, by system and over both halves: rows, agreement with people, Cohen's kappa, precision (of what the
scorer calls right, what people do), recall, and 95% Wilson intervals of agreement and precision. `microseconds` are
process time a row over all rows, caches empty at the start.

With `--judges`, judges that ask a model (`--model`) are measured on a sample of the reporting half, beside the match on
the same rows. Rows that a judge leaves unscored are in none of its figures; `bounds` are the agreement and precision if
it had contradicted people on all of them, and if it had said as they do.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hf_selfdemo.core.loading import load
from hf_selfdemo.core.types import Candidate, Evidence, Label, Question
from hf_selfdemo.scoring.agreement import agreement, agreement_bounds
from hf_selfdemo.scoring.answers.match import answers_match
from hf_selfdemo.scoring.match import contains_answer
from hf_selfdemo.scoring.normalise import normalise
from hf_selfdemo.scoring.outcomes import Rate
from hf_selfdemo.scoring.overlap import exact_match, token_f1, token_recall

DATA = Path(__file__).parents[2] / "shared" / "data" / "evouna_nq.jsonl.gz"
SIBLINGS = Path(__file__).parent / "labelled"
HALVES = {"tuning": ("fid", "gpt35", "chatgpt"), "reporting": ("gpt4", "newbing")}
SIBLING_HALVES = {"tuning": "tune", "reporting": "report"}


class Row(NamedTuple):
    """One answer of a system with people's verdict."""

    system: str
    question: str
    answers: tuple[str, ...]
    prediction: str
    right: bool


SCORERS: dict[str, Callable[[Row], bool]] = {
    "exact_match": lambda row: exact_match(row.prediction, row.answers) == 1,
    "token_f1 >= .5": lambda row: token_f1(row.prediction, row.answers) >= 0.5,
    "contains_answer": lambda row: contains_answer(row.prediction, row.answers),
    "token_recall >= .66": lambda row: token_recall(row.prediction, row.answers) >= 0.66,
    "answers_match": lambda row: answers_match(row.prediction, row.answers, row.question),
    "answers_match, no question": lambda row: answers_match(row.prediction, row.answers),
    "always right": lambda row: True,
}


def read(path: Path, systems: Sequence[str]) -> list[Row]:
    """The proper answers of some systems."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [
        Row(
            row["model"],
            row["question"],
            tuple(row["golden_answer"].split("/")),
            row["prediction"] or "",
            row["human_correct"],
        )
        for row in rows
        if row["model"] in systems and not row["improper"]
    ]


def read_siblings(half: str) -> list[Row]:
    """The siblings of one half, as rows of a system of their own."""
    lines = (SIBLINGS / f"siblings.{SIBLING_HALVES[half]}.jsonl").read_text(encoding="utf-8").splitlines()
    return [
        Row(f"siblings, {half}", row["question"], tuple(row["answers"]), row["text"], row["label"] == "correct")
        for row in map(json.loads, lines)
    ]


def compare(rows: Sequence[Row], said: Sequence[Label]) -> dict[str, Any]:
    """One scorer or judge against people."""
    people = [row.right for row in rows]
    found = agreement(said, people)
    wrong = [label == "correct" for label, right in zip(said, people, strict=True) if not right]
    report = {
        "rows": len(rows),
        "wrong_accepted": [sum(wrong), len(wrong)],
        "agreement": _figure(found.accuracy),
        "kappa": round(found.kappa, 3) if found.kappa is not None else None,
        "precision": _figure(found.precision),
        "recall": _figure(found.recall),
        "interval_of_agreement": _interval(found.accuracy),
        "interval_of_precision": _interval(found.precision),
    }
    if found.unscored.hits:
        worst, best = agreement_bounds(said, people)
        bounds = {"agreement": [_figure(worst.accuracy), _figure(best.accuracy)]}
        report["bounds"] = bounds | {"precision": [_figure(worst.precision), _figure(best.precision)]}
    return report | {"unscored": found.unscored.hits}


def asked(rows: Sequence[Row], name: str, model: str) -> list[Label]:
    """What a judge of the package says of each row; those that ask a model ask `model`."""
    from hf_selfdemo.core.conversation import converse
    from hf_selfdemo.generation.scripted import ScriptedGenerator
    from hf_selfdemo.judging import JUDGES

    judge = load("judge", name, JUDGES)()
    engine = ScriptedGenerator(lambda request: "") if name == "answer_match" else _engine(model)
    dialogues = (
        judge.judge(
            Evidence(Question(str(i), row.question, row.answers)), [Candidate(row.prediction, "closed_book", "p")]
        )
        for i, row in enumerate(rows)
    )
    return [verdict.label for [verdict] in converse(dialogues, engine)]


def _engine(model: str) -> Any:
    from hf_selfdemo.generation.models import load_model, load_tokenizer, resolve_model
    from hf_selfdemo.generation.transformers import TransformersGenerator

    found = resolve_model(model)
    return TransformersGenerator(load_model(found, "auto"), load_tokenizer(found))


def _figure(rate: Rate) -> float | None:
    return None if rate.value is None else round(rate.value, 4)


def _interval(rate: Rate) -> list[float] | None:
    return None if rate.interval is None else [round(bound, 3) for bound in rate.interval]


def main() -> None:
    """Score every row with every scorer and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--halves", nargs="+", choices=HALVES, default=list(HALVES))
    parser.add_argument("--judges", nargs="+", default=[], help="names in hf_selfdemo.judging")
    parser.add_argument("--rows", type=int, default=60, help="of that sample")
    parser.add_argument("--model", default="HuggingFaceTB/SmolLM2-135M-Instruct")
    options = parser.parse_args()
    groups = {half: HALVES[half] for half in options.halves}
    groups |= {system: (system,) for systems in list(groups.values()) for system in systems}
    if not options.data.exists():
        sys.exit(f"{options.data} is absent: name a file with --data")
    if options.judges:
        rows = random.Random(0).sample(read(options.data, HALVES["reporting"]), options.rows)
        judges = dict.fromkeys(["answer_match", *options.judges])
        json.dump({name: compare(rows, asked(rows, name, options.model)) for name in judges}, sys.stdout, indent=2)
        print()
        return
    rows = read(options.data, [system for half in options.halves for system in HALVES[half]])
    table: dict[str, Any] = {}
    for name, scorer in SCORERS.items():
        normalise.cache_clear()
        start = time.process_time()
        said: list[Label] = ["correct" if scorer(row) else "incorrect" for row in rows]
        table[name] = {"microseconds": round((time.process_time() - start) / len(rows) * 1e6, 1)}
        for group, systems in groups.items():
            kept = [place for place, row in enumerate(rows) if row.system in systems]
            table[name][group] = compare([rows[place] for place in kept], [said[place] for place in kept])
        for half in options.halves:
            siblings = read_siblings(half)
            verdicts: list[Label] = ["correct" if scorer(row) else "incorrect" for row in siblings]
            table[name][f"siblings, {half}"] = compare(siblings, verdicts)
    json.dump(table, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
