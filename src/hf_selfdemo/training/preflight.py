"""What must hold before the first step: every row trains its whole response and the stop token, and nothing else."""

from __future__ import annotations

from collections import Counter
from typing import Any

from datasets import Dataset

from hf_selfdemo.chat import stop_token_id
from hf_selfdemo.errors import UserError
from hf_selfdemo.training.collator import SelfDemoDataCollator


def preflight(dataset: Dataset, collator: SelfDemoDataCollator) -> dict[str, Any]:
    """Render every row once and check it; a few milliseconds a row.

    Args:
        dataset: demonstrations.
        collator: the one that will render the batches.

    Returns:
        `rows`, `tokens` (of one epoch), `longest`, rows that lose passages, and counts of answers and abstentions.

    Raises:
        UserError: for an empty or over-long row, or one whose supervised tokens are not response and stop token.
    """
    stop = stop_token_id(collator.tokenizer)
    tokens, longest, shortened = 0, 0, 0
    kinds: Counter[str] = Counter()
    for row in dataset:
        try:
            prompt, response, dropped = collator.encode(row)
        except ValueError as error:
            raise UserError("the training data cannot be rendered", str(error)) from None
        if response[-1] != stop or len(response) < 2:
            raise UserError(f"row {row['id']!r} would train no text or no end of turn", "drop it")
        length = len(prompt) + len(response)
        tokens, longest = tokens + length, max(longest, length)
        shortened += dropped > 0
        kinds[row["outcome"] if row.get("mode", "rag") == "rag" else "closed_book"] += 1
    return {"rows": len(dataset), "tokens": tokens, "longest": longest, "rows_with_passages_cut": shortened, **kinds}
