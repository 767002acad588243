"""A pushed model loads by its name, answers to the prompt on its card, and its card tells what training changed."""

import io
import json
import shutil
from contextlib import redirect_stdout
from dataclasses import replace
from itertools import product
from pathlib import Path

import huggingface_hub
import pytest
import torch
import yaml
from huggingface_hub import ModelCard, parse_eval_result_entries
from made_up_run import Page, code_blocks, evidence, written
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.manifest import read_json, write_json
from hf_selfdemo.core.types import Passage, Prediction
from hf_selfdemo.evaluation.evaluated import Evaluation, comparison_of, write_manifest, write_predictions, write_rows
from hf_selfdemo.evaluation.report import markdown_table
from hf_selfdemo.generation.tuned import POINT_FILE
from hf_selfdemo.hub.model import model_artefact
from hf_selfdemo.hub.results import FIGURES
from hf_selfdemo.methods.answering import PromptAnswerer
from hf_selfdemo.methods.at_point import write_point
from hf_selfdemo.methods.method import METHOD_FILE
from hf_selfdemo.prompting.chat import encode_prompt, stop_token_id
from hf_selfdemo.prompting.prompts import TEMPLATES, render
from hf_selfdemo.scoring.certified import Bound
from hf_selfdemo.scoring.confidence import Mix
from hf_selfdemo.scoring.operating_point import REFUSAL, Aim, OperatingPoint
from hf_selfdemo.verbs.cli import main

KEYS = {"base_model": "base/tiny", "dataset_id": "me/demos", "license": "apache-2.0"}
SMALL = [
    *("--method=ra_it", "--passages_per_question=2", "--max_train_questions=4", "--max_train_unanswerable=0"),
    *("--max_test_questions=3", "--max_test_unanswerable=2", "--max_answer_tokens=4", "--num_train_epochs=2"),
    *("--per_device_train_batch_size=2", "--learning_rate=0.05", "--lora_r=2", "--use_cpu", "--on_policy_rows=0"),
    "--meter_rows=2",
]
ROWS = evidence(8)


