"""The preflight of prompts, for trainings in which the model writes the replies (GRPO)."""

from __future__ import annotations

from collections import Counter

from datasets import Dataset

from hf_selfdemo.prompting.chat import encode_response
from hf_selfdemo.training.preflight.fitting import Fitting, Row, length
from hf_selfdemo.training.preflight.report import TAIL_TOKENS, PreflightReport, Sample, histogram
from hf_selfdemo.training.prompt_collator import PromptCollator


class Prompts:
    """Measures the rows that are asked, and reports those that do not fit.

    Args:
        fitting: encodes the rows and collects the problems.
        collator: the collator of the training.
    """

    def __init__(self, fitting: Fitting, collator: PromptCollator) -> None:
        self.fitting, self.collator = fitting, collator

    def look_at_all(self, dataset: Dataset) -> PreflightReport:
        """Check all rows of a dataset and return a report without warnings.

        Its tokens include all replies, each with its prompt. The length of a reply is estimated as that of the row's
        demonstration, or as `max_new_tokens` if there is none.
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
