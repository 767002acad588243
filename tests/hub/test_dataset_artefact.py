"""A pushed dataset loads with one line, trains with TRL alone, and its card says what it is."""

import copy
import hashlib
import json
import math
import shutil
from pathlib import Path

import pytest
from datasets import load_dataset
from huggingface_hub import DatasetCard
from made_up_run import DATA, PAGE, Page, code_blocks, demonstrated, evidence, written
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.data.rows import FEATURES
from hf_selfdemo.hub.dataset import CANDIDATE_FEATURES, dataset_artefact, shown_data
from hf_selfdemo.judging.tournament import TournamentJudge
from hf_selfdemo.methods.demonstrations import load_demonstrations
from hf_selfdemo.methods.method import find_method
from hf_selfdemo.methods.ra_it import RaIt
from hf_selfdemo.methods.self_demo import Choosing, Sampling, SelfDemo
from hf_selfdemo.training.trl_columns import PREFERENCE_FEATURES, SFT_FEATURES, to_trl


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return demonstrated(
        tmp_path_factory.mktemp("run"), SelfDemo(Sampling(max_candidate_tokens=99), Choosing(pair_policy="other_label"))
    )


@pytest.fixture(scope="module")
def artefact(run):
    return dataset_artefact(run, "me/demos", data=DATA)


@pytest.fixture(scope="module")
def repository(artefact, tmp_path_factory):
    return written(artefact, tmp_path_factory.mktemp("repository"))


@pytest.fixture
def load(repository, tmp_path):
    return lambda *name: load_dataset(str(repository), *name, split="train", cache_dir=str(tmp_path / "cache"))


def test_every_configuration_loads_as_it_was(run, load):
    structured = load_demonstrations(run / "demonstrations")
    candidates = [json.loads(line) for line in (run / "demonstrations/candidates.jsonl").open(encoding="utf-8")]
    expected = {
        "sft": (SFT_FEATURES, to_trl(structured).to_list()),
        "preference": (PREFERENCE_FEATURES, to_trl(structured, preference=True).to_list()),
        "structured": (FEATURES, structured.to_list()),
        "candidates": (CANDIDATE_FEATURES, candidates),
    }
    for name, (features, rows) in expected.items():
        found = load(name)
        assert found.features == features and found.to_list() == rows and rows, name
    assert len(candidates) == len(evidence()) and load().features == SFT_FEATURES, "sft is what loads unnamed"


def test_what_was_left_out_is_among_the_candidates_with_its_reason(tmp_path):
    run = demonstrated(tmp_path / "run", SelfDemo(choosing=Choosing(max_abstain_share=0.25)))
    folder = written(dataset_artefact(run, "me/demos", data=DATA), tmp_path / "repository")
    rows = load_dataset(str(folder), "candidates", split="train", cache_dir=str(tmp_path / "cache"))
    left = [row for row in rows if row["skipped"]]
    assert len(left) == 2 and all(row["candidates"] for row in left)
    assert (
        left[0]["skipped"] == "abstention over max_abstain_share 0.25" in Page((folder / "README.md").read_text()).text
    )


@pytest.mark.parametrize("size", ["1KB", "4KB"])
def test_shards_are_as_small_as_asked_and_stay_in_order(run, tmp_path, size):
    made = dataset_artefact(run, "me/demos", data=DATA, max_shard_size=size, folder=tmp_path / "made")
    names = [name for name in made.files if name.startswith("structured/")]
    assert len(names) > 1 and names[-1].endswith(f"-of-{len(names):05d}.parquet")
    folder = written(made, tmp_path / "repository")
    rows = load_dataset(str(folder), "structured", split="train", cache_dir=str(tmp_path / "cache"))
    assert rows.to_list() == load_demonstrations(run / "demonstrations").to_list()


def test_stock_trainers_take_what_loads(load, model, tokenizer, tmp_path):
    common = {"output_dir": str(tmp_path), "max_steps": 1, "use_cpu": True, "bf16": False, "report_to": []}
    common |= {"per_device_train_batch_size": 2, "max_length": None, "gradient_checkpointing": False}
    rows = load()
    sft = SFTTrainer(model, SFTConfig(**common), train_dataset=rows, processing_class=tokenizer)
    assert len(sft.train_dataset) == len(rows) and math.isfinite(sft.train().training_loss)
    reference, pairs = copy.deepcopy(model), load("preference")
    dpo = DPOTrainer(model, reference, DPOConfig(**common), train_dataset=pairs, processing_class=tokenizer)
    assert len(dpo.train_dataset) == len(pairs) and math.isfinite(dpo.train().training_loss)


