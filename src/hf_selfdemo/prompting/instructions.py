"""An instruction is what a prompt search looks for: the wording of what is asked, apart from question and passages."""

from __future__ import annotations

from hf_selfdemo.core.types import Evidence, Message, Source
from hf_selfdemo.prompting.prompts import render


def instructed_messages(
    source: Source, instruction: str, evidence: Evidence, as_system: bool = False
) -> tuple[Message, ...]:
    """The prompt that puts an instruction to a question.

    Args:
        source: "closed_book" leaves the passages out; all others, a `Mode` among them, show them.
        instruction: the wording, for any question.
        evidence: the question and its passages; no answer is shown.
        as_system: say the instruction in a system turn of its own before the question, not after the question.

    Returns:
        A user turn, with a system turn before it if asked for and there is anything to say in it.

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
