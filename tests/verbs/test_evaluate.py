"""`hf-selfdemo evaluate`: what it says of rows without passages, of unscored replies, and of what it replaces."""

import json
import shutil

import pytest

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Evidence, Passage, Question
from hf_selfdemo.generation.beginnings import begins_with
from hf_selfdemo.methods.demonstrations import load_demonstrations
from hf_selfdemo.recipe.config import EvaluateArguments
from hf_selfdemo.scoring.refusal.openings import OPENINGS
from hf_selfdemo.verbs.cli import main
from hf_selfdemo.verbs.evaluate import recipe_modes

CHECK = ["--choice_questions=embedded", "--max_choice_questions=4"]


@pytest.fixture
def copy(gold, model_folder, tmp_path):
    """A recipe with one model besides the base, a copy of it."""
    shutil.copytree(model_folder, tmp_path / "copy")
    return [*gold, "--adapters", f"copy={tmp_path / 'copy'}"]


def test_another_judge_says_what_it_replaces_and_why_replies_are_unscored(copy, said, manifest):
    assert "replaced" not in said("evaluate", *copy) and manifest("evaluation")["unscored"]["base"] == {"rag": {}}
    told = said("evaluate", *copy, "--evaluate_judge=llm_label")
    assert "is judged again and replaced: evaluate_judge was 'answer_match', is 'llm_label'" in told
    reasons = manifest("evaluation")["unscored"]["copy"]["rag"]
    assert reasons == {"not finished": 3}, "four tokens are no whole reply"
    assert "unscored, copy rag: 3 not finished (truncated after max_answer_tokens)" in told
    assert "replaced" not in said("evaluate", *copy, "--evaluate_judge=llm_label")


def test_a_tournament_is_no_judge_of_single_replies(copy, refused, tmp_path):
    line = refused("evaluate", *copy, "--evaluate_judge=tournament")
    assert "use answer_match, llm_label or match_then_llm" in line and not (tmp_path / "run").exists()


def test_ability_figures_of_an_earlier_start_go_as_a_whole_and_not_silently(copy, said, tmp_path):
    folder = tmp_path / "run/evaluation"
    said("evaluate", *copy, *CHECK)
    assert (folder / "ability/copy.choices.jsonl").exists()
    (folder / "ability/gone.choices.jsonl").write_text("of a model that is no longer asked")
    said("evaluate", *copy, *CHECK)
    assert {path.name for path in (folder / "ability").iterdir()} == {"base.choices.jsonl", "copy.choices.jsonl"}
    told = said("evaluate", *copy)
    assert "are removed: neither choice_questions nor instruction_prompts is set" in told
    assert not (folder / "ability").exists() and "ability" not in json.loads((folder / "figures.json").read_text())


def test_other_test_questions_want_another_folder_and_the_way_there_is_told(copy, refused, tmp_path):
    assert main(["evaluate", *copy]) == 0
    line = refused("evaluate", *copy, "--max_test_questions=2")
    assert "belongs to another run: other test questions or passages: choose another output_dir" in line
    assert f"--adapters copy={tmp_path / 'copy'}" in line
    assert "base model" not in line, "only what differs is named"


def test_an_adapter_folder_that_is_not_there_is_named(gold, refused):
    line = refused("evaluate", *gold, "--adapters=mine=nowhere/adapter")
    assert "nowhere/adapter contains no trained model: check the path" in line


def test_an_adapter_is_not_judged_on_a_base_that_has_changed_since(gold, model_folder, refused, tmp_path):
    base = tmp_path / "base"
    shutil.copytree(model_folder, base)
    recipe = [*gold, f"--model_name_or_path={base}"]
    assert main(["demonstrate", *recipe]) == main(["train", *recipe]) == 0
    weights = base / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    line = refused("evaluate", *recipe)
    assert f"{base} has changed since the adapter in" in line and "train again" in line
    assert "belongs to another run: other base model" in refused("train", *recipe)


def test_replies_of_one_model_are_not_replaced_by_those_of_another_of_that_name(copy, refused, tmp_path):
    assert main(["evaluate", *copy]) == 0
    other = tmp_path / "other"
    shutil.copytree(tmp_path / "copy", other)
    before = (tmp_path / "run/evaluation/manifest.json").read_bytes()
    line = refused("evaluate", *copy, "--adapters", f"copy={other}")
    assert f"contains the replies of {tmp_path / 'copy'} as 'copy'" in line and f"--adapters other={other}" in line
    assert (tmp_path / "run/evaluation/manifest.json").read_bytes() == before
    assert main(["evaluate", *copy]) == main(["evaluate", *copy, "--adapters", f"other={other}"]) == 0


