"""Prompts with their scores: their order, and the file that stores them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.loading import did_you_mean_file
from hf_selfdemo.core.manifest import write_text
from hf_selfdemo.core.wellformed import well_formed


@dataclass(frozen=True, slots=True)
class ScoredPrompt:
    """A prompt with its mean score, 1 to 9, on the held-out examples; None if none of them could be scored.

    `scored` and `unscored` count these examples. `round` is the round in which the prompt was written (0 if given).
    `train_score` is its mean score on the training examples (None in the last round, which does not use them).
    """

    prompt: str
    score: float | None
    scored: int = 0
    unscored: int = 0
    round: int = 0
    train_score: float | None = None


def score_order(score: float | None, then: int) -> tuple[bool, float, int]:
    """A sort key: best score first, no score last."""
    return score is None, -(score or 0.0), then


def ranking(prompts: Iterable[ScoredPrompt]) -> list[ScoredPrompt]:
    """Sort prompts by score, those without a score last. Ties go to more scored examples, then to the earlier round.

    Example:
        >>> [p.prompt for p in ranking([ScoredPrompt("a", None), ScoredPrompt("b", 2.0), ScoredPrompt("c", 8.5)])]
        ['c', 'b', 'a']
    """
    return sorted(prompts, key=lambda p: (*score_order(p.score, -p.scored), p.round))


def write_prompts(path: Path, prompts: Iterable[ScoredPrompt]) -> None:
    """Write prompts as JSONL, best first, atomically."""
    lines = (json.dumps(asdict(prompt), ensure_ascii=False) + "\n" for prompt in ranking(prompts))
    write_text(path, "".join(lines))


def read_prompts(path: Path) -> list[str]:
    """The prompts of a JSONL file in its order; it may be written by hand, and only the key "prompt" is needed.

    Raises:
        UserError: if the file is missing or empty, or, naming the line, if a line has no prompt.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "prompts.jsonl"
        >>> write_prompts(path, [ScoredPrompt("Be brief.", 4.0), ScoredPrompt("Answer in a word.", 8.0)])
        >>> read_prompts(path)
        ['Answer in a word.', 'Be brief.']
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        remedy = did_you_mean_file(path, "name a file that prompt search wrote")
        raise UserError(f"{path} cannot be read ({error.strerror})", remedy) from None
    prompts = [_prompt(line, f"line {i} of {path}") for i, line in enumerate(lines, 1) if line.strip()]
    if not prompts:
        raise UserError(f"{path} has no prompts", 'write one per line, as {"prompt": "Answer in a word."}')
    return prompts


def _prompt(line: bytes, where: str) -> str:
    try:
        prompt = json.loads(line)["prompt"]
        if not isinstance(prompt, str) or not prompt.strip():
            raise ValueError("no text")
    except (ValueError, KeyError, TypeError, RecursionError):
        raise UserError(f"{where} has no prompt", 'change it to {"prompt": "..."} or remove it') from None
    return well_formed(prompt)
