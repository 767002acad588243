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
    """Make every batch once, and check its labels, the rows and the model before training.

    It takes a few milliseconds per row, mostly for tokenization. Rows are checked with their passages as retrieved,
    without the changes of an epoch.

    Args:
        dataset: demonstrations, in the columns of `rows.FEATURES`; for preference training every pair is checked.
        collator: the collator of the training.
        eval_dataset: rows that are asked during training; they need no response.
        test_rows: rows with `id` and `question` that are evaluated later.
        choosing: whether the eval rows pick the checkpoint. If so, an eval row that is trained on is an error instead
            of a warning.
        model: the model being trained, or any object with its `config` and `generation_config`.
        writer: `name` and `fingerprint` of the model that wrote the demonstrations, and if known `trained` and
            `origin`; see `setup.check_writer`.

    Raises:
        RowsLost: if a row is neither trained on, nor reported, nor counted as one without a pair.
        UserError: naming everything that must be fixed, with row ids and remedies, worst first.
    """
    if len(dataset) == 0:
        raise UserError("the dataset has no demonstrations", "see `skipped` in the manifest for the reasons")
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
        findings.refuse("no row has a pair", "demonstrate with another pair_policy, or train with objective sft")
    columns = dataset.select_columns(["id", "question"])[:]
    content.check_ids(map(str, columns["id"]), findings)
    held_out = [] if eval_dataset is None else list(eval_dataset)
    content.check_ids((str(row["id"]) for row in held_out), findings, "eval row")
    Fitting(replace(collator, preference=False), limit, findings, "eval row").look_at_asked(held_out)
    content.check_overlap(columns["question"], held_out, list(test_rows), choosing, findings)
    findings.raise_if_any()
    seen = report.rows + report.counts.get("without_pair", 0)
    if seen != len(dataset):
        raise RowsLost(f"{len(dataset) - seen} of {len(dataset)} rows were lost in the preflight without a message")
    report.warnings = findings.warnings
    return report
