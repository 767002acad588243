"""A row that vanishes without a name ends the run with an error that counts it: nothing is said to be done."""

import json
from dataclasses import replace

import pytest

from hf_selfdemo.core import conversation
from hf_selfdemo.core.accounting import RowsLost, account_for
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Evidence, Passage, Question
from hf_selfdemo.data.retrieval.evidence import collect_evidence, leave_gold_out
from hf_selfdemo.data.rows import ParquetRows, Spool
from hf_selfdemo.evaluation import evaluated
from hf_selfdemo.evaluation.predict import predict
from hf_selfdemo.generation.scripted import ScriptedGenerator
from hf_selfdemo.judging.answer_match import AnswerMatchJudge
from hf_selfdemo.methods.demonstrations import demonstrate
from hf_selfdemo.methods.ra_it import RaIt
from hf_selfdemo.methods.self_demo import Choosing, Sampling, SelfDemo
from hf_selfdemo.verbs import train
from hf_selfdemo.verbs.cli import main

ROWS = [
    Evidence(Question(f"q{i}", f"Who is number {i}?", (f"Nobody {i}",)), (Passage("p", f"Nobody {i} is."),), True)
    for i in range(6)
]
ROWS[3] = replace(ROWS[3], question=replace(ROWS[3].question, answers=()))  # left out by its name


REPLAYING = SelfDemo(Sampling(1, 1, 1), Choosing(max_abstain_share=1, replay_share=1))


def run(folder, strategy=None, rows=ROWS):
    return demonstrate(rows, strategy or RaIt(), ScriptedGenerator(knows), AnswerMatchJudge(), folder)


def knows(request):
    return "I don't know." if request.stage == "refusal" else f"Nobody {request.id[1]}."


class OfAnotherRow(RaIt):
    """A faulty strategy: one row's demonstration stands in another's place."""

    def select(self, evidence, candidates, verdicts):
        return super().select(ROWS[0] if evidence.id == "q4" else evidence, candidates, verdicts)


class OfNoRow(RaIt):
    """A faulty strategy: a demonstration of a row that nobody asked about."""

    def select(self, evidence, candidates, verdicts):
        named = replace(evidence, question=replace(evidence.question, id=f"{evidence.id}x"))
        return super().select(named if evidence.id == "q4" else evidence, candidates, verdicts)


def losing(function, name, when=lambda args: True):
    """A generator function that swallows what it should yield third."""

    def faulty(*args, **kwargs):
        for place, found in enumerate(function(*args, **kwargs)):
            if place != 2 or not when(args):
                yield found

    faulty.__name__ = name
    return faulty


def test_replays_are_no_rows_that_went_in(tmp_path):
    dataset = run(tmp_path, REPLAYING)
    assert list(dataset["mode"]).count("closed_book") == 5 and len(dataset) == 11


def test_where_all_are_kept_or_named_nothing_is_said(tmp_path):
    assert len(run(tmp_path)) == 6 - len((tmp_path / "skipped.jsonl").read_text().splitlines()) == 5


@pytest.mark.parametrize("strategy", [OfAnotherRow, OfNoRow])
def test_a_strategy_that_loses_a_row_is_found_and_leaves_no_manifest(tmp_path, strategy):
    with pytest.raises(RowsLost, match="1 of 6 rows vanished while demonstrating, neither kept nor named: 'q4'"):
        run(tmp_path, strategy())
    assert not (tmp_path / "manifest.json").exists()


def test_a_conversation_that_loses_a_row_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr("hf_selfdemo.methods.demonstrations.converse", losing(conversation.converse, "converse"))
    with pytest.raises(RowsLost, match="1 of 6 rows vanished while demonstrating, neither kept nor named: 'q2'"):
        run(tmp_path)


def test_rows_that_are_never_taken_went_in_too(tmp_path, monkeypatch):
    def idle(dialogues, generator, window):
        yield from conversation.converse((next(dialogues) for _ in range(2)), generator, window)

    monkeypatch.setattr("hf_selfdemo.methods.demonstrations.converse", idle)
    with pytest.raises(RowsLost, match="4 of 6 rows vanished"):
        run(tmp_path, rows=iter(ROWS))


@pytest.mark.parametrize("strategy", [RaIt(), REPLAYING], ids=["one", "several"])
@pytest.mark.parametrize(("owner", "name"), [(Spool, "read"), (ParquetRows, "flush")])
def test_a_merge_that_loses_a_row_is_found(tmp_path, monkeypatch, owner, name, strategy):
    """Between what was judged and what is on the disk."""
    if owner is Spool:
        monkeypatch.setattr(Spool, "read", losing(Spool.read, "read"))
    else:
        whole = ParquetRows.flush

        def flush(self):
            del self._rows[2:3]
            whole(self)

        monkeypatch.setattr(ParquetRows, "flush", flush)
    with pytest.raises(RowsLost, match="1 of 6 rows vanished while demonstrating"):
        run(tmp_path, strategy)
    assert not (tmp_path / "manifest.json").exists()


