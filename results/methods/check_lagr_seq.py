"""LaGR-SEQ: correct answers and expensive calls if a model never asks, always asks, or asks by a gate or at random.

python results/methods/check_lagr_seq.py

The gate is fitted on training questions of Natural Questions and measured on test questions. The run uses the reward
`gain`. A gate with the paper's reward is fitted on the same answers. The random gate asks as often as the gate, but
regardless of the question. Its figures are expected values, so nothing is drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from method_check import Arm, Check, Figure, Table, arguments, as_program, change, mean, open_qa, rate

from hf_selfdemo.core.types import COUNTS
from hf_selfdemo.evaluation.evaluated import Evaluation
from hf_selfdemo.methods.gate import Gate, Outcome, Reward, fit_gate, outcomes

METHOD = "lagr_seq"


@dataclass(frozen=True)
class Asked:
    """The decisions of a gate on a set of questions."""

    found: Sequence[Outcome]
    gate: Gate

    @property
    def decisions(self) -> list[bool]:
        return [self.gate.asks(self.gate.state(one.row, one.confidence)) for one in self.found]

    @property
    def right(self) -> list[bool]:
        pairs = zip(self.found, self.decisions, strict=True)
        return [one.expensive_right if asks else one.cheap_right for one, asks in pairs]

    @property
    def random(self) -> list[float]:
        """The probability that each answer is correct if the gate asks equally often, but at random."""
        share = sum(self.decisions) / len(self.found)
        return [share * one.expensive_right + (1 - share) * one.cheap_right for one in self.found]


def main(argv: Sequence[str] | None = None) -> None:
    given = arguments(
        __doc__,
        argv,
        questions=(150, "training questions to fit the gate on"),
        tested=(100, "test questions"),
    )
    check, data = Check(METHOD, given), open_qa(given)
    arm = Arm(
        "gain",
        "methods/lagr_seq",
        (
            *(*data, "--dev_questions", str(Path(given.data) / "train.jsonl.gz"), "--passages_per_question", "2"),
            *("--max_dev_questions", str(given.questions), "--max_dev_unanswerable", "0"),
            *("--max_test_questions", str(given.tested), "--gate_reward", "gain"),
        ),
    )
    check.run(arm, "run")
    folder, recipe = check.folder / arm.name, check.recipe(arm)
    keys, seed = recipe.method.keys[0], recipe.demonstrate.demonstrate_seed
    tested = Evaluation(folder / "evaluation")
    fit = _outcomes(Evaluation(folder / "evaluation_dev"))
    gates = {reward: fit_gate(fit, reward, keys.gate_bins, keys.gate_passes, seed) for reward in get_args(Reward)}
    tokens = {
        "never": _tokens(tested, "base", "closed_book"),
        "always": _tokens(tested, "base", "rag"),
        "gain": _tokens(tested, METHOD, "rag"),
    }
    check.record([arm], figures(fit, _outcomes(tested), gates, tokens))


def _outcomes(evaluation: Evaluation) -> list[Outcome]:
    said = evaluation.column("base").predictions
    return outcomes(evaluation.evidence.rows, said["closed_book"], said["rag"])[0]


def _tokens(evaluation: Evaluation, column: str, mode: str) -> float:
    """Prompt tokens and generated tokens per question."""
    asking = evaluation.column(column).record["asking"][mode]
    return sum(asking[key] for key in COUNTS if key in ("prompt_tokens", "generated_tokens")) / asking["questions"]


def figures(
    fit: Sequence[Outcome], tested: Sequence[Outcome], gates: Mapping[str, Gate], tokens: Mapping[str, float]
) -> dict[str, Table]:
    """All tables.

    Args:
        fit: outcomes of the questions that the gates were fitted on.
        tested: outcomes of the test questions.
        gates: the gates, by reward.
        tokens: tokens per test question if the model never asks ("never"), always asks ("always") or uses a gate, by
            reward; gates that were not measured are missing.
    """
    return {
        "Test questions": _ways(tested, gates, tokens),
        "Questions of the fit": _ways(fit, gates, {}),
        "States, on the questions of the fit": _states(fit, gates),
    }


def _ways(found: Sequence[Outcome], gates: Mapping[str, Gate], tokens: Mapping[str, float]) -> Table:
    rows: Table = {
        "never asks": _way([one.cheap_right for one in found], [False] * len(found), tokens.get("never")),
        "always asks": _way([one.expensive_right for one in found], [True] * len(found), tokens.get("always")),
    }
    for name, gate in gates.items():
        asked = Asked(found, gate)
        rows[f"gate, reward {name}"] = _way(asked.right, asked.decisions, tokens.get(name)) | {
            "against random": change(asked.random, asked.right)
        }
        rows[f"random, as often as {name}"] = {"right": mean(asked.random), "asked": rate(asked.decisions)}
    return rows


def _way(right: Iterable[bool], asked: Iterable[bool], tokens: float | None) -> dict[str, Figure]:
    told = {"right": rate(right), "asked": rate(asked)}
    return told | ({"tokens a question": {"value": tokens, "interval": None}} if tokens is not None else {})


def _states(found: Sequence[Outcome], gates: Mapping[str, Gate]) -> Table:
    """Figures by state. All gates have the same states, because they are fitted on the same questions."""
    first, rows = next(iter(gates.values())), {}
    for state in first.values:
        here = [one for one in found if first.state(one.row, one.confidence) == state]
        rows[state] = {
            "cheap right": rate(one.cheap_right for one in here),
            "expensive right": rate(one.expensive_right for one in here),
        } | {
            f"value, reward {name}": {"value": gate.values[state], "interval": None, "signed": True}
            for name, gate in gates.items()
        }
    return rows


if __name__ == "__main__":
    as_program(main)
