"""Questions are kept if the model answers them from their passage and not without; every other one says why not."""

import json

import pytest

from hf_selfdemo.core.conversation import converse
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Passage, Reply
from hf_selfdemo.data.retrieval.bm25 import BM25Retriever
from hf_selfdemo.generation.scripted import ScriptedGenerator
from hf_selfdemo.judging.answer_match import AnswerMatchJudge
from hf_selfdemo.methods.question_set import Source, parts_of, write_questions
from hf_selfdemo.methods.question_writer import QuestionKeys, QuestionWriter

PUMP = Passage("pumps.md#1", "The great pump was built by Ada Storm in 1901. It lifts ten tons an hour.", "Pumps")
MILL = Passage("mills.md#1", "The old mill was built by Bo Lind in 1850. It grinds for the whole valley.", "Mills")
GOOD = "Question: Who built the great pump?\nAnswer: Ada Storm"


def model(written=GOOD, with_passage="Ada Storm.", without="I do not know.", stated="No", missing=""):
    """What a model says at each stage."""

    def said(request):
        if request.choices:
            return stated
        return {
            "answerable_question": written(request) if callable(written) else written,
            "unanswerable_question": missing,
            "rag_check": with_passage,
            "closed_book_check": without,
        }[request.stage]

    return ScriptedGenerator(said)


def drafts(generator, passage=PUMP, **keys):
    keys = {"question_passes": 1, "unanswerable_passes": 0} | keys
    writer = QuestionWriter(AnswerMatchJudge(), BM25Retriever([PUMP, MILL]), QuestionKeys(**keys))
    [found] = converse([writer.write(passage)], generator)
    return found


def test_a_question_that_only_its_passage_answers_is_kept():
    [draft] = drafts(model())
    question = draft.question
    assert (draft.dropped, question.text, question.answers) == ("", "Who built the great pump?", ("Ada Storm",))
    assert question.gold_ids == ("pumps.md#1",) and question.answerable and question.is_gold(PUMP)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"written": "The pump is old."}, "no question can be read"),
        ({"written": "Question: Who built it\nAnswer: Ada Storm"}, "no question can be read"),
        ({"written": "Question: Who built the pump?"}, "no answer can be read"),
        ({"written": "Question: Who built the pump?\nAnswer: It is not mentioned."}, "its answer is a refusal"),
        ({"written": "Question: Who built the pump?\nAnswer: Cy Holm"}, "its passage does not state its answer"),
        ({"written": "Question: Did Ada Storm build it?\nAnswer: Ada Storm"}, "gives its answer away"),
        ({"written": f"Question: Who built it?\nAnswer: {'very ' * 12}old"}, "its answer is longer than 12 words"),
        ({"written": "Question: Whom does the passage name?\nAnswer: Ada Storm"}, "speaks of its passage"),
        ({"written": "Question: Who built it, according to this?\nAnswer: Ada Storm"}, "speaks of its passage"),
        ({"written": "Question: What answers this question?\nAnswer: Ada Storm"}, "speaks of its passage"),
        ({"written": "Question: Who was named first that year?\nAnswer: Ada Storm"}, "is not about its passage"),
        ({"with_passage": "Bo Lind."}, "not answered from its passage"),
        ({"with_passage": "They do not mention it."}, "not answered from its passage"),
        ({"without": "It was Ada Storm."}, "answered without its passage"),
    ],
)
def test_every_other_question_says_why_it_is_dropped(changes, reason):
    assert [draft.dropped for draft in drafts(model(**changes))] == [reason]


def test_marks_and_stars_around_the_two_lines_do_no_harm():
    [draft] = drafts(model("Sure!\n\n**Question:** Who built the great pump?\n**Answer:** Ada Storm\n"))
    assert (draft.dropped, draft.question.answers) == ("", ("Ada Storm",))


def test_both_may_stand_in_one_line():
    [draft] = drafts(model("Question: Who built the great pump? Answer: Ada Storm"))
    assert (draft.question.text, draft.question.answers) == ("Who built the great pump?", ("Ada Storm",))


