"""No row is lost, repeated or leaked between questions and dataset, whatever interrupts the run."""

import json

import pytest

from hf_selfdemo.demonstrations import Judged, cap_abstentions, demonstrate, load_demonstrations
from hf_selfdemo.generation.scripted import ScriptedGenerator
from hf_selfdemo.judging.answer_match import AnswerMatchJudge
from hf_selfdemo.retrieval.bm25 import BM25Retriever
from hf_selfdemo.retrieval.evidence import collect_evidence, leave_gold_out
from hf_selfdemo.strategies.ra_it import RaIt
from hf_selfdemo.strategies.self_demo import SelfDemo
from hf_selfdemo.types import Demonstration


@pytest.fixture
def evidence(questions, passages):
    retriever = BM25Retriever(passages)
    rows = collect_evidence(questions[:20], retriever, 2)
    return rows + leave_gold_out(rows, retriever, 2)[:10]


@pytest.fixture
def scripted(questions):
    """Knows every second answer, and how to refuse when asked to."""
    answers = {q.text: q.answers[0] for q in questions[::2]}

    def reply(request):
        if request.source == "refusal":
            return f"The passages do not mention this. ({request.seed % 7})"
        text = request.messages[-1]["content"]
        return next((f"It is {a}." for q, a in answers.items() if q in text), "It is the moon.")

    return lambda: ScriptedGenerator(reply)


def run(evidence, generator, folder, **keys):
    return demonstrate(evidence, SelfDemo(), generator, AnswerMatchJudge(), folder, **keys)


def test_every_row_is_a_demonstration_or_has_a_named_reason(evidence, scripted, tmp_path):
    dataset = run(evidence, scripted(), tmp_path, max_abstain_share=0.4)
    skipped = [json.loads(line) for line in (tmp_path / "skipped.jsonl").open(encoding="utf-8")]
    assert sorted(dataset["id"]) + sorted(s["id"] for s in skipped) != []
    assert {*dataset["id"]} | {s["id"] for s in skipped} == {row.id for row in evidence}
    assert len(dataset) + len(skipped) == len(evidence)
    assert all(s["reason"] for s in skipped)


def test_right_answers_win_and_failures_abstain(evidence, scripted, tmp_path):
    dataset = run(evidence, scripted(), tmp_path)
    for row in dataset:
        known = any(a in row["response"] for a in row["answers"])
        assert row["outcome"] == ("answer" if known else "abstain")
    assert {"answer", "abstain"} == set(dataset["outcome"])


def test_saved_dataset_equals_the_returned_one_and_keeps_passages(evidence, scripted, tmp_path):
    dataset = run(evidence, scripted(), tmp_path)
    again = load_demonstrations(tmp_path)
    assert again.features == dataset.features and again.to_list() == dataset.to_list()
    assert again[0]["passages"][0]["text"] == evidence[0].passages[0].text


@pytest.mark.parametrize("killed_after", [0, 1, 3, 7])
def test_a_killed_run_goes_on_without_repeating_or_dropping(evidence, scripted, tmp_path, killed_after):
    undisturbed = run(evidence, scripted(), tmp_path / "a", window=3)

    class Killed(ScriptedGenerator):
        calls = 0

        def generate(self, requests):
            Killed.calls += 1
            if Killed.calls > killed_after:
                raise KeyboardInterrupt
            return super().generate(requests)

    with pytest.raises(KeyboardInterrupt):
        run(evidence, Killed(scripted().reply), tmp_path / "b", window=3)
    with (tmp_path / "b" / "candidates.jsonl").open("ab") as torn:
        torn.write(b'{"id": "torn", "candi')
    second = scripted()
    resumed = run(evidence, second, tmp_path / "b", window=3)
    assert resumed.to_list() == undisturbed.to_list()
    assert second.usage.calls == 9 * (len(evidence) - 3 * killed_after)
    assert (tmp_path / "a/train.parquet").read_bytes() == (tmp_path / "b/train.parquet").read_bytes()


def test_no_gold_answer_in_any_request(evidence, tmp_path):
    from dataclasses import replace

    rows = [replace(r, question=replace(r.question, answers=("SENTINEL",))) for r in evidence]
    asked = []
    generator = ScriptedGenerator(lambda request: asked.append(str(request)) or "no idea")
    run(rows, generator, tmp_path)
    assert len(asked) == 9 * len(rows) and not any("SENTINEL" in text for text in asked)


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 0.9, 1.0])
def test_share_of_abstentions_is_capped_and_said(evidence, scripted, tmp_path, share):
    dataset = run(evidence, scripted(), tmp_path, max_abstain_share=share)
    abstain = dataset["outcome"][:].count("abstain")
    assert abstain <= share * len(dataset) + 1e-9
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    left_out = manifest["skipped"].get(f"abstention over max_abstain_share {share:g}", 0)
    assert left_out + len(dataset) == len(evidence)
    if share == 0.25:
        assert left_out > 0 and abstain > 0


def test_cap_keeps_everything_when_there_is_no_answer_to_balance(row):
    refusal = Demonstration(row, "I don't know.", "abstain", "refusal")
    judged = [Judged(row, [], [], refusal)] * 3
    assert cap_abstentions(judged, 0.5, seed=0) == judged


def test_replay_rows_are_closed_book_and_the_models_own_words(evidence, scripted, tmp_path):
    dataset = run(evidence, scripted(), tmp_path, replay_share=0.25)
    replays = dataset.filter(lambda r: r["mode"] == "closed_book")
    assert len(replays) == round(0.25 * (len(dataset) - len(replays)))
    for row in replays:
        own = [c["text"] for c in row["candidates"] if c["source"] == "closed_book"]
        assert row["response"] in own and row["passages"] == []
    assert len(set(dataset["id"])) == len(dataset)


def test_the_baseline_needs_no_generation(evidence, tmp_path):
    generator = ScriptedGenerator()
    dataset = demonstrate(evidence, RaIt(), generator, AnswerMatchJudge(), tmp_path)
    assert generator.usage.calls == 0
    assert all(row["response"] == row["answers"][0] for row in dataset)


def test_repeated_ids_are_refused(evidence, tmp_path):
    with pytest.raises(ValueError, match="not unique"):
        run([*evidence, evidence[0]], ScriptedGenerator(), tmp_path)
