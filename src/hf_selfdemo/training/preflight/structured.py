"""The preflight of structured rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from datasets import Dataset

from hf_selfdemo.core.accounting import RowsLost
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.prompting.chat import check_template, check_vocabulary
from hf_selfdemo.training.collator import SelfDemoDataCollator
from hf_selfdemo.training.given import unformatted
from hf_selfdemo.training.pair_rows import pair_rows
from hf_selfdemo.training.preflight import content, setup
from hf_selfdemo.training.preflight.findings import Findings
from hf_selfdemo.training.preflight.fitting import Fitting, Row
from hf_selfdemo.training.preflight.prompts import Prompts
from hf_selfdemo.training.preflight.rendering import Rendering
from hf_selfdemo.training.preflight.report import PreflightReport
from hf_selfdemo.training.prompt_collator import PromptCollator


def preflight(
    dataset: Dataset,
    collator: SelfDemoDataCollator,
    *,
    eval_dataset: Dataset | None = None,
    test_rows: Iterable[Row] = (),
    choosing: bool = True,
    model: Any = None,
    writer: Mapping[str, Any] | None = None,
) -> PreflightReport:
    """Make every batch once and look at its labels, at the rows and at the model, before anything is trained.

    A few milliseconds a row, most of them its tokenising. Rows are looked at as retrieved, whatever changes by epoch.

    Args:
        dataset: demonstrations, in the columns of `rows.FEATURES`; where pairs are made each is looked at.
        collator: the one that will make the batches.
        eval_dataset: rows asked while training; they may lack a response.
        test_rows: rows with `id` and `question` that are evaluated later.
        choosing: the eval rows pick a checkpoint, so that one that is trained on, too, is refused and not warned of.
        model: what is trained, or anything with its `config` and `generation_config`.
        writer: `name` and `fingerprint` of who wrote the demonstrations, as their manifest has it, and as `trained` the
            fingerprint of what is trained, where it is known, and as `origin` that of what it was trained from.

    Raises:
        RowsLost: if a row is neither trained, nor refused, nor counted as one without a pair.
        UserError: naming everything that must be fixed, with row ids and remedies, worst first.
    """
    if len(dataset) == 0:
        raise UserError("there is no demonstration to train on", "see `skipped` in the manifest for the reasons")
    check_template(collator.tokenizer)
    if getattr(model, "config", None) is not None:
        check_vocabulary(collator.tokenizer, model.config)
    dataset = pair_rows(unformatted(dataset)) if collator.preference else unformatted(dataset)
    findings = Findings(len(dataset))
    setup.check_generation_stops(model, collator.tokenizer, findings)
    limit = setup.positions(model)
    fitting = Fitting(collator, limit, findings)
    if isinstance(collator, PromptCollator):
        report = Prompts(fitting, collator).look_at_all(dataset)
    else:
        setup.check_views(collator, dataset, findings)
        setup.check_writer(writer, model, findings)
        report = Rendering(fitting).look_at_all(dataset)
        content.check_balance(report.counts, collator.leave_gold_out_share, findings)
    if report.counts.get("without_pair") == len(dataset):
        findings.refuse("no row has a pair to prefer", "choose another pair_policy, or train on responses (sft)")
    columns = dataset.select_columns(["id", "question"])[:]
    content.check_ids(map(str, columns["id"]), findings)
    held_out = [] if eval_dataset is None else list(eval_dataset)
    content.check_ids((str(row["id"]) for row in held_out), findings, "eval row")
    Fitting(replace(collator, preference=False), limit, findings, "eval row").look_at_asked(held_out)
    content.check_overlap(columns["question"], held_out, list(test_rows), choosing, findings)
    findings.raise_if_any()
    seen = report.rows + report.counts.get("without_pair", 0)
    if seen != len(dataset):
        raise RowsLost(f"{len(dataset) - seen} of {len(dataset)} rows vanished in the preflight, not refused by name")
    report.warnings = findings.warnings
    return report
