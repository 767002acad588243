"""Prompts with an instruction that a prompt search found. It tells the model what to do with question and passages."""

from __future__ import annotations

from hf_selfdemo.core.types import Evidence, Message, Source
from hf_selfdemo.prompting.prompts import render


def instructed_messages(
    source: Source, instruction: str, evidence: Evidence, as_system: bool = False
) -> tuple[Message, ...]:
    """The prompt with an instruction and a question.

    Args:
        source: "closed_book" leaves the passages out; any other source or `Mode` shows them.
        instruction: the instruction, which fits any question.
        evidence: the question and its passages. No answer is shown.
        as_system: put the instruction into a system turn instead of after the question.

    Returns:
        A user turn, after a system turn if `as_system` is set and the instruction is not empty.

    Example:
        >>> from hf_selfdemo.core.types import Question
        >>> row = Evidence(Question("q1", "Who painted Guernica?"))
        >>> print(instructed_messages("closed_book", "Be brief.", row)[0]["content"])
        Question: Who painted Guernica?
        Be brief.
        >>> [turn["role"] for turn in instructed_messages("closed_book", "Be brief.", row, as_system=True)]
        ['system', 'user']
    """
    shown = () if source == "closed_book" else evidence.passages
    asked = render("candidates/instructed", evidence.question.text, shown, instruction="" if as_system else instruction)
    return ({"role": "system", "content": instruction}, *asked) if as_system and instruction else asked
