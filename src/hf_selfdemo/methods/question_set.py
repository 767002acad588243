"""Questions for training and testing from the passages of documents. No document is used for both.

documents/
    train_questions.jsonl    kept questions, in the format of any question file
    test_questions.jsonl     the same, about other documents than the training questions
    dropped_questions.jsonl  all other questions that were written, each with the reason
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hf_selfdemo.core.conversation import converse
from hf_selfdemo.core.errors import CallFailed, UserError
from hf_selfdemo.core.manifest import atomic_file
from hf_selfdemo.core.protocols import Generator, check_contract
from hf_selfdemo.core.seeding import stable_seed
from hf_selfdemo.core.types import CALL_FAILED, Dialogue, Passage, Question
from hf_selfdemo.methods.question_writer import Draft, QuestionWriter, unlike

PARTS = ("train", "test")


@dataclass(frozen=True, slots=True)
class Source:
    """A passage and the id of its document."""

    passage: Passage
    document: str


def write_questions(
    sources: Sequence[Source],
    writer: QuestionWriter,
    generator: Generator,
    folder: Path,
    test_share: float = 0.2,
    parts: Sequence[str] = PARTS,
    window: int = 16,
    seed: int = 0,
    on_progress: Callable[[int], None] = lambda passages: None,
) -> dict[str, Any]:
    """Write questions about every passage, check them, and save both kept and dropped questions.

    Args:
        sources: passages with their documents; passage ids must be unique.
        writer: writes and checks the questions.
        generator: the model that writes and answers. A `RecordedGenerator` never repeats a call.
        folder: the output folder.
        test_share: share of the documents whose questions are for testing.
        parts: "train", "test" or both. A single part gets all documents.
        window: number of passages in flight.
        seed: seed of the draw of the test documents.
        on_progress: called with 1 for every passage that is done.

    Returns:
        Counts of questions: `written`, `kept` by part and kind, `dropped` by reason.

    Raises:
        UserError: if there are fewer than two documents, every call failed, or a part keeps no answerable question.
    """
    check_contract(generator, Generator, "generator")
    names = sorted({source.document for source in sources})
    part = dict.fromkeys(names, parts[0]) if len(parts) == 1 else parts_of(names, test_share, seed)
    written = converse((drafts_of(source.passage, writer) for source in sources), generator, window)
    drafts: list[tuple[str, Draft]] = []
    for source, found in zip(sources, written, strict=True):
        drafts += [(part[source.document], draft) for draft in found]
        on_progress(1)
    failed = [draft.dropped for _, draft in drafts if draft.dropped.startswith(CALL_FAILED)]
    if failed and len(failed) == len(sources):
        raise UserError("the calls for all passages failed", failed[0])
    once = unlike([draft for _, draft in drafts])
    return _save([(name, draft) for (name, _), draft in zip(drafts, once, strict=True)], folder, parts)


def parts_of(documents: Sequence[str], test_share: float, seed: int = 0) -> dict[str, str]:
    """Assign each document to "train" or "test", at random by seed and id.

    Raises:
        UserError: if there are fewer than two documents.

    Example:
        >>> sorted(parts_of(["a", "b", "c", "d", "e"], 0.2).values())
        ['test', 'train', 'train', 'train', 'train']
    """
    if len(documents) < 2:
        raise UserError(
            "documents has only one document, but training and test questions need different ones",
            "give two or more documents",
        )
    drawn = sorted(documents, key=lambda name: (stable_seed(seed, f"test document/{name}"), name))
    tests = min(len(documents) - 1, max(1, math.floor(test_share * len(documents))))
    return {name: "test" if place < tests else "train" for place, name in enumerate(drawn)}


def drafts_of(passage: Passage, writer: QuestionWriter) -> Dialogue[list[Draft]]:
    """All questions about one passage. If a call fails, only this passage is lost."""
    try:
        return (yield from writer.write(passage))
    except CallFailed as failure:
        return [Draft(Question(passage.id, ""), f"{CALL_FAILED}: {failure}")]


def _save(drafts: Sequence[tuple[str, Draft]], folder: Path, parts: Sequence[str]) -> dict[str, Any]:
    """Save all drafts, also if a part has no question: they show why."""
    dropped = Counter(draft.dropped.partition(":")[0] for _, draft in drafts if draft.dropped)
    kept = {part: [draft.question for name, draft in drafts if name == part and not draft.dropped] for part in parts}
    rows = [question_row(draft.question) | {"reason": draft.dropped} for _, draft in drafts if draft.dropped]
    _write(folder / "dropped_questions.jsonl", rows)
    for part, questions in kept.items():
        _write(folder / f"{part}_questions.jsonl", map(question_row, questions))
    answerable = {part: sum(question.answerable for question in questions) for part, questions in kept.items()}
    for part, count in answerable.items():
        if not count:
            reasons = ", ".join(f"{count} as {reason!r}" for reason, count in dropped.most_common(3))
            why = f"dropped: {reasons}" if reasons else "none was written"
            others = [f"{count} for {name}" for name, count in answerable.items() if count]
            also = f"; kept: {', '.join(others)}" if others else ""
            look = f"read {folder}/*_questions.jsonl, then " if reasons else ""
            remedy = f"{look}use a larger model, more documents, or a higher question_passes"
            raise UserError(f"no answerable question was kept for {part} ({why}{also})", remedy)
    kinds = Counter(
        f"{part}: {'answerable' if question.answerable else 'unanswerable'}"
        for part, questions in kept.items()
        for question in questions
    )
    return {"written": len(drafts), "kept": dict(sorted(kinds.items())), "dropped": dict(dropped.most_common())}


def _write(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    with atomic_file(path) as out:
        out.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def question_row(question: Question) -> dict[str, Any]:
    """A question as a row of a question file."""
    return {
        "id": question.id,
        "question": question.text,
        "answers": list(question.answers),
        "answerable": question.answerable,
        "gold": list(question.gold_ids),
        "source": question.source,
    }
