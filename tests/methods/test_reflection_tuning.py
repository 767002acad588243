"""Pairs are rewritten and judged again; what cannot be read, is not likelier or no longer right stays as it was."""

import pytest

from hf_selfdemo.core.conversation import converse
from hf_selfdemo.core.types import Evidence, Passage, Question, Reply, Skip
from hf_selfdemo.generation.scripted import ScriptedGenerator
from hf_selfdemo.judging.answer_match import AnswerMatchJudge
from hf_selfdemo.methods.demonstrations import judged_row
from hf_selfdemo.methods.reflection_tuning import Reflecting, ReflectionTuning

ROW = Evidence(
    Question("q", "Who built it?", ("Ada Storm",)), (Passage("p", "Ada Storm built the pump in 1901."),), True
)
HARDER, BETTER = "Which engineer built the pump in 1901?", "The pump was built by Ada Storm."
LOGPROBS = {
    "ifd/0": -3.0,
    "ifd/1": -1.0,
    "ifd/2": -2.0,
    "reversed_ifd/0": -3.0,
    "reversed_ifd/1": -2.0,
    "reversed_ifd/2": -1.0,
}


class Model(ScriptedGenerator):
    """Reflects as scripted, and finds texts as likely as it is told."""

    def __init__(
        self, question=f"It is vague. [New question] {HARDER}", answer=f"[Better answer] {BETTER}", **logprobs
    ):
        self.said = {"question_reflection": question, "answer_reflection": answer}
        self.logprobs = LOGPROBS | {name.replace("__", "/"): value for name, value in logprobs.items()}
        super().__init__(lambda request: self.said[request.stage])

    def stream(self, requests):
        for i, request in enumerate(requests):
            if request.scored:
                yield i, Reply("", scores=(self.logprobs[request.id.partition("/")[2]],))
            else:
                yield i, dict(super().stream([request]))[0]


def chosen(model, row=ROW, **keys):
    dialogue = judged_row(row, ReflectionTuning(Reflecting(**keys)), AnswerMatchJudge())
    [judged] = converse([dialogue], model)
    return judged.result


def test_a_new_question_and_a_new_answer_are_trained_together():
    [made] = chosen(Model())
    assert (made.evidence.question.text, made.response, made.group) == (HARDER, BETTER, "both")
    assert made.source == "rag" and made.evidence.question.answers == ("Ada Storm",) and made.id == "q"


@pytest.mark.parametrize(
    ("model", "group"),
    [
        (Model(ifd__2=-0.5), "answer"),  # easier than before
        (Model(ifd__2=-4.0), "answer"),  # the question is of no help
        (Model(reversed_ifd__2=-2.5), "question"),  # harder to guess from
        (Model(question="No idea."), "answer"),
        (Model(question="[New question] N/A", answer="[Better answer] None"), "original"),
        (Model(answer="[Better answer] Bo Lind did."), "original"),  # no longer right
        (Model(question="[New question] Say it.", answer="Fine as it is."), "original"),
    ],
)
def test_what_the_model_or_the_judge_speaks_against_stays_as_it_was(model, group):
    [made] = chosen(model)
    assert made.group == group
    if group == "original":
        assert (made.response, made.source, made.evidence) == ("Ada Storm", "gold", ROW)


def test_without_the_students_word_all_that_can_be_read_is_taken():
    [made] = chosen(Model(ifd__2=-9.0, reversed_ifd__2=-9.0), select_by_student=False)
    assert made.group == "both"
    [made] = chosen(Model(), select_by_student=False, reflect_on_questions=False)
    assert made.group == "answer"


def test_rows_that_nothing_was_made_of_may_be_left_out():
    assert chosen(Model(question="", answer=""), keep_originals=False) == Skip("no rewritten candidate is correct")
    assert isinstance(chosen(Model(), Evidence(Question("q", "Who?"))), Skip)


def test_a_server_is_refused_before_anything_is_paid(capsys, tmp_path):
    from hf_selfdemo.verbs.cli import main

    keys = [
        f"--output_dir={tmp_path}",
        "--method=reflection_tuning",
        "--engine=server",
        "--server_url=http://localhost:9",
    ]
    assert main(["demonstrate", *keys]) == 2
    assert "which a server does not return: set engine: transformers, or select_by_student: false" in (
        capsys.readouterr().err
    )