def test_a_model_that_was_trained_anew_in_its_place_is_told_when_its_replies_are_replaced(copy, said, tmp_path):
    (tmp_path / "copy/manifest.json").write_text("{}")
    assert "replaced" not in said("evaluate", *copy) and "replaced" not in said("evaluate", *copy)
    weights = tmp_path / "copy/model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    told = said("evaluate", *copy)
    assert "the replies of 'copy' in" in told and "have changed" in told


def test_without_a_trained_model_it_tells_how_to_name_one(gold, refused):
    line = refused("evaluate", *gold)
    assert "contains no trained model: run `hf-selfdemo train`" in line and "--adapters tuned=RUN/model" in line


@pytest.fixture
def unsearchable(tmp_path):
    """Questions and a corpus without blanks between words."""
    rows = [{"id": f"q{i}", "question": f"城市{i}的首都是哪里", "answers": ["北京"]} for i in range(3)]
    corpus = [{"id": f"p{i}", "text": f"城市{i}的首都是北京。"} for i in range(3)]
    for name, lines in (("q", rows), ("c", corpus)):
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        (tmp_path / f"{name}.jsonl").write_text(text, encoding="utf-8")
    return [
        *(f"--{part}_questions={tmp_path / 'q.jsonl'}" for part in ("train", "test")),
        *(f"--{part}_corpus={tmp_path / 'c.jsonl'}" for part in ("train", "test")),
    ]


@pytest.mark.parametrize(("verb", "folder"), [("demonstrate", "demonstrations"), ("evaluate", "evaluation")])
def test_rows_without_any_passage_are_warned_of(copy, unsearchable, said, manifest, verb, folder):
    told = said(verb, *copy, *unsearchable)
    assert "warning: no passage was found for 3 of 3 questions (the first is 'q0')" in told and "Chinese" in told
    assert manifest(folder)["recall"] == {"no_passage": 1.0} and "retrieval: no_passage 1.00" in told


def test_where_every_row_has_passages_nothing_is_warned_of():
    from hf_selfdemo.recipe.evidence import passages_warning

    found = Evidence(Question("q", "?"), (Passage("p", "text"),))
    twin = Evidence(Question("q", "?"), gold_removed=True)
    assert passages_warning([found, twin]) is None
    assert "1 of 2 questions (the first is 'r')" in passages_warning([found, Evidence(Question("r", "?"))])


@pytest.mark.parametrize("key", ["train_twins", "max_train_questions", "max_train_unanswerable"])
def test_a_number_below_all_is_a_slip(gold, refused, key, tmp_path):
    line = refused("demonstrate", *(flag for flag in gold if not flag.startswith(f"--{key}=")), f"--{key}=-5")
    assert f"{key} is -5: give -1 for all, or a number from 0" in line and not (tmp_path / "run").exists()


@pytest.mark.parametrize("key", ["max_abstain_share", "replay_share"])
def test_a_share_that_is_none_is_refused_before_anything_is_made(own, gold, refused, key, tmp_path):
    assert f"{key} is 50: give a share between 0 and 1" in refused("demonstrate", *own, f"--{key}=50")
    assert f"--{key} belongs to method 'self_demo', but method is 'ra_it'" in refused(
        "demonstrate", *gold, f"--{key}=1"
    )
    assert not (tmp_path / "run").exists()


def test_one_row_that_comes_to_nothing_is_told_in_whole_words(gold, said, tmp_path):
    row = {"id": "q0", "question": "Who built the bridge?", "answers": [], "answerable": True}
    (tmp_path / "q.jsonl").write_text(json.dumps(row) + "\n")
    told = said(
        "demonstrate",
        *gold,
        f"--train_questions={tmp_path / 'q.jsonl'}",
        "--train_corpus=embedded",
        "--on_policy_rows=0",
    )
    assert "1 row in, 0 demonstrations 1 left out: no gold answer to train on" in told