def test_the_card_is_valid_and_says_what_the_rows_are(artefact):
    card = DatasetCard(artefact.files["README.md"])
    data = card.data.to_dict()
    assert data["license"] == "apache-2.0" and data["language"] == ["en"] and data["size_categories"] == ["n<1K"]
    assert data["source_datasets"] == ["original"] and data["base_model"] == "me/writer"
    assert [one["config_name"] for one in data["configs"]] == ["sft", "preference", "structured", "candidates"]
    assert [one.get("default", False) for one in data["configs"]] == [True, False, False, False]
    page = Page(artefact.files["README.md"])
    assert page.headings == [
        "demos", "What is in it", "An example", "How it was made", "Quality figures", "Train on it",
        "Columns of", "Limits", "Licence and citation",
    ]  # fmt: skip
    assert "6 training examples" in page.text and "answers\n3\n50%" in page.text and "abstentions\n3\n50%" in page.text
    assert "50% for k = 1, 50% for k = 2, 75% for k = 10" in page.text, "in the order of numbers"
    assert "2 calls to the model, 60 prompt tokens (20 of them cached), 10 generated tokens" in page.text
    assert {column for column in CANDIDATE_FEATURES if f"`{column}`" not in card.text} == set()


def test_foreign_text_stays_text(artefact):
    page = Page(artefact.files["README.md"])
    assert "script" not in page.tags and page.links == ["https://arxiv.org/abs/2502.10596"]
    assert "Heading" not in page.headings and page.text.count("# Heading") == 1
    shown = " ".join(page.text.split())
    assert shown.count("<script>alert(99)</script> {{ 88 * 88 }} {% raw %} **bold** [x](javascript:99)") >= 4
    assert " ".join(PAGE.split()) in shown, "the passage, whole"


def test_code_on_the_card_is_code_and_names_the_repository(artefact):
    blocks = code_blocks(artefact.files["README.md"])
    assert len(blocks) == 3 and all('"me/demos"' in block for block in blocks)
    for block in blocks:
        compile(block, "card", "exec")


def test_two_pushes_of_one_run_are_the_same_bytes(run, artefact, tmp_path):
    def digests(made):
        return {
            name: hashlib.sha256(content.encode() if isinstance(content, str) else content.read_bytes()).hexdigest()
            for name, content in made.files.items()
        }

    assert digests(artefact) == digests(dataset_artefact(run, "me/demos", data=DATA, folder=tmp_path))


def test_no_path_of_this_machine_goes_up(run, repository, artefact, load):
    everything = artefact.files["README.md"] + "".join(
        json.dumps(load(name).to_list()) for name in ("sft", "candidates")
    )
    for folder in (run, repository):
        assert str(folder) not in everything
        assert not [name for name in artefact.files if str(folder).encode() in (repository / name).read_bytes()]


def test_local_sources_are_named_without_their_folders_and_a_local_writer_not_at_all(tmp_path):
    run = demonstrated(tmp_path / "run", model=str(tmp_path / "model"))
    data = DATA | {"train_questions": [str(tmp_path / "mine.jsonl")], "train_corpus": "me/corpus", "index_dir": "/x"}
    card = dataset_artefact(run, "me/demos", data=data, license="cc-by-sa-4.0").files["README.md"]
    assert str(tmp_path) not in card and "mine.jsonl" in card and "A local model wrote" in card
    found = DatasetCard(card).data.to_dict()
    assert found["source_datasets"] == ["me/corpus"] and found["license"] == "cc-by-sa-4.0"
    assert "base_model" not in found and "index_dir" not in card


def test_rows_without_a_worse_text_make_no_preference_configuration(tmp_path):
    run = demonstrated(tmp_path / "run", RaIt(), settings={"method": "ra_it"})
    made = dataset_artefact(run, "me/demos", data=DATA)
    assert not [name for name in made.files if name.startswith("preference/")]
    page = Page(made.files["README.md"])
    assert "the gold answers of the questions" in page.text and "DPOTrainer" not in page.text
    assert "wrote" not in page.text.partition("How it was made")[2].partition("Quality figures")[0]


@pytest.mark.parametrize(
    ("name", "keys", "told"),
    [
        ("r_tuning", {"max_reply_tokens": 32}, ['"I am unsure." otherwise', "replied once, greedily"]),
        (
            "divide_then_align",
            {"closed_book_samples": 10, "passage_samples": 1, "sample_temperature": 1.0, "known_above": 0.0}
            | {"idk_ratio": 0.7},
            ["answered each question 10 times without passages and once with them", "if more than 0% of its replies"],
        ),
    ],
)
def test_baselines_for_abstaining_say_how_their_rows_were_made(name, keys, told, tmp_path):
    strategy = find_method(name).strategy
    run = demonstrated(tmp_path / "run", strategy(), settings={"method": name, **keys})
    text = Page(dataset_artefact(run, "me/demos", data=DATA).files["README.md"]).text
    assert "not a model's own words" in text and all(words in text for words in told)


