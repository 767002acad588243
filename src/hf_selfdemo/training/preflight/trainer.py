"""The preflight of any TRL trainer, on the dataset that it has prepared."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.training.preflight import setup
from hf_selfdemo.training.preflight.findings import Findings
from hf_selfdemo.training.preflight.report import PreflightReport, Sample, histogram
from hf_selfdemo.training.preflight.spans import SEVERAL, Trained, faults, trained

_STREAMED = 1000
"""Number of rows that are checked of a dataset without a length."""

Row = Mapping[str, Any]


def examine(trainer: Any, rows: Iterable[Row] | None = None) -> PreflightReport:
    """Check what a trainer will train on: TRL's `SFTTrainer` or `DPOTrainer`, one of this package, or transformers'.

    The trainer's prepared dataset is passed through its collator in batches of the training size, and the labels of
    every row are checked. It takes a few milliseconds per row.

    Args:
        trainer: a trainer before its `train`.
        rows: the rows that were given as `train_dataset`, to find rows that its preparation has dropped. Rows are
            identified by their `id`, or else by their prompt or messages.

    Raises:
        UserError: naming everything that must be fixed, with row ids and remedies, worst first: rows that were dropped
            or truncated, that have no loss at all, none on the stop token or one outside the response, or whose prompt
            differs from the one used at inference.

    Relations: TRL silently drops or truncates rows that are longer than `max_length`. transformers'
    `DataCollatorForLanguageModeling` masks every pad token, also one that ends a response.
    """
    given = list(rows) if rows is not None else None
    dataset = trainer.train_dataset
    whole = hasattr(dataset, "__len__")
    prepared = list(dataset if whole else islice(dataset, _STREAMED))
    if not prepared:
        raise UserError("the trainer's preparation has dropped all rows", "raise max_length, or shorten the rows")
    findings = Findings(len(given or prepared))
    tokenizer = getattr(trainer.processing_class, "tokenizer", trainer.processing_class)
    if given is not None and whole:
        _check_vanished(given, prepared, findings)
    setup.check_generation_stops(trainer.model, tokenizer, findings)
    report = _look_at_all(trainer, prepared, _names(given, prepared), tokenizer, findings)
    findings.raise_if_any()
    report.warnings = findings.warnings
    return report


class _Given(NamedTuple):
    """One row of the trainer's collator: `texts` by their name in messages, two for DPO.

    `row` is the prepared row; None if several rows were packed into one.
    """

    name: str
    row: Row | None
    texts: dict[str, Trained]


def _look_at_all(
    trainer: Any, prepared: Sequence[Row], names: Sequence[str], tokenizer: Any, findings: Findings
) -> PreflightReport:
    stop_id, limit = setup.stop_token(tokenizer), setup.positions(trainer.model)
    max_length = getattr(trainer.args, "max_length", None)
    report = PreflightReport(budget=max_length)
    for name, row, texts in _given(trainer, prepared, names):
        asked = row and _asked(row, tokenizer)
        for kind, found in texts.items():
            for fault in faults(found, stop_id, tokenizer, max_length):
                (findings.warn if fault == SEVERAL else findings.refuse)(*fault, name, kind)
            if limit is not None and len(found.ids) > limit:
                what = f"is longer than the model's {limit} positions"
                findings.refuse(what, f"set max_length to {limit}", name, kind)
            if asked and found.places and found.begin and found.prompt != asked:
                findings.refuse(*_OTHER_PROMPT, name, kind)
            report.tokens += len(found.ids)
        if report.sample is None and all(found.places for found in texts.values()):
            report.sample = Sample.of(name, tokenizer, *texts.values())
        report.lengths.append(max(len(found.ids) for found in texts.values()))
    report.rows, report.longest = len(report.lengths), max(report.lengths)
    report.histogram = histogram(report.lengths, max_length)
    return report


_OTHER_PROMPT = (
    "has another prompt than the one used at inference",
    "raise max_length, or use a chat template that renders a prompt the same with and without a reply",
)


def _given(trainer: Any, prepared: Sequence[Row], names: Sequence[str]) -> Iterator[_Given]:
    """The collated rows, in batches as large as in training."""
    collate = trainer._get_collator_with_removed_columns(trainer.data_collator)  # as in the trainer's own loader
    size, pieces = trainer.args.per_device_train_batch_size, 0
    for start in range(0, len(prepared), size):
        rows, called = prepared[start : start + size], names[start : start + size]
        try:
            batch = collate([dict(row) for row in rows])
        except Exception as error:  # a collator may raise any error, and here it does so before training
            what = f"the collator cannot make a batch of rows {', '.join(map(repr, called))} ({error})"
            raise UserError(what, "fix the collator, or give it the columns that it needs") from error
        found = trained(batch)
        if "completion_mask" in batch:
            pairs = zip(found[: len(rows)], found[len(rows) :], strict=True)
            texts = [{"chosen text of row": one, "rejected text of row": other} for one, other in pairs]
            yield from map(_Given, called, rows, texts)
        elif len(found) == len(rows):
            yield from map(_Given, called, rows, [{"row": one} for one in found])
        else:  # packed: one prepared row contains several pieces
            yield from (_Given(str(pieces + i), None, {"packed piece": one}) for i, one in enumerate(found))
            pieces += len(found)


def _asked(row: Row, tokenizer: Any) -> list[int] | None:
    """The token ids of the prompt at inference; None if the row has no prompt or messages."""
    prompt = row.get("prompt")
    if not prompt and row.get("messages") and row["messages"][-1]["role"] == "assistant":
        prompt = row["messages"][:-1]
    if not prompt:
        return None
    if isinstance(prompt, str):
        return list(tokenizer(prompt)["input_ids"])
    extras = row.get("chat_template_kwargs") or {}
    text = tokenizer.apply_chat_template(prompt, tokenize=False, add_generation_prompt=True, **extras)
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def _check_vanished(given: Sequence[Row], prepared: Sequence[Row], findings: Findings) -> None:
    what, remedy = "dropped by the trainer's preparation", "raise max_length, or shorten the rows"
    left = Counter(map(_key, prepared))
    if None in left or any(_key(row) is None for row in given):
        count = sum(len(row["seq_lengths"]) if "seq_lengths" in row else 1 for row in prepared)
        if count < len(given):
            findings.refuse(f"{len(given) - count} of {len(given)} rows were {what}", remedy)
        return
    for place, row in enumerate(given):
        left[_key(row)] -= 1
        if left[_key(row)] < 0:
            findings.refuse(f"was {what}", remedy, _name(row, place))


def _names(given: Sequence[Row] | None, prepared: Sequence[Row]) -> list[str]:
    """Names of the prepared rows: their ids, else their positions among the given rows, else their own positions."""
    places = {key: place for place, row in enumerate(given or ()) if (key := _key(row)) is not None}
    return [_name(row, places.get(_key(row) or "", place)) for place, row in enumerate(prepared)]


def _name(row: Row, place: int) -> str:
    return str(row["id"]) if "id" in row else str(place)


def _key(row: Row) -> str | None:
    """What identifies a row before and after the trainer's preparation."""
    told = next((row[name] for name in ("id", "prompt", "messages") if row.get(name)), None)
    return None if told is None else json.dumps(told, sort_keys=True)
