"""`hf-selfdemo push`, from a run's folder to what a stranger loads in a process that never heard of this package."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from made_up_run import demonstrated
from server import TOKEN

import hf_selfdemo
from hf_selfdemo.core.manifest import file_hash, read_json, write_checked_json
from hf_selfdemo.core.types import Evidence, Passage, Question
from hf_selfdemo.data.questions import read_passages
from hf_selfdemo.hub.visibility import shows_only_embedded
from hf_selfdemo.verbs.cli import main
from hf_selfdemo.verbs.push import repository_name


@pytest.fixture
def run(tmp_path):
    """Finished demonstrations, with a model nobody trained."""
    return demonstrated(tmp_path / "my run")


@pytest.fixture
def refused(capsys):
    """The one line with which a command refuses."""

    def line(*arguments):
        assert main(["push", *arguments]) == 2
        last = capsys.readouterr().err.strip().splitlines()[-1]
        assert last.startswith("hf-selfdemo: ") and TOKEN not in last
        return last

    return line


def push(run, *artefacts, **keys):
    flags = [f"--{key}" if value is True else f"--{key}={value}" for key, value in keys.items()]
    return main(["push", f"--output_dir={run}", "--artefacts", *artefacts, *flags])


def pushes(hub):
    return {key: len(repository.pushes) for key, repository in hub.repositories.items()}


def test_each_repository_gets_one_commit_and_the_second_push_none(hub, run, capsys):
    assert push(run, "dataset", "metrics") == 0
    once = {("dataset", "me/my-run-demonstrations"): 1, ("space", "me/qa_accuracy"): 1, ("space", "me/abstention"): 1}
    assert pushes(hub) == once
    said = capsys.readouterr().err
    assert f"dataset: {hub.url}/datasets/me/my-run-demonstrations (" in said and "in one commit" in said
    assert push(run, "dataset", "metrics") == 0
    assert pushes(hub) == once
    assert capsys.readouterr().err.count("(nothing new, no commit)") == 3


def test_names_and_owner_can_be_given(hub, run):
    assert push(run, "dataset", "metrics", hub_namespace="lab", hub_dataset_id="demos") == 0
    assert set(pushes(hub)) == {("dataset", "lab/demos"), ("space", "lab/qa_accuracy"), ("space", "lab/abstention")}
    assert push(run, "dataset", hub_namespace="lab", hub_dataset_id="me/mine") == 0
    assert ("dataset", "me/mine") in pushes(hub)
    assert "GET /api/whoami-v2" not in hub.requests


@pytest.mark.parametrize(
    ("keys", "private"),
    [({"private": True}, True), ({"hub_private_repo": "true"}, True), ({"private": "false"}, False),
     ({"hub_private_repo": "false"}, False), ({"private": "false", "hub_private_repo": "true"}, False)],
)  # fmt: skip
def test_repositories_are_as_visible_as_was_asked_for(hub, run, keys, private):
    assert push(run, "dataset", "metrics", **keys) == 0
    assert {bool(repository.private) for repository in hub.repositories.values()} == {private}


def test_passages_of_ones_own_are_private_unless_asked_otherwise_and_metrics_are_not(hub, run, capsys):
    assert push(run, "dataset", "metrics") == 0
    assert {id: bool(repository.private) for (_, id), repository in hub.repositories.items()} == {
        "me/my-run-demonstrations": True, "me/qa_accuracy": False, "me/abstention": False,
    }  # fmt: skip
    assert "private because of your passages; --private false makes them public" in capsys.readouterr().err


def test_a_dry_run_needs_no_licence_and_says_that_push_does(hub, run, capsys):
    assert push(run, "dataset", train_corpus="mine.jsonl", dry_run="true") == 0
    assert "push will ask for it: set source_license" in capsys.readouterr().err
    assert push(run, "dataset", train_corpus="mine.jsonl") == 2
    assert "the licence of the source text is not known" in capsys.readouterr().err


def test_a_public_repository_gets_no_passages_of_ones_own_unless_asked(hub, run, refused):
    hub.add("dataset", "me/my-run-demonstrations")
    assert "already exists and is public" in refused(f"--output_dir={run}", "--artefacts", "dataset")
    assert push(run, "dataset", private="false") == 0


def test_embedded_passages_are_public_unless_a_source_of_ones_own_is_named(hub, tmp_path):
    passages = read_passages("embedded", "train")[:2]
    run = demonstrated(tmp_path / "embedded", rows=[
        Evidence(Question("q1", "Who?", ("Ada",)), tuple(passages)),
        Evidence(Question("q2", "What?", ("Tea",)), (Passage("cut", passages[0].text[:40]),)),
    ])  # fmt: skip
    assert shows_only_embedded(run)
    assert push(run, "dataset", hub_dataset_id="a") == 0
    assert push(run, "dataset", hub_dataset_id="b", train_corpus="mine.jsonl", source_license="mit") == 0
    assert {id: bool(one.private) for (_, id), one in hub.repositories.items()} == {"me/a": False, "me/b": True}
    (run / "evaluation").mkdir()
    (run / "evaluation/rows.jsonl").write_text(json.dumps({"passages": [{"text": "our price list"}]}) + "\n")
    assert not shows_only_embedded(run) and not shows_only_embedded(tmp_path / "nothing")


def test_a_token_in_the_recipe_wins_over_the_one_of_the_machine(hub, run, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    assert push(run, "dataset", hub_token=TOKEN) == 0
    assert len(pushes(hub)) == 1


def test_a_dry_run_fits_one_screen_and_writes_the_cards_into_a_folder(hub, run, monkeypatch, capsys):
    monkeypatch.delenv("HF_TOKEN")
    assert push(run, "dataset", "metrics", dry_run=True) == 0
    shown = capsys.readouterr().out
    assert len(shown.splitlines()) <= 24
    sizes = [path.stat().st_size for path in (run / "hub/dataset").rglob("*.parquet")]
    card = (run / "hub/preview/dataset-my-run-demonstrations.md").read_text()
    total = (sum(sizes) + len(card.encode())) / 1000
    rows = {line.split("│")[1].strip(): line.split() for line in shown.splitlines() if "NAMESPACE/" in line}
    assert [len(sizes) + 1, f"{total:.1f}"] == [
        int(rows["NAMESPACE/my-run-demonstrations"][9]), rows["NAMESPACE/my-run-demonstrations"][11]
    ]  # fmt: skip
    assert "private" in rows["NAMESPACE/my-run-demonstrations"] and "public" in rows["NAMESPACE/qa_accuracy"]
    assert "passed: 13 files: no secret" in shown and "passed: the demonstrations are complete" in shown
    assert f"cards and lists of files: {run / 'hub/preview'}" in shown
    assert 'load_dataset("NAMESPACE/my-run-demonstrations"' in card and "license: apache-2.0" in card
    files = (run / "hub/preview/dataset-my-run-demonstrations.files.txt").read_text()
    assert "sft/train-00000-of-00001.parquet" in files and "load_dataset" not in shown
    assert (run / "hub/preview/metric-qa_accuracy.md").exists()
    assert hub.requests == [] and not hub.repositories


def test_a_dry_run_leaves_files_of_somebody_else_alone(hub, run, refused):
    folder = run / "hub/dataset/sft"
    folder.mkdir(parents=True)
    (folder / "mine.parquet").write_text("mine")
    assert push(run, "dataset", dry_run=True) == push(run, "dataset", dry_run=True) == 0
    (folder / "train-00000-of-00001.parquet").write_text("changed by hand")
    line = refused(f"--output_dir={run}", "--artefacts", "dataset", "--dry_run")
    assert (
        "train-00000-of-00001.parquet was not written by this run, or was changed since: move the file elsewhere"
        in line
    )
    assert (folder / "train-00000-of-00001.parquet").read_text() == "changed by hand"
    assert (folder / "mine.parquet").read_text() == "mine"


def test_a_dry_run_of_another_verb_is_refused_before_it_does_anything(tmp_path, capsys):
    assert main(["train", f"--output_dir={tmp_path / 'run'}", "--dry_run"]) == 2
    assert "has no dry run" in capsys.readouterr().err and not (tmp_path / "run").exists()


def plant(run):
    """A token among the candidates, as if a passage had held it and the model had repeated it."""
    folder = run / "demonstrations"
    path = folder / "candidates.jsonl"
    path.write_text(path.read_text().replace("It was the moon.", f"It was {TOKEN}."))
    told = read_json(folder / "manifest.json") | {"candidates.jsonl": file_hash(path)}
    write_checked_json(folder / "manifest.json", told)


def test_a_dry_run_lists_what_would_be_refused(hub, run, refused, capsys):
    plant(run)
    arguments = ["push", f"--output_dir={run}", "--artefacts", "dataset", "--dry-run"]
    assert main(arguments) == 2
    said = capsys.readouterr()
    lines = [line for line in said.out.splitlines() if line.startswith("rejected: ")]
    assert lines and all("NAMESPACE/my-run-demonstrations: candidates/train-" in line for line in lines)
    assert not any(TOKEN in line for line in lines)
    assert "findings: fix them; each is named above" in said.err


def test_what_must_stay_here_is_refused_before_anything_is_asked(hub, run, refused):
    plant(run)
    line = refused(f"--output_dir={run}", "--artefacts", "metrics", "dataset", "--hub_namespace=me")
    assert "candidates/train-00000-of-00001.parquet, row" in line and "remove it" in line
    assert hub.requests == []


@pytest.mark.parametrize(("artefact", "manifest"), [("dataset", "demonstrations"), ("model", "model")])
def test_a_run_without_its_manifest_is_refused_before_anything_is_asked(hub, run, refused, artefact, manifest):
    (run / manifest / "manifest.json").unlink(missing_ok=True)
    line = refused(f"--output_dir={run}", "--artefacts", artefact, "--hub_namespace=me")
    assert manifest in line and "run `hf-selfdemo" in line
    assert hub.requests == []


def test_an_unknown_artefact_is_refused_with_the_near_match(run, refused):
    assert "unknown artefact 'datasets'" in refused(f"--output_dir={run}", "--artefacts", "datasets")


def test_an_index_of_passages_that_came_with_questions_is_refused(run, refused):
    flags = ["--artefacts", "index", "--hub_namespace=me", "--train_corpus=questions"]
    assert "leave index out of artefacts" in refused(f"--output_dir={run}", *flags)


def test_a_push_that_failed_half_way_goes_on_with_what_is_missing(hub, run, refused, waits):
    hub.fail("POST .*/spaces/me/abstention/commit/", times=-1)
    line = refused(f"--output_dir={run}", "--artefacts", "dataset", "metrics")
    assert "space me/abstention was not pushed: the Hub failed (500)" in line and "repeat the command" in line
    assert sorted(pushes(hub).values()) == [0, 1, 1]
    hub.failures.clear()
    assert push(run, "dataset", "metrics") == 0
    assert set(pushes(hub).values()) == {1}


@pytest.mark.parametrize(
    ("folder", "name"),
    [("my run", "my-run"), ("a..b--c", "a-b-c"), ("-x-", "x"), ("ä", "selfdemo"), ("x" * 99, "x" * 80)],
)
def test_a_folders_name_becomes_one_that_the_hub_takes(folder, name):
    assert repository_name(folder) == name


SMALL = [
    *("--method=ra_it", "--max_train_questions=6", "--max_train_unanswerable=0", "--passages_per_question=2"),
    *("--max_test_questions=3", "--max_test_unanswerable=1", "--max_answer_tokens=4", "--num_train_epochs=1"),
    *("--lora_r=2", "--use_cpu", "--on_policy_rows=2"),
]

STRANGER = """
import json, sys
sys.modules["hf_selfdemo"] = None  # a stranger does not have it
from datasets import load_dataset
from peft import AutoPeftModelForCausalLM
from transformers import AutoTokenizer
from bm25s.hf import BM25HF
sft = load_dataset("me/run-demonstrations", split="train")
structured = load_dataset("me/run-demonstrations", "structured", split="train")
streamed = next(iter(load_dataset("me/run-demonstrations", split="train", streaming=True)))
tokenizer = AutoTokenizer.from_pretrained("me/run")
model = AutoPeftModelForCausalLM.from_pretrained("me/run")
ids = tokenizer.apply_chat_template(sft[0]["prompt"], add_generation_prompt=True, return_tensors="pt", return_dict=True)
reply = model.generate(**ids, max_new_tokens=4, do_sample=False)[0, ids["input_ids"].shape[1]:].tolist()
index = BM25HF.load_from_hub("me/run-bm25", load_corpus=True)
lora = {n: p.detach().sum().item() for n, p in model.named_parameters() if "lora_B" in n}
print(json.dumps({"sft": sft.to_list(), "structured": structured.to_list(), "streamed": streamed, "reply": reply,
                  "passages": len(index.corpus), "lora": sum(map(abs, lora.values()))}))
