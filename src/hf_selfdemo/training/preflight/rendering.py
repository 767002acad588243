"""The preflight of trained rows: encode them, collate them into batches as in training, and check the batches."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Sequence

from datasets import Dataset

from hf_selfdemo.core.types import FURTHER, Mode, Passage
from hf_selfdemo.methods.answering import single_prompt
from hf_selfdemo.prompting.chat import conversation_difference, encode_prompt, encode_response
from hf_selfdemo.training.collator import EncodedRow
from hf_selfdemo.training.pair_rows import row_of_pair
from hf_selfdemo.training.preflight.content import Texts, has_pair
from hf_selfdemo.training.preflight.fitting import Fitting, Row, length
from hf_selfdemo.training.preflight.report import PreflightReport, Sample, histogram
from hf_selfdemo.training.preflight.setup import stop_token
from hf_selfdemo.training.preflight.spans import Trained, faults, trained
from hf_selfdemo.training.row_kinds import row_kind

_BATCH = 8
_COMPARED = 16
"""Number of rows, about, that are also encoded without the collator and compared."""


class Rendering:
    """Measures the rows that are trained, and reports problems of their texts, tokens and labels.

    Args:
        fitting: encodes the rows and collects the problems.
    """

    def __init__(self, fitting: Fitting) -> None:
        self.fitting, self.findings, self.view = fitting, fitting.findings, fitting.view
        self.tokenizer = self.view.tokenizer
        self.stop_id = stop_token(self.tokenizer)
        self.texts = Texts(self.tokenizer, self.view.preference, self.findings)
        self.report = PreflightReport(budget=self.view.max_length)
        self.counts: Counter[str] = Counter()
        self.needed: list[int] = []
        self.prompts: dict[int, str] = {}

    def look_at_all(self, dataset: Dataset) -> PreflightReport:
        """Check all rows of a dataset and return a report without warnings."""
        step = max(1, len(dataset) // _COMPARED)
        batch: list[tuple[Row, EncodedRow]] = []
        for place, row in enumerate(dataset):
            encoded = self._measured(row)
            self.report.lengths.append(length(encoded) if encoded else 0)
            if encoded:
                batch.append((row, encoded))
                if place % step == 0:
                    self._compare(row, encoded)
            if len(batch) == _BATCH:
                self._look_at_batch(batch)
                batch = []
        if batch:
            self._look_at_batch(batch)
        self.report.longest = max(self.report.lengths)
        self.report.histogram = histogram(self.needed, self.report.budget)
        self.report.counts = dict(sorted(self.counts.items()))
        return self.report

    def _measured(self, row: Row) -> EncodedRow | None:
        """Encode and count a row; None if it cannot be trained on."""
        if self.view.preference and not has_pair(row):
            self.counts["without_pair"] += 1
            return None
        if not self.texts.usable(row) or not (fitting := self.fitting.fit(row)):
            return None
        encoded, needed = fitting
        self._check_twice(str(row["id"]), encoded)
        self.needed.append(needed)
        self.counts[encoded.kind] += 1
        self.report.rows += 1
        for text in (encoded.response, encoded.rejected):
            self.report.tokens += len(encoded.prompt) + len(text) if text else 0
        self.report.cut += encoded.dropped > 0
        self.report.lost += encoded.lost_answer
        return encoded

    def _check_twice(self, name: str, encoded: EncodedRow) -> None:
        """Warn of rows with the same prompt, whose responses count twice or contradict each other."""
        row = FURTHER.sub("", row_of_pair(name))  # pairs and further answers of one question may share a prompt
        shown = encoded.prompt if encoded.supervised is None else encoded.prompt + encoded.response
        if self.prompts.setdefault(hash(tuple(shown)), row) != row:
            self.findings.warn("has the same prompt as another row", "drop it, or it counts twice", name)

    def _look_at_batch(self, batch: Sequence[tuple[Row, EncodedRow]]) -> None:
        rows = self._collated(batch)
        chosen, rejected = rows[: len(batch)], rows[len(batch) :]
        if self.report.sample is None and all(found.places for found in rows):
            self.report.sample = Sample.of(str(batch[0][0]["id"]), self.tokenizer, chosen[0], *rejected[:1])
        for (row, encoded), found in zip(batch, chosen, strict=True):
            self._look_at(row, found, encoded, "row")
            if (name := row.get("kind") or "") and name not in self.report.samples and found.places:
                self.report.samples[name] = Sample.of(str(row["id"]), self.tokenizer, found)
        for (row, encoded), found in zip(batch, rejected, strict=False):
            self._look_at(row, found, encoded._replace(response=encoded.rejected or []), "rejected text of row")

    def _collated(self, batch: Sequence[tuple[Row, EncodedRow]]) -> list[Trained]:
        """Collate rows that are already encoded, without rendering them again."""
        known = {id(row): encoded for row, encoded in batch}
        view = copy.copy(self.view)
        view.encode = lambda row: known.get(id(row)) or self.view.encode(row)  # type: ignore[method-assign]
        return trained(view([row for row, _ in batch]))

    def _look_at(self, row: Row, found: Trained, encoded: EncodedRow, kind: str) -> None:
        problems = list(faults(found, self.stop_id, self.tokenizer, kind=row_kind(row)))
        if not problems and (found.ids != encoded.shown_ids or found.labels != encoded.labels):
            problems = [("has a loss on other tokens than its response and stop token", "fix the collator")]
        for what, remedy in problems:
            self.findings.refuse(what, remedy, str(row["id"]), kind)

    def _compare(self, row: Row, encoded: EncodedRow) -> None:
        """Check that training uses the prompt of evaluation and the tokens of the chat template."""
        if encoded.dropped or encoded.supervised is not None:
            return
        passages = [Passage(p["id"], p["text"], p["title"] or "") for p in row["passages"] or ()]
        mode: Mode = "closed_book" if encoded.kind == "closed_book" else "rag"
        messages = single_prompt(row["question"], passages, mode, self.view.answerer)
        if encode_prompt(self.tokenizer, messages) != encoded.prompt:
            what = "has another prompt than the one used at inference"
            self.findings.refuse(what, "render it as evaluation does", str(row["id"]))
        if difference := conversation_difference(self.tokenizer, messages, row["response"]):
            remedy = "train only with this package and serve the model with this template, or set chat_template_path"
            self.findings.warn(f"differs from what the chat template renders ({difference})", remedy, str(row["id"]))
        if encode_response(self.tokenizer, row["response"]) != encoded.response:
            self.findings.refuse("trains on another text than its response", "fix the collator", str(row["id"]))
