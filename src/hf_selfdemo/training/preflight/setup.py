"""Checks on what the rows meet: the model, its tokenizer, and the settings of the views."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from datasets import Dataset

from hf_selfdemo.prompting.chat import stop_token_id
from hf_selfdemo.training.collator import SelfDemoDataCollator
from hf_selfdemo.training.preflight.findings import Findings
from hf_selfdemo.training.views import Views

_TRIED = 64
"""Rows, about, on which it is tried whether a share changes anything."""

_CHANGES = {"leave_gold_out_share": Views(leave_gold_out=1.0), "closed_book_share": Views(closed_book=1.0)}


def stop_token(tokenizer: Any) -> int:
    """The token that ends a turn; for a tokenizer without a chat template, that which ends a text.

    Raises:
        UserError: if there is none.
    """
    if tokenizer.chat_template is None and tokenizer.eos_token_id is not None:
        return int(tokenizer.eos_token_id)
    return stop_token_id(tokenizer)


def check_generation_stops(model: Any, tokenizer: Any, findings: Findings) -> None:
    """A model that is trained to stop with one token while generation waits for another talks on for ever.

    Args:
        model: with a `generation_config`, as transformers' models have it.
        tokenizer: of the model.
        findings: takes the problem.
    """
    config = getattr(model, "generation_config", None)
    if config is None:
        return
    known = config.eos_token_id
    known = [known] if isinstance(known, int) else list(known or ())
    stop = stop_token(tokenizer)
    if stop not in known:
        findings.warn(
            f"rows end in {tokenizer.decode([stop])!r} (token {stop}), at which generation does not stop: the "
            f"model's generation config has {known or 'none'}",
            f"set model.generation_config.eos_token_id to {sorted({*known, stop})} before it is saved or served",
        )


def check_writer(writer: Mapping[str, Any] | None, model: Any, findings: Findings) -> None:
    """A model learns best in its own words (Finlayson et al. 2025): demonstrations of another are not that.

    Args:
        writer: `name` and `fingerprint` of who wrote the demonstrations, as their manifest has it, and as `trained` the
            fingerprint of what is trained, where it is known; else names are compared. A model that is trained further
            has as `origin` the fingerprint of what it was before: words of that are its own, too.
        model: that is trained.
        findings: takes the problem.
    """
    name = getattr(model, "name_or_path", "") or ""
    if not writer:
        return
    if not writer.get("name"):
        findings.warn(
            "nothing says who wrote the demonstrations",
            "let the model trained here write them: `hf-selfdemo demonstrate` keeps its name",
        )
        return
    if writer.get("trained") and not str(writer.get("fingerprint")).startswith("server/"):
        same = writer.get("fingerprint") in (writer["trained"], writer.get("origin"))
    else:  # of a model behind a server the name is all there is
        same = not name or _last_part(writer["name"]) == _last_part(name)
    if not same:
        findings.warn(
            f"the demonstrations were written by {writer['name']}, not by the model trained here",
            "let the model trained here write them, or take this for training on another's words",
        )


def check_views(collator: SelfDemoDataCollator, dataset: Dataset, findings: Findings) -> None:
    """What changes by epoch must give no clue to what is to be said, and must change something."""
    if collator.leave_gold_out_share > 0 and collator.passage_dropout == 0:
        findings.warn(
            "leave_gold_out_share takes passages away from rows that abstain alone, so that their number is a clue",
            "set passage_dropout, e.g. to 0.2",
        )
    rows = [dataset[i] for i in range(0, len(dataset), max(1, len(dataset) // _TRIED))]
    for name, change in _CHANGES.items():
        if getattr(collator, name) > 0 and not any(_differs(row, change) for row in rows):
            findings.warn(
                f"{name} is {getattr(collator, name):g} and changes none of {len(rows)} rows tried, for want of texts "
                "that the model wrote itself",
                "use demonstrations with candidates of that kind, or leave it out",
            )


def positions(model: Any) -> int | None:
    """The longest row a model takes, in tokens; None where its config does not say."""
    config = getattr(model, "config", None)
    if config is None:
        return None
    return getattr(config.get_text_config(), "max_position_embeddings", None)


def _differs(row: Mapping[str, Any], change: Views) -> bool:
    return change.of(row, 0) != Views().of(row, 0)


def _last_part(name: str) -> str:
    return name.rstrip("/").rpartition("/")[2]