def test_a_further_row_that_is_lost_is_found(tmp_path, monkeypatch):
    whole = ParquetRows.write
    monkeypatch.setattr(
        ParquetRows, "write", lambda self, row: None if row["id"] == "q1#closed_book" else whole(self, row)
    )
    with pytest.raises(RowsLost, match="11 demonstrations should be in the dataset, but it has 10"):
        run(tmp_path, REPLAYING)
    assert not (tmp_path / "manifest.json").exists()


def test_a_prediction_that_is_missing_is_found(monkeypatch):
    monkeypatch.setattr("hf_selfdemo.evaluation.predict.converse", losing(conversation.converse, "converse"))
    with pytest.raises(RowsLost, match="rows vanished while evaluating rag"):
        predict(ROWS, ScriptedGenerator(), AnswerMatchJudge(), "rag")


def test_a_retriever_that_has_no_result_for_a_question_is_refused():
    class Forgetful:
        def retrieve(self, questions, k):
            return [()] * (len(questions) - 1)

    for collect, asked in ((collect_evidence, [row.question for row in ROWS]), (leave_gold_out, ROWS)):
        with pytest.raises(UserError, match=r"the retriever returned \d results for \d questions: return one result"):
            collect(asked, Forgetful(), 2)


def test_what_comes_twice_is_found():
    with pytest.raises(RowsLost, match="1 more rows came out than went in while testing: 'a'"):
        account_for(["a", "b"], ["b", "a", "a"], "testing")


# through the command


@pytest.fixture
def recipe(model_folder, tmp_path):
    return [
        *(f"--output_dir={tmp_path / 'run'}", f"--model_name_or_path={model_folder}", "--method=ra_it"),
        *("--max_train_questions=4", "--max_train_unanswerable=0", "--max_test_questions=3"),
        *("--max_test_unanswerable=0", "--max_answer_tokens=4", "--evaluate_modes", "rag", "--lora_r=2", "--use_cpu"),
        *("--on_policy_rows=0", "--meter_rows=0", "--num_train_epochs=1", "--passages_per_question=2"),
    ]


@pytest.fixture
def told(capsys):
    """The line with which a command ends that has found a bug."""

    def line(*arguments):
        assert main(list(arguments)) == 1
        return capsys.readouterr().err.strip().splitlines()[-1]

    return line


def test_a_shard_that_loses_a_row_says_so(recipe, told, monkeypatch):
    monkeypatch.setattr("hf_selfdemo.verbs.demonstrate.converse", losing(conversation.converse, "converse"))
    line = told("demonstrate", *recipe, "--shard=0/1")
    assert "RowsLost: 1 of 4 rows vanished while asking shard 0/1, neither kept nor named" in line


def test_training_on_fewer_rows_than_there_are_says_so(recipe, told, monkeypatch):
    assert main(["demonstrate", *recipe]) == 0
    made = train._trainer

    def fewer(recipe, start, dataset, *rest):
        return made(recipe, start, dataset.select([0, 1, 3]), *rest)

    monkeypatch.setattr(train, "_trainer", fewer)
    assert "RowsLost: 1 of 4 rows vanished while making the trainer" in told("train", *recipe)


def test_a_trainer_that_drops_a_row_says_so(recipe, told, monkeypatch):
    from trl import SFTTrainer

    assert main(["demonstrate", *recipe]) == 0
    init = SFTTrainer.__init__

    def dropping(self, *args, train_dataset, **kwargs):
        init(self, *args, train_dataset=train_dataset.select([0, 1, 3]), **kwargs)

    monkeypatch.setattr(SFTTrainer, "__init__", dropping)
    assert "RowsLost: 1 of 4 rows vanished while" in told("train", *recipe)


def test_a_preflight_that_passes_over_a_row_says_so(recipe, told, monkeypatch):
    from hf_selfdemo.training.preflight.content import Texts

    assert main(["demonstrate", *recipe]) == 0
    usable, seen = Texts.usable, []
    monkeypatch.setattr(Texts, "usable", lambda self, row: usable(self, row) and bool(seen.append(0) or len(seen) != 3))
    assert "RowsLost: 1 of 4 rows were lost in the preflight without a message" in told("preflight", *recipe)


def test_replies_that_never_reach_the_disk_are_found(recipe, told, monkeypatch, model_folder):
    write = evaluated.write_predictions
    monkeypatch.setattr("hf_selfdemo.verbs.evaluate.write_predictions", lambda *a: write(*a[:3], a[3][:2]))
    line = told("evaluate", *recipe, "--adapters", f"copy={model_folder}")
    assert "RowsLost: 1 of 3 rows vanished while writing predictions/base.rag.jsonl" in line


def test_the_shards_of_a_run_are_all_of_its_rows(recipe, tmp_path, monkeypatch):
    asked = []

    def counted(dialogues, generator, window):
        for judged in conversation.converse(dialogues, generator, window):
            asked.append(judged.evidence.id)
            yield judged

    monkeypatch.setattr("hf_selfdemo.verbs.demonstrate.converse", counted)
    for shard in ("0/3", "1/3", "2/3"):
        assert main(["demonstrate", *recipe, f"--shard={shard}"]) == 0
    assert main(["demonstrate", *recipe]) == 0
    made = [json.loads(line)["id"] for line in (tmp_path / "run/demonstrations/candidates.jsonl").open()]
    assert sorted(asked) == sorted(made) and len(made) == 4
