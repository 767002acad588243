"""The methods that make their own data, from `run` to a table, and again without a call."""

import pytest
from datasets import load_dataset

from hf_selfdemo.generation.scripted import ScriptedGenerator
from hf_selfdemo.recipe import engine
from hf_selfdemo.verbs import demonstrate, questions
from hf_selfdemo.verbs.cli import main

PEOPLE = {"pump": "Ada Storm", "mill": "Bo Lind", "wheel": "Cy Holm", "saw": "Di Berg", "lock": "Ed Falk"}
METHODS = {
    "self_demo": ["--rag_candidates=1", "--closed_book_candidates=0", "--refusal_candidates=1"],
    "pa_rag": ["--answers_per_question=2", "--replay_rows=3", "--domain_tag=[works]"],
    "knowledge_packing": ["--probes=2", "--extra=rephrased"],
    "d_ar": ["--noise_ratio=0.3"],
    "info_rag": [],
    "reflection_tuning": [],
    "self_rag": ["--retrieve=adaptive", "--paragraphs=2"],
}
KINDS = {
    "self_demo": {""},
    "pa_rag": {"", "chat"},
    "knowledge_packing": {"whole_chat"},
    "d_ar": {"", "document"},
    "info_rag": {"continuation"},
    "reflection_tuning": {""},
    "self_rag": {"reflection"},
}
"""Kinds of the rows; "" is a reply to its question."""

SMALL = [
    *("--passages_per_question=2", "--max_answer_tokens=3", "--evaluate_modes", "rag", "--evaluate_signals=false"),
    *("--max_steps=2", "--per_device_train_batch_size=2", "--lora_r=2", "--use_cpu", "--on_policy_rows=0"),
    *("--meter_rows=0", "--question_passes=1", "--unanswerable_passes=1", "--test_documents_share=0.4"),
]


def said(request):
    """A model that writes good questions, answers from passages, and knows nothing without them."""
    prompt = request.messages[-1]["content"]
    asked = prompt.rpartition("\n\n")[2] if request.stage == "rag_check" else prompt
    thing = next((one for one in PEOPLE if one in asked), "pump")
    who = PEOPLE[thing]
    replies = {
        "answerable_question": f"Question: Who built the {thing}?\nAnswer: {who}",
        "unanswerable_question": f"Question: Who paid for the {thing}?",
        "stated_check": "No",
        "closed_book_check": "I do not know.",
        "refusal": "I do not know.",
        "question_reflection": f"It is short. [New question] Who was the builder of the {thing}?",
        "answer_reflection": f"It is bare. [Better answer] {who}",
        "replay": "Here is what you asked for.",
    }
    if request.stage == "closed_book":
        return f"Who made the {thing}?" if "/rephrased/" in request.id else "Nobody knows."
    return replies.get(request.stage, f"It was {who}.")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "handbook").mkdir()
    for year, (thing, who) in enumerate(PEOPLE.items(), 1901):
        text = f"The {thing} was built by {who} in {year}. It works for the whole valley, day and night."
        (tmp_path / "handbook" / f"{thing}.md").write_text(f"# The {thing}\n\n{text}\n")
    return tmp_path / "handbook"


@pytest.fixture
def flags(folder, tmp_path, model_folder):
    return [f"--output_dir={tmp_path / 'run'}", f"--model_name_or_path={model_folder}", f"--documents={folder}", *SMALL]


@pytest.fixture(autouse=True)
def calls(monkeypatch):
    """Ids of all requests that were really sent; the scripted model writes in place of the tiny one."""
    sent = []

    def counted(request):
        sent.append(request.id)
        return said(request)

    real = engine.open_engine

    def opened(recipe, model):
        made = real(recipe, model)
        made.generator.generator = ScriptedGenerator(counted)
        return made

    for module in (questions, demonstrate):
        monkeypatch.setattr(module, "open_engine", opened)
    return sent


@pytest.mark.parametrize("method", METHODS)
def test_run_ends_with_a_trained_model_and_a_table_and_asks_nothing_twice(
    method, flags, calls, manifest, capsys, tmp_path
):
    run = ["run", *flags, f"--method={method}", *METHODS[method]]
    assert main(run) == 0
    assert "correct, answerable" in (tmp_path / "run/evaluation/table.md").read_text()
    assert (tmp_path / "run/model/adapter_model.safetensors").exists()
    rows = load_dataset("parquet", data_files=str(tmp_path / "run/demonstrations/train.parquet"), split="train")
    assert {row.get("kind") or "" for row in rows} == KINDS[method]
    assert manifest("model")["rows_trained"] == len(rows) > 0
    asked = len(calls)
    assert asked > 0
    capsys.readouterr()
    assert main(run) == 0
    assert len(calls) == asked
    assert "made now: " not in capsys.readouterr().err.replace("made now: no call", "")
    assert all(not usage["calls"] for usage in manifest("evaluation")["usage"].values())
    capsys.readouterr()
    push = ["push", *run[1:], "--dry_run", "--hub_base_model=me/base", "--source_license=mit"]
    assert main([*push, "--artefacts", "dataset", "model"]) == 0
    cards = "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "run/hub/preview").glob("*.md"))
    for kind in KINDS[method] - {""}:
        assert f"| `{kind}` |" in cards and kind in manifest("model")["preflight"]["samples"]
    assert cards.count(f"made by the method `{method}`") == (0 if method == "self_demo" else 2)
    assert ("**The model saw the gold answer" in cards) == (method == "reflection_tuning")
    made = load_dataset("parquet", data_files=str(tmp_path / "run/hub/dataset/structured/*"), split="train")
    assert made.to_list() == rows.to_list()
    if method == "pa_rag":  # a stock trainer shows the tag, too
        asked = load_dataset("parquet", data_files=str(tmp_path / "run/hub/dataset/sft/*"), split="train")["prompt"]
        assert asked and all("Question: [works] " in prompt[0]["content"] for prompt in asked)
    outcomes = manifest("demonstrations")["outcomes"]
    named = {f"{kind.replace('_', ' ')} rows" for kind in KINDS[method] - {""}}
    assert {name for name in outcomes if name.endswith(" rows")} == named
    assert len(load_dataset("parquet", data_files=str(tmp_path / "run/hub/dataset/candidates/*"), split="train"))
