"""Prompts as the model is asked under them, where it writes the replies while it is trained."""

from __future__ import annotations

from collections import Counter

from datasets import Dataset

from hf_selfdemo.prompting.chat import encode_response
from hf_selfdemo.training.preflight.fitting import Fitting, Row, length
from hf_selfdemo.training.preflight.report import TAIL_TOKENS, PreflightReport, Sample, histogram
from hf_selfdemo.training.prompt_collator import PromptCollator


class Prompts:
    """Measures the rows that are asked, and notes those that do not fit.

    Args:
        fitting: encodes the rows, and takes the problems.
        collator: that training uses.
    """

    def __init__(self, fitting: Fitting, collator: PromptCollator) -> None:
        self.fitting, self.collator = fitting, collator

    def look_at_all(self, dataset: Dataset) -> PreflightReport:
        """Every row of a dataset; the report has all but the warnings.

        Tokens are those of all replies to a prompt, each with it. A reply is taken to be as long as the row's
        demonstration, and to be as long as it may where there is none.
        """
        report, counts, needed = PreflightReport(budget=self.collator.max_length), Counter[str](), list[int]()
        for row in dataset:
            fitting = self.fitting.fit(row)
            if fitting is None:
                report.lengths.append(0)
                continue
            encoded, full = fitting
            needed.append(full)
            report.lengths.append(length(encoded))
            report.rows += 1
            report.tokens += self.collator.num_generations * (len(encoded.prompt) + self._reply(row))
            report.cut += encoded.dropped > 0
            report.lost += encoded.lost_answer
            counts["answer_in_context" if row["answer_in_context"] else "without_answer"] += 1
            if report.sample is None:
                end = self.collator.tokenizer.decode(encoded.prompt[-TAIL_TOKENS:])
                report.sample = Sample(str(row["id"]), end, "")
        report.longest = max(report.lengths)
        report.histogram = histogram(needed, report.budget)
        report.counts = dict(sorted(counts.items()))
        return report

    def _reply(self, row: Row) -> int:
        if not (text := (row.get("response") or "").strip()):
            return self.collator.max_new_tokens
        return min(len(encode_response(self.collator.tokenizer, text)), self.collator.max_new_tokens)
