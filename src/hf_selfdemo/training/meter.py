"""The on-policy meter: how likely demonstrations, rejected texts and gold answers are under the model.

The method (Finlayson et al. 2025) assumes that a model changes least when it trains on its own words, because these are
likely under it from the start and gold answers are not. Measured during training, the figures show what was learnt.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy
from accelerate import Accelerator
from datasets import Dataset

from hf_selfdemo.core.ranges import SEED, ZERO_OR_MORE
from hf_selfdemo.data.rows import evidence_of, rejected_of
from hf_selfdemo.generation.likelihood import mean_nll, text_nll
from hf_selfdemo.methods.answering import single_prompt
from hf_selfdemo.prompting.chat import encode_prompt, encode_response
from hf_selfdemo.training.collator import SelfDemoDataCollator
from hf_selfdemo.training.paused import paused

_MEANINGS = {
    "chosen": "training targets",
    "chosen_answer": "answers among them",
    "chosen_abstain": "abstentions among them",
    "rejected": "rejected texts",
    "gold": "gold answers, same prompts",
    "gold_answer": "gold answers of the answering rows",
}


class _Text(NamedTuple):
    figures: tuple[str, ...]
    prompt: list[int]
    response: list[int]


class OnPolicyMeter:
    """Measures nats per token of the texts in some training rows, under the with-passages prompt.

    Args:
        rows: demonstrations; only those with passages are measured.
        tokenizer: a tokenizer with a chat template.
        count: maximum number of rows.
        seed: seed for the choice of rows.
        collator: renders rows with the length limit of training; give it as `plain()`. By default all passages are
            shown, whatever the length.

    Figures are named `on_policy/...`. `chosen` is the response; `chosen_answer` and `chosen_abstain` are its two kinds.
    `rejected` are the rejected texts, over rows with a pair. `gold` is the first accepted answer, over rows that have
    one, and `gold_answer` is the same over the rows of `chosen_answer`, so that these two can be compared.

    Before the first step a new adapter has no effect yet, so the figures are the base model's. For an adapter that is
    trained further, they are those of the model with that adapter.

    Raises:
        UserError: if `count` or `seed` is out of range.
    """

    def __init__(
        self,
        rows: Dataset,
        tokenizer: Any,
        count: int = 32,
        seed: int = 0,
        collator: SelfDemoDataCollator | None = None,
    ) -> None:
        ZERO_OR_MORE.check(count=count)
        SEED.check(seed=seed)
        self.rows = _picked(rows, count, seed)
        self._texts = [list(_texts(row, tokenizer, collator)) for row in self.rows]

    def __len__(self) -> int:
        return len(self.rows)

    def measure(self, model: Any, accelerator: Accelerator | None = None) -> dict[str, float]:
        """Measure the figures under `model`, and leave the model and all random streams unchanged.

        Args:
            model: the model as the trainer wraps it.
            accelerator: the trainer's. Each rank measures its share, and all return the same. None: this process alone.

        Returns:
            Nats per token by figure, averaged over tokens; figures without a text are left out.
        """
        with paused(model, accelerator) as still:
            measured = still.share(lambda rows: _measured(still, rows), self._texts)
        losses: dict[str, list[tuple[float, int]]] = {}
        for text, loss in ((text, loss) for row in measured for text, loss in row):
            for name in text.figures:
                losses.setdefault(name, []).append((loss, len(text.response)))
        means = {name: mean_nll(losses.get(name, [])) for name in _MEANINGS}
        return {f"on_policy/{name}": mean for name, mean in means.items() if mean is not None}


def meter_table(base: Mapping[str, float], tuned: Mapping[str, float]) -> str:
    """A Markdown table of the figures before and after training.

    Args:
        base: result of `OnPolicyMeter.measure` before the first step.
        tuned: the same after the last step; may be empty.

    Example:
        >>> print(meter_table({"on_policy/chosen": 0.5, "on_policy/gold": 2}, {"on_policy/chosen": 0.25}), end="")
        | nats per token | base | tuned |
        |---|--:|--:|
        | chosen: training targets | 0.50 | 0.25 |
        | gold: gold answers, same prompts | 2.00 | - |
    """
    lines = ["| nats per token | base | tuned |", "|---|--:|--:|"]
    for name, meaning in _MEANINGS.items():
        values = [figures.get(f"on_policy/{name}") for figures in (base, tuned)]
        if any(value is not None for value in values):
            shown = " | ".join("-" if value is None else f"{value:.2f}" for value in values)
            lines.append(f"| {name}: {meaning} | {shown} |")
    return "\n".join(lines) + "\n"


def _picked(rows: Dataset, count: int, seed: int) -> Dataset:
    """At most `count` random rows that have passages and a response."""
    modes = rows["mode"] if "mode" in rows.column_names else ["rag"] * len(rows)
    kinds = rows["kind"] if "kind" in rows.column_names else [""] * len(rows)
    each = enumerate(zip(modes, kinds, rows["response"], strict=True))
    able = [i for i, (mode, kind, text) in each if mode == "rag" and not kind and text]
    order = numpy.random.default_rng(seed).permutation(len(able))[:count]
    return rows.select([able[i] for i in order])


def _texts(row: Mapping[str, Any], tokenizer: Any, collator: SelfDemoDataCollator | None) -> Iterator[_Text]:
    if collator is None:
        messages = single_prompt(row["question"], evidence_of(row).passages)
        prompt = encode_prompt(tokenizer, messages, f"row {row['id']!r}")
    else:
        prompt = collator.encode(row).prompt
    answers = row["outcome"] == "answer"
    found = [
        (("chosen", f"chosen_{row['outcome']}"), row["response"]),
        *((("rejected",), one.text) for one in rejected_of(row)),
        (("gold", "gold_answer") if answers else ("gold",), next(iter(row["answers"]), None)),
    ]
    for figures, text in found:
        if text and text.strip():
            yield _Text(figures, prompt, encode_response(tokenizer, text, f"row {row['id']!r}"))


def _measured(model: Any, rows: Sequence[Sequence[_Text]]) -> list[list[tuple[_Text, float]]]:
    """Each text with its summed nats; the texts of all rows are batched together."""
    losses = iter(text_nll(model, [(text.prompt, text.response) for row in rows for text in row]))
    return [[(text, next(losses)) for text in row] for row in rows]