def test_settings_can_be_chosen_on_held_out_questions_without_seeing_test(copy, said, manifest, refused, tmp_path):
    assert "evaluate_on: 'training' is unknown" in refused("evaluate", *copy, "--evaluate_on=training")
    assert "no dev questions" in refused("evaluate", *copy, "--evaluate_on=dev")
    said(
        "evaluate",
        *copy,
        "--evaluate_on=dev",
        "--held_out_share=0.3",
        *("--max_dev_questions=2", "--max_dev_unanswerable=1"),
    )
    data = manifest("evaluation_dev")["data"]
    assert data["held_out_share"] == 0.3 and "max_dev_questions" in data and "max_test_questions" not in data
    said("evaluate", *copy)
    assert "max_test_questions" in manifest("evaluation")["data"]
    said("evaluate", *copy, "--evaluate_on=dev", "--compare", "base", "copy")
    compared = json.loads((tmp_path / "run/comparisons_dev/base-copy/figures.json").read_text())
    assert sum(compared["rows"]["rag"][group] for group in ("in_context", "not_in_context")) == 2 + 1


def test_the_base_model_can_be_asked_without_a_word_about_declining(copy, said, manifest, tmp_path, refused):
    said("evaluate", *copy, "--evaluate_plain")
    found = manifest("evaluation")
    assert list(found["models"]) == ["base", "base_plain", "copy"]
    stages = found["usage"]["base_plain"]["by_stage"]
    calls = {stage: spent["calls"] for stage, spent in stages.items()}
    assert calls == {"evaluate rag": 3, "refusal_signal": 3}, "an account of its own"
    asking = json.loads((tmp_path / "run/evaluation/manifest.json").read_text())["asking"]["base_plain"]["rag"]
    assert asking["calls"] == 3, "what is asked besides is no part of answering"
    assert found["usage"]["copy"]["prompt_tokens"] > found["usage"]["base_plain"]["prompt_tokens"]
    assert "not a name=folder pair" in refused("evaluate", *copy[:-1], f"base_plain={tmp_path / 'copy'}")


def test_an_evaluation_in_no_mode_is_refused():
    with pytest.raises(UserError, match="evaluate_modes is empty: name one or more of rag, closed_book"):
        recipe_modes(EvaluateArguments(evaluate_modes=[]))


def rag_replies(folder, name):
    return [json.loads(line) for line in (folder / f"evaluation/predictions/{name}.rag.jsonl").read_text().splitlines()]


def test_replies_carry_signals_and_the_openings_are_those_that_were_trained(own, said, tmp_path, monkeypatch):
    """Where the model abstains its withheld answer is judged, too; without signals replies are the same."""
    monkeypatch.setattr("hf_selfdemo.methods.answering.is_refusal", lambda text, question: True)
    run = tmp_path / "run"
    assert main(["demonstrate", *own]) == 0
    rows = load_demonstrations(run / "demonstrations")
    rows = rows.map(lambda row, i: {"outcome": ("abstain", "answer")[i % 2]}, with_indices=True)  # whatever they say
    monkeypatch.setattr("hf_selfdemo.verbs.train.load_demonstrations", lambda folder: rows)
    assert main(["train", *own]) == 0
    openings = json.loads((run / "model/openings.json").read_text())["openings"]
    assert openings and all(any(row["response"].startswith(o) for row in rows.select([0, 2])) for o in openings)
    assert "openings.json" in json.loads((run / "model/manifest.json").read_text())["files"]
    said("evaluate", *own)
    for name in ("base", "tuned"):
        for reply in rag_replies(run, name):
            assert {signal for signal, _ in reply["signals"]} == {"retriever_score", "logprob", "refusal"}
            withheld = reply["withheld"]
            assert withheld["label"] in ("correct", "incorrect", "abstain", "unscored") and withheld["signals"]
            for opening in openings if name == "tuned" else OPENINGS:
                assert not begins_with(withheld["text"], opening)
    figures = json.loads((run / "evaluation/figures.json").read_text())
    assert set(figures["signals"]["rag"]["tuned"]) == {"retriever_score", "refusal", "logprob"}
    with_signals = [(reply["text"], reply["label"]) for reply in rag_replies(run, "tuned")]
    said("evaluate", *own, "--evaluate_signals=false")
    plain = rag_replies(run, "tuned")
    assert [(reply["text"], reply["label"]) for reply in plain] == with_signals
    assert all("withheld" not in reply and "refusal" not in dict(reply["signals"]) for reply in plain)


def test_a_bad_result_names_the_section_that_says_what_to_change(copy, said, tmp_path):
    told = said("evaluate", *copy, "--test_twins=2")
    assert "docs/troubleshooting.md" not in told, "this model was not trained here"
    (tmp_path / "copy/manifest.json").write_text("{}")
    told = said("evaluate", *copy, "--test_twins=2")
    assert 'questions whose passages do not contain the answer: see "The model never abstains" in docs/' in told