@pytest.fixture(scope="module")
def run(model_folder, tmp_path_factory):
    """Demonstrations, an adapter and an evaluation, of the tiny model."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    assert main(["run", f"--output_dir={folder}", f"--model_name_or_path={model_folder}", *SMALL]) == 0
    return folder


@pytest.fixture(scope="module")
def artefact(run):
    return model_artefact(run, "me/tuned", **KEYS)


@pytest.fixture
def repositories(model_folder, tmp_path, monkeypatch):
    """Writes an artefact where its Hub id leads to from here, beside the base model."""

    def write(made):
        shutil.copytree(model_folder, tmp_path / "base/tiny")
        written(made, tmp_path / made.repo_id)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(huggingface_hub, "hf_hub_download", lambda name, file: str(Path(name) / file))

    return write


def said_by(card):
    """What the code on a card prints."""
    [code] = code_blocks(card)
    with redirect_stdout(io.StringIO()) as out:
        exec(compile(code, "card", "exec"), found := {})
    return out.getvalue().rstrip("\n"), found


def test_only_what_others_need_goes_up(artefact, run):
    assert set(artefact.files) == {
        "README.md", "prompt.jinja", "adapter_config.json", "adapter_model.safetensors", "tokenizer.json",
        "tokenizer_config.json", "chat_template.jinja", "generation_config.json", "method.json",
    }  # fmt: skip
    left = {path.name for path in (run / "model").iterdir()} - {*artefact.files}
    assert {"manifest.json", "run.json"} <= left, "there is something to leave out"


def test_the_recipe_on_the_card_says_what_ended_training(artefact, run, tmp_path):
    assert "num_train_epochs: 2.0\n" in artefact.files["README.md"]
    assert "train_tokens" not in artefact.files["README.md"]
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    manifest = read_json(copy / "model/manifest.json")
    manifest["settings"] |= {"train_tokens": 500}
    write_json(copy / "model/manifest.json", manifest)
    card = model_artefact(copy, "me/tuned", **KEYS).files["README.md"]
    assert "train_tokens: 500\n" in card and "num_train_epochs" not in card


def test_the_card_says_how_long_passages_were(artefact):
    assert "2 passages each, of at most 100 words;" in artefact.files["README.md"]


def test_the_code_on_the_card_runs_and_asks_as_training_did(artefact, repositories, tokenizer):
    repositories(artefact)
    said, found = said_by(artefact.files["README.md"])
    passages = [Passage("", p["text"], p["title"]) for p in found["passages"]]
    assert found["inputs"]["input_ids"][0].tolist() == encode_prompt(
        tokenizer, render("rag", found["question"], passages)
    )
    assert type(found["model"]).__name__ == "PeftModelForCausalLM" and len(said) > 0
    assert found["model"].peft_config["default"].base_model_name_or_path == "base/tiny"


def test_a_model_that_is_asked_in_several_calls_has_code_for_that_and_no_prompt(
    run, repositories, tmp_path, monkeypatch
):
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    keys = {"view_tokens": 2, "reasoning_tokens": 2, "temperature": 0.0}
    write_json(copy / "model" / METHOD_FILE, {"method": "active_rag", "keys": keys})
    manifest = read_json(copy / "model/manifest.json")
    write_json(copy / "model/manifest.json", {key: value for key, value in manifest.items() if key != "files"})
    made = model_artefact(copy, "me/tuned", **KEYS)
    assert "prompt.jinja" not in made.files and "up to 9 calls per question" in made.files["README.md"]
    repositories(made)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda name: name)
    said, found = said_by(made.files["README.md"])
    assert len(found["answer"].trace) == 9 and said == found["answer"].text


@pytest.fixture
def with_point(run, tmp_path):
    """A copy of the run whose model keeps an operating point that declines everything."""

    def made(*signals, threshold=0.6):
        copy = tmp_path / "run with point"
        shutil.copytree(run, copy, dirs_exist_ok=True)
        bound = Bound("hallucination_rate", 3, 80, 0.9, 0.1)
        point = OperatingPoint(Aim("hallucination", 0.1), Mix(signals, 0.0), threshold, (bound,))
        write_point(copy / "model", point, PromptAnswerer(), 32, {})
        return copy

    return made


@pytest.mark.parametrize("merge", [False, True])
@pytest.mark.parametrize(("threshold", "declines"), [(0.6, True), (0.4, False)])
def test_an_operating_point_goes_up_and_the_card_applies_it(
    with_point, repositories, tmp_path, monkeypatch, merge, threshold, declines
):
    run = with_point(threshold=threshold)
    made = model_artefact(run, "me/tuned", **KEYS, merge_adapter=merge, folder=tmp_path / "made" if merge else None)
    card = " ".join(made.files["README.md"].split())
    assert "chosen for hallucination rate at most 0.1 on dev questions" in card
    assert f"is at least {threshold:.3f}" in card
    assert "hallucination rate at most .100 with level .9, for questions like the 80 that were counted (errors" in card
    repositories(made)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda name: name)
    code = code_blocks(made.files["README.md"])[1]
    with redirect_stdout(io.StringIO()) as out:
        exec(compile(code, "card", "exec"), found := {})
    assert (found["answer"].text == REFUSAL) is declines and found["answer"].confidence == 0.5
    assert out.getvalue() == f"{found['answer'].text} 0.5\n"


def test_the_card_says_whose_scores_an_operating_point_counts_on(with_point):
    card = model_artefact(with_point(("retriever_score", 1.0)), "me/tuned", **KEYS).files["README.md"]
    assert "a logistic regression on retriever&#95;score" in card or "a logistic regression on retriever_score" in card
    assert "depends on the scores of the retriever in the evaluation (`bm25`)" in card


def test_a_point_of_another_training_does_not_go_up(with_point, tmp_path):
    run = with_point()
    told = read_json(run / "model" / POINT_FILE)
    write_json(run / "model" / POINT_FILE, told | {"weights": "0123456789abcdef"})
    with pytest.raises(UserError, match="chosen for other weights"):
        model_artefact(run, "me/tuned", **KEYS)


def test_a_merged_model_says_what_base_and_adapter_say(run, artefact, repositories, tmp_path):
    merged = model_artefact(run, "me/merged", **KEYS, merge_adapter=True, folder=tmp_path / "made")
    names = {"adapter_config.json", "adapter_model.safetensors"}
    assert set(artefact.files) - names | {"config.json", "model.safetensors"} == set(merged.files)
    repositories(merged)
    written(artefact, tmp_path / "me/tuned")
    said, found = said_by(merged.files["README.md"])
    own, with_adapter = said_by(artefact.files["README.md"])
    assert type(found["model"]).__name__ == "LlamaForCausalLM" and said == own
    with torch.no_grad():
        logits, theirs = (one["model"](**found["inputs"]).logits for one in (found, with_adapter))
        base = AutoModelForCausalLM.from_pretrained("base/tiny")(**found["inputs"]).logits
    assert torch.allclose(logits, theirs, atol=1e-4) and not torch.allclose(logits, base, atol=1e-2)
    data = ModelCard(merged.files["README.md"]).data.to_dict()
    assert data["library_name"] == "transformers" and data["base_model_relation"] == "finetune"


def test_tokenizer_chat_template_and_generation_settings_are_inside(artefact, tmp_path, tokenizer):
    folder = written(artefact, tmp_path / "repository")
    assert AutoTokenizer.from_pretrained(folder).chat_template == tokenizer.chat_template
    settings = GenerationConfig.from_pretrained(folder)
    assert settings.do_sample is False and settings.eos_token_id == [stop_token_id(tokenizer)]
    assert not {"is_local", "name_or_path"} & set(json.loads(artefact.files["tokenizer_config.json"]))


def test_the_prompt_in_the_repository_is_the_packages_own():
    import jinja2

    for passages in ([], [Passage("1", "It is.", "T"), Passage("2", "{{ 7 }}\n\n- x ", "")]):
        made = jinja2.Template(PromptAnswerer().template(), trim_blocks=True, lstrip_blocks=True)
        text = made.render(question="Who?", passages=passages).strip()
        assert text == render("rag", "Who?", passages, TEMPLATES)[0]["content"]


def test_the_card_is_valid_and_shows_before_and_after(artefact, run):
    card = ModelCard(artefact.files["README.md"])
    assert (
        card.data.base_model == "base/tiny" and card.data.library_name == "peft" and card.data.datasets == ["me/demos"]
    )
    runs = comparison_of(Evaluation(run / "evaluation"), ["base", "tuned"]).runs
    assert markdown_table({"base": runs["base"], "this model": runs["tuned"]}) in card.text
    figures = read_json(run / "evaluation/figures.json")["columns"]["tuned"]["rag"]
    expected = {key: round(figures[key]["value"], 4) for key in FIGURES if figures[key]["value"] is not None}
    assert {one.metric_type: one.metric_value for one in card.data.eval_results} == expected and expected
    assert {one.dataset_split for one in card.data.eval_results} == {"test"}
    page = Page(artefact.files["README.md"])
    assert page.headings == [
        "tuned", "How to use it", "What training changed", "How it was trained", "Intended use and limits", "Citation",
    ]  # fmt: skip
    assert "learning_rate: 0.05\n" in page.text and "lora_r: 2\n" in page.text and "5 test questions" in page.text
    assert "chosen: training targets" in page.text, "the on-policy figures, which training measured"


def test_results_for_a_benchmark_are_entries_that_the_hub_reads(run):
    made = model_artefact(run, "me/tuned", **KEYS, benchmark="me/questions")
    entries = parse_eval_result_entries(yaml.safe_load(made.files[".eval_results/selfdemo.yaml"]))
    results = {one.metric_type: one.metric_value for one in ModelCard(made.files["README.md"]).data.eval_results}
    assert {entry.task_id: entry.value for entry in entries} == results and len(results) >= 4
    assert {entry.dataset_id for entry in entries} == {"me/questions"}
    assert all("95% interval" in entry.notes and "5 rows" in entry.notes for entry in entries)


def test_no_path_of_this_machine_goes_up(artefact, run, model_folder):
    for name, content in artefact.files.items():
        held = content.encode() if isinstance(content, str) else content.read_bytes()
        assert str(run).encode() not in held and model_folder.encode() not in held, name


def test_without_an_evaluation_the_card_says_so(run, tmp_path):
    made = model_artefact(run, "me/tuned", **KEYS, evaluation=tmp_path, benchmark="me/questions")
    assert "No evaluation was made." in made.files["README.md"] and ".eval_results/selfdemo.yaml" not in made.files
    assert "model-index" not in ModelCard(made.files["README.md"]).data.to_dict()


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"base_model": ""}, "is not a Hub id: set hub_base_model"),
        ({"base_model": "/models/tiny"}, "'/models/tiny' is not a Hub id"),
        ({"repo_id": "tuned"}, "'tuned' is not a repository id"),
        ({"column": "other"}, "contains no evaluation of this model, 'other' is another training"),
        ({"benchmark": "questions"}, "'questions' is not a repository id"),
    ],
)
def test_mistakes_are_one_line(run, keys, message):
    with pytest.raises(UserError, match=message):
        model_artefact(run, **{"repo_id": "me/tuned"} | KEYS | keys)


@pytest.fixture
def copied(run, tmp_path):
    return Path(shutil.copytree(run, tmp_path / "copy"))


def changed(path, change):
    content = read_json(path)
    change(content)
    write_json(path, content)


def test_results_of_another_training_are_not_shown_as_this_ones(copied):
    changed(copied / "model/manifest.json", lambda found: found["metrics"].update(train_runtime=1e9))
    with pytest.raises(UserError, match="contains no evaluation of this model"):
        model_artefact(copied, "me/tuned", **KEYS)


def test_results_of_other_weights_are_not_shown_as_this_ones(copied):
    weights = copied / "model/adapter_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(UserError, match=r"adapter_model\.safetensors was changed since it was written"):
        model_artefact(copied, "me/tuned", **KEYS)
    changed(copied / "model/manifest.json", lambda found: found.pop("files"))  # as earlier versions wrote it
    with pytest.raises(UserError, match="contains no evaluation of this model"):
        model_artefact(copied, "me/tuned", **KEYS)


def test_results_under_other_prompts_are_not_shown(copied):
    changed(copied / "evaluation/manifest.json", lambda found: found["settings"].update(templates="others"))
    with pytest.raises(UserError, match="used other prompts than those of this version: run"):
        model_artefact(copied, "me/tuned", **KEYS)


def test_replies_that_changed_since_are_not_trusted(copied):
    path = copied / "evaluation/predictions/tuned.rag.jsonl"
    path.write_text(path.read_text().replace('"incorrect"', '"correct"') + "\n")
    with pytest.raises(UserError, match=r"tuned\.rag\.jsonl has changed since the evaluation"):
        model_artefact(copied, "me/tuned", **KEYS)


def test_an_evaluation_of_an_earlier_version_is_to_be_made_again(copied):
    write_json(copied / "evaluation/manifest.json", {"settings": {}, "models": {}})
    with pytest.raises(UserError, match="is from an earlier version, which saved no rows"):
        model_artefact(copied, "me/tuned", **KEYS)


def test_weights_of_somebody_else_are_neither_lost_nor_pushed_with_merged_ones(copied, tmp_path):
    mine = copied / "hub/model/mine.safetensors"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    with pytest.raises(UserError, match=r"mine\.safetensors was not written by this run"):
        model_artefact(copied, "me/tuned", **KEYS, merge_adapter=True)
    assert mine.read_text() == "mine"
    mine.unlink()
    for _ in range(2):
        assert "model.safetensors" in model_artefact(copied, "me/tuned", **KEYS, merge_adapter=True).files


def test_a_base_that_changed_is_not_merged_with(copied, tmp_path):
    changed(copied / "model/manifest.json", lambda found: found["settings"].update(base="another"))
    with pytest.raises(UserError, match="has changed since the adapter was trained: use the adapter"):
        model_artefact(copied, "me/tuned", **KEYS, merge_adapter=True)


def test_a_training_that_was_not_finished_is_refused(copied):
    (copied / "model/manifest.json").unlink()
    with pytest.raises(UserError, match="contains no finished training"):
        model_artefact(copied, "me/tuned", **KEYS)


def test_a_model_trained_whole_goes_up_whole(model_folder, repositories, tmp_path):
    recipe = [f"--output_dir={tmp_path / 'run'}", f"--model_name_or_path={model_folder}", *SMALL]
    recipe = [key for key in recipe if "lora" not in key]
    assert main(["demonstrate", *recipe]) == 0 and main(["train", *recipe, "--use_peft=false"]) == 0
    made = model_artefact(tmp_path / "run", "me/whole", base_model="base/tiny")
    assert {"config.json", "model.safetensors"} <= set(made.files) and "adapter_config.json" not in made.files
    assert str(tmp_path) not in made.files["config.json"] and "LoRA" not in made.files["README.md"]
    with pytest.raises(UserError, match="contains no adapter to merge"):
        model_artefact(tmp_path / "run", "me/whole", base_model="base/tiny", merge_adapter=True)
    repositories(made)
    said, found = said_by(made.files["README.md"])
    assert type(found["model"]).__name__ == "LlamaForCausalLM" and said


ABSENT = list(product(
    (("rag", "closed_book"), ("rag",), ("closed_book",)),
    (True, False, None),
    (("correct", "incorrect", "abstain"), ("unscored",), ("unscored", "correct"), ("abstain",)),
))  # fmt: skip


@pytest.mark.parametrize(("modes", "holds", "labels"), ABSENT)
def test_a_figure_that_is_absent_is_left_out_of_the_card(run, tmp_path, modes, holds, labels):
    folder = evaluated(run, tmp_path / "evaluation", dict.fromkeys(("base", "tuned"), modes), holds, labels)
    made = model_artefact(run, "me/tuned", **KEYS, evaluation=folder, benchmark="me/questions")
    text, scored = Page(made.files["README.md"]).text, "rag" in modes and labels != ("unscored",)
    assert ("It abstains" in text) == scored and ("correctly (base model" in text) == scored
    assert ("where no passage contains the answer." in text) == (scored and holds is not True)
    assert ("where a passage contains it." in text) == (scored and holds is not False)
    assert ("2 passages each" in text) == ("rag" in modes) == ("In context means" in text)
    assert ("Closed-book means without passages" in text) == ("closed_book" in modes)
    assert ("without unscored replies" in text) == (scored and "unscored" in labels)
    assert not [one for one in ModelCard(made.files["README.md"]).data.eval_results or () if one.metric_value is None]


def evaluated(run, folder, modes, holds=None, labels=("correct",), judges=("answer_match", "answer_match")):
    """An evaluation of the run's model with given labels, by column and mode."""
    real = read_json(run / "evaluation/manifest.json")
    rows = [replace(row, answer_in_context=i % 2 == 0 if holds is None else holds) for i, row in enumerate(ROWS)]
    write_rows(folder, rows)
    by_column = {key: {} for key in ("models", "judges", "usage", "reused", "training")}
    for (name, asked), judge in zip(modes.items(), judges, strict=True):
        for mode in asked:
            write_predictions(folder, name, mode, [
                Prediction(row.id, mode, "It.", labels[i // 2 % len(labels)], True, row.answer_in_context)
                for i, row in enumerate(rows)
            ])  # fmt: skip
        one = {key: {name: real[key][name]} for key in by_column} | {"judges": {name: {"name": judge}}}
        about = {key: real[key] for key in ("title", "base_model", "settings", "data", "recall")}
        write_manifest(folder, asked, one, about)
    return folder


def test_two_models_are_told_of_in_the_modes_that_both_were_asked_in(run, tmp_path):
    modes = {"base": ("rag", "closed_book"), "tuned": ("closed_book",)}
    made = model_artefact(run, "me/tuned", **KEYS, evaluation=evaluated(run, tmp_path / "one", modes))
    assert "correctly (base model" not in made.files["README.md"] and "Closed-book" in made.files["README.md"]
    folder = evaluated(run, tmp_path / "none", {"base": ("rag",), "tuned": ("closed_book",)})
    with pytest.raises(UserError, match="the base model and 'tuned' have no mode in common: run"):
        model_artefact(run, "me/tuned", **KEYS, evaluation=folder)


def test_two_models_with_different_judges_are_no_comparison(run, tmp_path):
    both = dict.fromkeys(("base", "tuned"), ("rag",))
    folder = evaluated(run, tmp_path / "evaluation", both, judges=("answer_match", "llm_label"))
    with pytest.raises(UserError, match="the base model and 'tuned' were labelled by different judges: run"):
        model_artefact(run, "me/tuned", **KEYS, evaluation=folder)


@pytest.mark.parametrize(("column", "other"), [("base", "a trained model"), ("tuned", "the base model")])
def test_an_evaluation_of_one_model_alone_is_a_line(run, tmp_path, column, other):
    folder = evaluated(run, tmp_path / "evaluation", {column: ("rag",)}, judges=("answer_match",))
    with pytest.raises(UserError, match=f"contains no evaluation of {other}: run `hf-selfdemo evaluate` again"):
        model_artefact(run, "me/tuned", **KEYS, evaluation=folder)
