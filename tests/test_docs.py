"""Documents tell the truth: links lead somewhere, named recipes, keys and targets exist, examples run."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted(p for p in ROOT.rglob("*.md") if not {".venv", "runs"} & set(p.relative_to(ROOT).parts))


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_and_recipes_exist(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        assert (page.parent / target).exists(), target
    for recipe in re.findall(r"--config (recipes/\S+\.yaml)", text):
        assert (ROOT / recipe).exists(), recipe


def test_make_targets_in_the_documents_exist():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {t for page in PAGES for t in re.findall(r"`?make ([a-z]+)\b`", page.read_text(encoding="utf-8"))}
    assert named and named <= targets


def test_python_example_of_a_pipeline_runs():
    block = re.findall(r"```python\n(.*?)```", (ROOT / "docs/python.md").read_text(encoding="utf-8"), re.DOTALL)[0]
    scope = {}
    exec(block, scope)
    assert {"answer", "abstain"} == set(scope["dataset"]["outcome"])


def test_rows_of_the_readme_are_read(tmp_path):
    from hf_selfdemo import Passage, read_passages, read_questions

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    question, passage = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    [table] = re.findall(r"```\n(id,.*?)```", text, re.DOTALL)
    for name, rows in (("q.jsonl", question), ("q.csv", table), ("p.jsonl", passage)):
        (tmp_path / name).write_text(rows)
    read = read_questions(tmp_path / "q.jsonl"), read_questions(tmp_path / "q.csv", list_separator="|")
    assert read[0] == read[1] and read[0][0].answers == ("Ada Storm", "A. Storm")
    assert read_passages(tmp_path / "p.jsonl") == [Passage("p1", "Ada Storm built the hall in 1901.", "The hall")]


def test_python_examples_about_retrieval_run(capsys):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs/retrieval.md").read_text(encoding="utf-8"), re.DOTALL)
    for block in blocks:
        exec(block, {})
    assert capsys.readouterr().out.splitlines() == re.findall(r"^# (.*)", "".join(blocks), re.MULTILINE) != []


def test_python_example_of_a_trained_model_runs(model_folder, tmp_path, monkeypatch, capsys):
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    network = AutoModelForCausalLM.from_pretrained(model_folder)
    get_peft_model(network, LoraConfig(target_modules="all-linear")).save_pretrained(tmp_path / "runs/mine/model")
    AutoTokenizer.from_pretrained(model_folder).save_pretrained(tmp_path / "runs/mine/model")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs/python.md").read_text(encoding="utf-8"), re.DOTALL)
    [block] = [block for block in blocks if "AutoPeftModelForCausalLM" in block]
    exec(block, scope := {})
    assert scope["reply"].shape[1] > scope["ids"].shape[1] and "Ada Storm" in scope["tokenizer"].decode(scope["ids"][0])


def test_recipe_for_own_questions_parses(tmp_path):
    from hf_selfdemo.verbs.cli import parse

    block = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/running.md").read_text(encoding="utf-8"), re.DOTALL)[0]
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(block)
    assert parse(["--config", str(recipe)]).retrieval.train_twins == 100


def test_every_option_in_the_documents_is_known():
    import dataclasses

    from trl import ModelConfig

    from hf_selfdemo.core.loading import load
    from hf_selfdemo.methods import METHODS
    from hf_selfdemo.recipe.keys import GROUPS
    from hf_selfdemo.recipe.training_keys import OBJECTIVES

    groups = [*GROUPS, ModelConfig, *(load("objective", name, OBJECTIVES) for name in OBJECTIVES)]
    groups += [keys for name in METHODS for keys in load("method", name, METHODS).keys]
    known = {f.name for g in groups for f in dataclasses.fields(g)} | {"config", "help", "no", "vs"}
    for page in PAGES:
        for command in re.findall(r"hf-selfdemo \w+[^\n`]*", page.read_text(encoding="utf-8")):
            for option in re.findall(r"--([a-z_]+)", command):
                assert option in known, f"{page.name}: --{option}"