def test_a_tournament_shows_its_audit_and_its_unverified_winners(tmp_path):
    strategy = SelfDemo(choosing=Choosing(max_abstain_share=1, replay_share=0.5))
    run = demonstrated(tmp_path / "run", strategy, TournamentJudge(), settings={"judge": "tournament"})
    card = dataset_artefact(run, "me/demos", data=DATA).files["README.md"]
    text = Page(card).text
    assert "Slot audit" in text and "picked_by_position: {of_2:" in text and "bracket_size: 3" in text
    rate = json.loads((run / "demonstrations/manifest.json").read_text())["unverified_winner_rate"]
    assert f"Winners that were not found correct: {rate:.0%}" in text
    assert "closed-book replies, replayed against forgetting" in text and ", place 1" in text


REPORTS = {
    "answer_match": {},
    "llm_label": {"calls": 4, "unread": 1, "labels": {"correct": 3}},
    "match_then_llm": {"calls": 4, "unread": 0},
}
NATS = {"rows": 2, "target_nll_per_token": 1.25, "gold_nll_per_token": None, "rejected_rows": 0,
        "rejected_nll_per_token": None}  # fmt: skip


@pytest.mark.parametrize("judge", REPORTS)
@pytest.mark.parametrize("nats", [{}, NATS, NATS | {"gold_nll_per_token": 2.5, "rejected_nll_per_token": 3.5}])
@pytest.mark.parametrize("recall", [{}, {"answer@1": 0.5}])
@pytest.mark.parametrize("replaced", [{}, {"unverified_winner_rate": 0.0}, {"candidate_labels": {}, "skipped": {}}])
def test_a_figure_that_is_absent_is_left_out_of_the_card(run, tmp_path, judge, nats, recall, replaced):
    copy_of = Path(shutil.copytree(run, tmp_path / "run"))
    path = copy_of / "demonstrations/manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest |= {"judge": REPORTS[judge], "on_policy": nats, "recall": recall, **replaced}
    manifest["selection"] |= {"judge": judge}
    path.write_text(json.dumps(manifest), encoding="utf-8")
    text = Page(dataset_artefact(copy_of, "me/demos", data=DATA).files["README.md"]).text
    assert ("targets 1.25" in text) == bool(nats) and ("gold answers to the same" in text) == bool(
        nats.get("gold_nll_per_token")
    )
    assert ("rejected texts" in text) == bool(nats.get("rejected_nll_per_token"))
    assert ("calls: 4" in text) == bool(REPORTS[judge]) and "Slot audit" not in text
    assert ("50% for k = 1" in text) == bool(recall) and "None" not in text.replace("max_length=None", "")


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"repo_id": "demos"}, "'demos' is not a repository id, or is a local folder: write it as owner/name"),
        ({"repo_id": "/tmp/demos"}, "'/tmp/demos' is not a repository id"),
        ({"data": {}}, "the licence of the source text is not known: set source_license"),
        ({"data": {"train_questions": ["embedded"], "train_corpus": "mine.jsonl"}}, "the licence of the source text"),
        ({"max_shard_size": "big"}, "max_shard_size is 'big'"),
        ({"max_shard_size": "0MB"}, "max_shard_size is '0MB'"),
    ],
)
def test_mistakes_are_one_line(run, tmp_path, keys, message):
    with pytest.raises(UserError, match="^" + message.replace(".", r"\.")):
        dataset_artefact(run, **{"repo_id": "me/demos", "data": DATA, "folder": tmp_path} | keys)


def test_what_is_not_finished_or_was_changed_is_refused(tmp_path):
    with pytest.raises(UserError, match="contains no finished demonstrations"):
        dataset_artefact(tmp_path / "nowhere", "me/demos", data=DATA)
    run = demonstrated(tmp_path / "run")
    manifest = run / "demonstrations/manifest.json"
    whole = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({key: value for key, value in whole.items() if key != "settings"}))
    with pytest.raises(UserError, match="lacks the settings of the demonstrations"):
        dataset_artefact(run, "me/demos", data=DATA)
    manifest.write_text(json.dumps(whole))
    with (run / "demonstrations/train.parquet").open("ab") as file:
        file.write(b"x")
    with pytest.raises(UserError, match=r"train\.parquet is missing or has changed"):
        dataset_artefact(run, "me/demos", data=DATA)


def test_a_run_in_which_nothing_was_kept_is_refused(tmp_path):
    run = demonstrated(tmp_path / "run", SelfDemo(Sampling(max_candidate_tokens=2)))
    with pytest.raises(UserError, match="contains no demonstration: look up in skipped"):
        dataset_artefact(run, "me/demos", data=DATA)


def test_keys_of_other_parts_are_not_shown():
    assert shown_data({"test_corpus": "a", "max_dev_questions": 3, "train_corpus": "/x/a.jsonl"}) == {
        "train_corpus": "a.jsonl"
    }
