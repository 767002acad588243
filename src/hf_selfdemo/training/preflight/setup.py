"""Checks of the model, its tokenizer, and the settings of the views."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from datasets import Dataset

from hf_selfdemo.prompting.chat import stop_token_id
from hf_selfdemo.training.collator import SelfDemoDataCollator
from hf_selfdemo.training.preflight.findings import Findings
from hf_selfdemo.training.views import Views

_TRIED = 64
"""Number of rows, about, on which a share is tried to see whether it changes anything."""

_CHANGES = {"leave_gold_out_share": Views(leave_gold_out=1.0), "closed_book_share": Views(closed_book=1.0)}


def stop_token(tokenizer: Any) -> int:
    """The token that ends a turn; for a tokenizer without a chat template, its end-of-text token.

    Raises:
        UserError: if there is no such token.
    """
    if tokenizer.chat_template is None and tokenizer.eos_token_id is not None:
        return int(tokenizer.eos_token_id)
    return stop_token_id(tokenizer)


def check_generation_stops(model: Any, tokenizer: Any, findings: Findings) -> None:
    """Check that generation stops at the token that rows end with. Otherwise the trained model would never stop.

    Args:
        model: a model, with a `generation_config` as in transformers.
        tokenizer: the model's tokenizer.
        findings: collects the problems.
    """
    config = getattr(model, "generation_config", None)
    if config is None:
        return
    known = config.eos_token_id
    known = [known] if isinstance(known, int) else list(known or ())
    stop = stop_token(tokenizer)
    if stop not in known:
        findings.warn(
            f"rows end with {tokenizer.decode([stop])!r} (token {stop}), but generation does not stop there: the "
            f"model's generation config has eos_token_id {known or 'unset'}",
            f"set model.generation_config.eos_token_id to {sorted({*known, stop})} before you save or serve the model",
        )


def check_writer(writer: Mapping[str, Any] | None, model: Any, findings: Findings) -> None:
    """Check that the model being trained wrote the demonstrations. The method needs the model's own words.

    Args:
        writer: `name` and `fingerprint` of the model that wrote the demonstrations, from their manifest. `trained` is
            the fingerprint of the model being trained; without it, names are compared. `origin` is the fingerprint of
            that model before earlier training, whose words count as its own.
        model: the model being trained.
        findings: collects the problems.
    """
    name = getattr(model, "name_or_path", "") or ""
    if not writer:
        return
    if not writer.get("name"):
        findings.warn(
            "it is unknown which model wrote the demonstrations",
            "make them with the model being trained: `hf-selfdemo demonstrate` records its name",
        )
        return
    if writer.get("trained") and not str(writer.get("fingerprint")).startswith("server/"):
        same = writer.get("fingerprint") in (writer["trained"], writer.get("origin"))
    else:  # a model behind a server has no other identity than its name
        same = not name or _last_part(writer["name"]) == _last_part(name)
    if not same:
        findings.warn(
            f"the demonstrations were written by {writer['name']}, not by the model being trained",
            "make them with the model being trained, unless you want to distil another model",
        )


def check_views(collator: SelfDemoDataCollator, dataset: Dataset, findings: Findings) -> None:
    """Check that views do not give the answer away, and that each share in use changes some row."""
    if collator.leave_gold_out_share > 0 and collator.passage_dropout == 0:
        findings.warn(
            "leave_gold_out_share removes passages from abstentions only, so that the number of passages is a clue",
            "set passage_dropout, e.g. to 0.2",
        )
    rows = [dataset[i] for i in range(0, len(dataset), max(1, len(dataset) // _TRIED))]
    for name, change in _CHANGES.items():
        if getattr(collator, name) > 0 and not any(_differs(row, change) for row in rows):
            findings.warn(
                f"{name} is {getattr(collator, name):g}, but it changes none of {len(rows)} sampled rows, because they "
                "have no candidates of the kind it needs",
                "use demonstrations with such candidates, or remove the option",
            )


def positions(model: Any) -> int | None:
    """The model's maximum number of positions, in tokens; None if its config does not say."""
    config = getattr(model, "config", None)
    if config is None:
        return None
    return getattr(config.get_text_config(), "max_position_embeddings", None)


def _differs(row: Mapping[str, Any], change: Views) -> bool:
    return change.of(row, 0) != Views().of(row, 0)


def _last_part(name: str) -> str:
    return name.rstrip("/").rpartition("/")[2]