"""

JUDGE = """
import evaluate
qa = evaluate.load("me/qa_accuracy")
print(qa.compute(predictions=["It was Winkler."], references=[["Clemens Winkler", "Winkler"]]))
evaluate.load("me/abstention")
"""


def fresh(code, environment, folder):
    """What a process of its own prints, in an empty folder."""
    done = subprocess.run([sys.executable, "-c", code], env=environment, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip().splitlines()[-1]


@pytest.fixture
def trained(model_folder, tmp_path):
    folder = tmp_path / "run"
    assert main(["run", f"--output_dir={folder}", f"--model_name_or_path={model_folder}", *SMALL]) == 0
    return folder


def test_all_kinds_are_pushed_by_one_commit_each_and_load_for_a_stranger(
    hub, hub_environment, trained, model_folder, tmp_path
):
    import safetensors.torch

    base = {path.name: path.read_bytes() for path in Path(model_folder).iterdir()}
    hub.add("model", "base/tiny", **base)
    flags = [f"--output_dir={trained}", "--hub_base_model=base/tiny", "--model_license=mit", *SMALL]
    assert main(["push", "--artefacts", "dataset", "model", "metrics", "index", "space", *flags]) == 0
    assert set((pushes(hub) | {("model", "base/tiny"): 1}).values()) == {1} and len(hub.repositories) == 7

    assert "tuned=me/run" in hub.repositories["space", "me/run-app"].head.files["recipe.yaml"].content.decode(), (
        "the pushed adapter"
    )

    (tmp_path / "elsewhere").mkdir()
    loaded = json.loads(fresh(STRANGER, hub_environment, tmp_path / "elsewhere"))
    from datasets import Dataset

    rows = Dataset.from_parquet(str(trained / "demonstrations/train.parquet")).to_list()
    assert loaded["structured"] == rows and len(rows) == 6
    assert [row["completion"][0]["content"] for row in loaded["sft"]] == [row["response"] for row in rows]
    assert loaded["streamed"] == loaded["sft"][0]
    weights = safetensors.torch.load_file(trained / "model/adapter_model.safetensors")
    lora = sum(abs(w.sum().item()) for name, w in weights.items() if "lora_B" in name)
    assert loaded["lora"] == pytest.approx(lora) and lora > 0
    assert len(loaded["reply"]) == 4 and loaded["passages"] > 50

    here = hub_environment | {"PYTHONPATH": str(Path(hf_selfdemo.__file__).parents[1])}
    assert "1.0" in fresh(JUDGE, here, tmp_path / "elsewhere")