def test_examples_come_before_the_passage_and_keep_every_rule():
    asked = []

    def written(request):
        asked.append(request)
        return GOOD

    drafts(model(written))
    *shown, last = asked[0].messages
    assert [turn["role"] for turn in shown] == ["user", "assistant"] * 2
    assert "great pump" in last["content"] and not any("great pump" in turn["content"] for turn in shown)
    for passage, reply in zip(shown[::2], shown[1::2], strict=True):
        title, _, text = passage["content"].removeprefix("[1] ").partition("\n")[0].partition(": ")
        [example] = drafts(
            model(reply["content"], reply["content"].partition("Answer: ")[2]), Passage("e", text, title)
        )
        assert example.dropped == ""


def test_a_later_pass_is_told_of_the_questions_before_and_asks_no_more_of_them():
    asked = []

    def written(request):
        if request.stage == "answerable_question":
            asked.append(request)
        return GOOD

    found = drafts(model(written), question_passes=3)
    assert [draft.dropped for draft in found] == ["", *["asked before of the same passage"] * 2]
    assert "Who built the great pump?" not in asked[0].messages[-1]["content"]
    assert "- Who built the great pump?" in asked[1].messages[-1]["content"]
    assert [request.temperature for request in asked] == [0.0, 0.7, 0.7]


def test_a_question_without_an_answer_is_kept_if_no_passage_of_the_corpus_states_one():
    [draft] = drafts(model(missing="Question: Who paid for the great pump?"), question_passes=0, unanswerable_passes=1)
    assert draft.dropped == "" and not draft.question.answerable and draft.question.answers == ()
    said = model(missing="Question: Who paid for the great pump?", stated="Yes")
    assert [one.dropped for one in drafts(said, question_passes=0, unanswerable_passes=1)] == [
        "a passage of the corpus may answer it"
    ]


def write(generator, folder, sources=None, **keys):
    writer = QuestionWriter(AnswerMatchJudge(), BM25Retriever([PUMP, MILL]), QuestionKeys(1, 0))
    sources = sources or [Source(PUMP, "pumps.md"), Source(MILL, "mills.md")]
    return write_questions(sources, writer, generator, folder, **keys)


def both(request):
    return GOOD if "pump" in request.messages[-1]["content"] else "Question: Who built the old mill?\nAnswer: Bo Lind"


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def answering(request):
    if request.stage == "answerable_question":
        return both(request)
    if request.stage == "closed_book_check":
        return "I do not know."
    return "Ada Storm" if "pump" in request.messages[0]["content"] else "Bo Lind"


def test_test_questions_are_about_other_documents(tmp_path):
    counts = write(ScriptedGenerator(answering), tmp_path)
    assert counts == {"written": 2, "kept": {"test: answerable": 1, "train: answerable": 1}, "dropped": {}}
    found = {part: rows(tmp_path / f"{part}_questions.jsonl") for part in ("train", "test")}
    assert {row["gold"][0] for some in found.values() for row in some} == {"pumps.md#1", "mills.md#1"}
    assert rows(tmp_path / "dropped_questions.jsonl") == []


def test_what_was_written_is_read_as_any_questions(tmp_path):
    from hf_selfdemo.data.questions import read_questions

    write(ScriptedGenerator(answering), tmp_path)
    [question] = read_questions(str(tmp_path / "train_questions.jsonl"), "train")
    assert question.answers and question.gold_ids and question.source == "documents"


def test_a_failed_call_costs_its_passage_alone(tmp_path):
    class Failing(ScriptedGenerator):
        def stream(self, requests):
            for i, reply in super().stream(requests):
                failed = requests[i].id == "mills.md#1/answerable/0"
                yield i, Reply("", "error", error="no room") if failed else reply

    third = Passage("wheels.md#1", "The great pump has a wheel that was cast by Cy Holm in 1903.", "Wheels")
    sources = [Source(PUMP, "pumps.md"), Source(MILL, "mills.md"), Source(third, "wheels.md")]
    said = r"no answerable question was kept for \w+ \(dropped: .*1 as 'a call failed.*; kept: 1 for .*_questions.jsonl"
    with pytest.raises(UserError, match=said):
        write(Failing(answering), tmp_path, sources)


def test_one_document_is_too_few():
    with pytest.raises(UserError, match="documents has only one document"):
        parts_of(["a"], 0.2)


def test_a_document_keeps_its_part_whatever_others_there_are():
    names = [f"d{i}" for i in range(40)]
    tests = {name for name, part in parts_of(names, 0.25).items() if part == "test"}
    assert len(tests) == 10
    assert {name for name, part in parts_of(names[:-1], 0.25).items() if part == "test"} <= tests | {names[-1]}
