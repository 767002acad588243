"""What a user of `datasets` sees: configurations, splits, a cache that is never stale, and calls that are made once."""

import json
import os
import pickle
import shutil
from pathlib import Path

import pytest

import hf_selfdemo.recipe.dataset_key as dataset_key
import hf_selfdemo.verbs.work as work
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.ledger import Ledger
from hf_selfdemo.core.types import Question
from hf_selfdemo.data.rows import FEATURES
from hf_selfdemo.recipe.recipe import Recipe
from hf_selfdemo.verbs import shards
from hf_selfdemo.verbs.builder import CONFIGS, SelfDemoBuilder

QUESTIONS = [
    {"id": "q1", "question": "Who discovered germanium?", "answers": ["Winkler"]},
    {"id": "q2", "question": "Who discovered iodine?", "answers": ["Bernard Courtois"]},
    {"id": "q3", "question": "Who discovered oxygen?", "answers": ["Carl Scheele"]},
]
CORPUS = [
    {"id": "p1", "title": "Germanium", "text": "Clemens Winkler discovered it in 1886."},
    {"id": "p2", "title": "Iodine", "text": "Bernard Courtois discovered it in 1811."},
]


def write_lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.fixture
def keys(brief_model, tmp_path):
    """A whole self-demonstration in a second: whatever the tiny model says, some of it wins the tournament."""
    write_lines(tmp_path / "q.jsonl", QUESTIONS)
    write_lines(tmp_path / "corpus.jsonl", CORPUS)
    return {
        "cache_dir": tmp_path / "cache",
        "model_name_or_path": brief_model,
        "train_questions": [tmp_path / "q.jsonl"],
        "train_corpus": tmp_path / "corpus.jsonl",
        "test_questions": ["embedded"],  # beside sources of one's own they are not there unasked
        "test_corpus": "embedded",
        "passages_per_question": 1,
        "rag_candidates": 2,
        "closed_book_candidates": 1,
        "refusal_candidates": 1,
        "max_candidate_tokens": 12,
        "judge": "tournament",
    }


@pytest.fixture
def no_model(monkeypatch):
    """From here on a model can be found, not loaded."""

    def load(self, resolved):
        raise AssertionError("a model was loaded")

    monkeypatch.setattr(Recipe, "load", load)


def prepared(*arguments, num_proc=None, **keys):
    builder = SelfDemoBuilder(*arguments, **keys)
    builder.download_and_prepare(num_proc=num_proc)
    return builder


def rows_of(builder, split="train"):
    return builder.as_dataset(split=split).to_list()


def cost(builder, split="train"):
    manifest = builder.manifest["splits"][split]
    return manifest["usage"]["calls"], manifest["reused"]["calls"]


def test_configurations_hold_their_rows_in_the_same_columns(keys, request):
    sft = prepared("sft", **keys)
    assert sft.as_dataset(split="train").features == FEATURES
    assert [row["id"] for row in rows_of(sft)] == ["q1", "q2", "q3"]
    request.getfixturevalue("no_model")
    preference = prepared("preference", **keys)
    assert rows_of(preference) == [row for row in rows_of(sft) if row["rejected"]] != []
    for name in ("ra_it", "raft"):
        baseline = prepared(name, **keys)
        assert [row["response"] for row in rows_of(baseline)] == ["Winkler", "Bernard Courtois", "Carl Scheele"]
        assert baseline.as_dataset(split="train").features == FEATURES


def test_raft_takes_passages_with_the_answer_away(keys):
    rows = rows_of(prepared("raft", **keys, oracle_share=0.0))
    assert not any(row["response"] in p["text"] for row in rows for p in row["passages"])


@pytest.mark.parametrize("judge", ["answer_match", "llm_label", "match_then_llm", "tournament"])
def test_baselines_need_no_model_whatever_the_recipe_says(keys, judge, monkeypatch):
    monkeypatch.setattr(Recipe, "resolve", lambda self: pytest.fail("a model was looked for"))
    builder = prepared("ra_it", **keys | {"judge": judge, "prompt_search": True, "on_policy_rows": 32}, num_proc=2)
    assert len(rows_of(builder)) == 3 and cost(builder) == (0, 0)
    assert not os.path.exists(f"{builder._home}/calls")


def test_a_second_builder_reads_the_cache_and_loads_no_model(keys, tmp_path, request):
    first = prepared(**keys)
    request.getfixturevalue("no_model")
    same = prepared(**keys, window=3, server_url="http://nowhere", num_train_epochs=9, max_answer_tokens=2, seed=7)
    assert same.cache_dir == first.cache_dir and rows_of(same) == rows_of(first)
    elsewhere = SelfDemoBuilder(**keys)
    elsewhere.download_and_prepare(tmp_path / "out", file_format="parquet")
    assert elsewhere.manifest == first.manifest


def touch_template(keys, tmp_path, monkeypatch):
    templates = tmp_path / "templates"
    shutil.copytree(dataset_key.templates_hash.__defaults__[-1], templates)
    (templates / "judging/pick.txt").write_text("Which one?")
    real = dataset_key.templates_hash
    monkeypatch.setattr(dataset_key, "templates_hash", lambda patterns: real(patterns, templates))


def touch_corpus(keys, tmp_path, monkeypatch):
    write_lines(tmp_path / "corpus.jsonl", [*CORPUS[:1], CORPUS[1] | {"text": "Bernard Courtois discovered it."}])


def touch_question(keys, tmp_path, monkeypatch):
    write_lines(tmp_path / "q.jsonl", [*QUESTIONS[:2], QUESTIONS[2] | {"answers": ["Joseph Priestley"]}])


def touch_last_weight(keys, tmp_path, monkeypatch):
    shutil.copytree(keys["model_name_or_path"], tmp_path / "model")
    keys["model_name_or_path"] = tmp_path / "model"
    weights = tmp_path / "model/model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x00")


def touch_key(keys, tmp_path, monkeypatch):
    keys["unverified_winners"] = "drop"


def touch_code(keys, tmp_path, monkeypatch):
    package = tmp_path / "package"
    shutil.copytree(dataset_key.PACKAGE, package)
    monkeypatch.setattr(dataset_key, "PACKAGE", package)
    assert dataset_key.code_hash() == dataset_key.LOADED_CODE
    (package / "methods/raft.py").write_text("# rewritten")
    monkeypatch.setattr(dataset_key, "LOADED_CODE", dataset_key.code_hash())


def touch_version(keys, tmp_path, monkeypatch):
    monkeypatch.setattr(dataset_key, "versions", lambda *names: {"bm25s": "9"})


TOUCHES = [touch_template, touch_corpus, touch_question, touch_last_weight, touch_key, touch_code, touch_version]


@pytest.mark.parametrize("touch", TOUCHES)
def test_the_cache_is_not_read_once_something_has_changed(keys, touch, tmp_path, monkeypatch):
    before = SelfDemoBuilder(**keys)
    assert SelfDemoBuilder(**keys).cache_dir == before.cache_dir
    touch(keys, tmp_path, monkeypatch)
    assert SelfDemoBuilder(**keys).cache_dir != before.cache_dir


def test_embedded_data_counts_by_its_content_too(tmp_path, monkeypatch):
    before = SelfDemoBuilder("ra_it", cache_dir=tmp_path)
    shutil.copytree(dataset_key.EMBEDDED, tmp_path / "data")
    monkeypatch.setattr(dataset_key, "EMBEDDED", tmp_path / "data")
    assert SelfDemoBuilder("ra_it", cache_dir=tmp_path).hash == before.hash
    with (tmp_path / "data/corpus.jsonl").open("a") as out:
        out.write("\n")
    assert SelfDemoBuilder("ra_it", cache_dir=tmp_path).hash != before.hash


def test_keys_of_the_other_part_do_not_count(keys):
    train = SelfDemoBuilder(**keys)
    assert SelfDemoBuilder(**keys, max_test_questions=1, test_twins=3).hash == train.hash
    assert SelfDemoBuilder(**keys, max_train_questions=1).hash != train.hash
    both = SelfDemoBuilder(**keys, splits=("train", "test"))
    assert SelfDemoBuilder(**keys, splits=("test", "train")).hash == both.hash != train.hash
    assert SelfDemoBuilder(**keys, splits=("train", "test"), max_test_questions=1).hash != both.hash


def test_after_a_change_only_calls_never_made_are_made(keys, tmp_path):
    calls, reused = cost(prepared(**keys))
    assert calls > 0 and reused == 0
    assert cost(prepared(**keys, pair_policy="gold")) == (0, calls)
    touch_corpus(keys, tmp_path, None)
    again, kept = cost(prepared(**keys))
    assert 0 < again < calls and kept > 0


def test_another_model_is_never_given_the_words_of_one_that_looks_alike(keys, tmp_path):
    """A ledger samples the weights; a change that the sample misses must not bring back old replies."""
    prepared(**keys)
    touch_last_weight(keys, tmp_path, None)
    assert cost(prepared(**keys))[1] == 0


def test_a_ledger_that_the_recipe_names_is_used(keys, tmp_path):
    calls, _ = cost(prepared(**keys, ledger=tmp_path / "mine.sqlite"))
    assert sum(row["calls"] for row in Ledger(tmp_path / "mine.sqlite").summary()) == calls
    assert cost(prepared(**keys | {"cache_dir": tmp_path / "other"}, ledger=tmp_path / "mine.sqlite")) == (0, calls)


def test_an_interrupted_preparation_goes_on(keys, monkeypatch, tmp_path):
    put, puts = Ledger.put, []

    def interrupted(self, key, *rest):
        if len(puts) == 5:
            puts.append("")
            raise KeyboardInterrupt
        puts.append(key)
        return put(self, key, *rest)

    monkeypatch.setattr(Ledger, "put", interrupted)
    with pytest.raises(KeyboardInterrupt):
        prepared(**keys)
    builder = SelfDemoBuilder(**keys)
    assert not os.path.exists(builder.cache_dir)
    builder.download_and_prepare()
    assert cost(builder)[1] >= 5 and len(puts) == len(set(puts)) > 6
    assert rows_of(builder) == rows_of(prepared(**keys | {"cache_dir": tmp_path / "other"}))


def test_rows_that_are_not_those_of_their_manifest_are_refused(keys):
    builder = prepared("ra_it", **keys)
    made = rows_of(builder)
    path = Path(builder._work.made("train", builder._home)) / "demonstrations" / "train.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    shutil.rmtree(builder.cache_dir)
    again = SelfDemoBuilder("ra_it", **keys)
    with pytest.raises(UserError, match=r"train\.parquet has changed since it was written"):
        again.download_and_prepare()
    again.download_and_prepare(download_mode="force_redownload")
    assert rows_of(again) == made


def test_processes_change_nothing_in_the_result(keys, tmp_path):
    keys |= {"index_dir": tmp_path / "index"}
    one = prepared(**keys)
    two = prepared(**keys | {"cache_dir": tmp_path / "other"}, num_proc=2)
    assert cost(one)[1] == 0 and cost(two) == (0, cost(one)[0])
    file = "hf_selfdemo-train.arrow"
    with open(f"{one.cache_dir}/{file}", "rb") as a, open(f"{two.cache_dir}/{file}", "rb") as b:
        assert a.read() == b.read()


def test_a_mistake_in_a_process_is_one_clear_error(tmp_path):
    with pytest.raises(UserError, match=r"^unknown recipe option 'metod': did you mean 'method'\?$"):
        shards.make_calls({"output_dir": "x", "metod": "self_demo"}, "train", 1, tmp_path)
    (tmp_path / "log").write_text("line\nKilled\n")
    assert "code -9: Killed" in str(shards._failure(-9, tmp_path / "log"))


def test_the_test_split_is_made_of_test_questions_and_passages(keys):
    keys |= {"max_test_questions": 2, "max_test_unanswerable": 0, "test_twins": 1}
    builder = prepared("sft", splits=("train", "test"), **keys)
    train, test = rows_of(builder), rows_of(builder, "test")
    assert len(train) == 3 and len(test) == 3 and not {r["id"] for r in train} & {r["id"] for r in test}
    assert sum(row["gold_removed"] for row in test) == 1
    assert set(builder.as_dataset()) == {"train", "test"} == set(builder.manifest["splits"])
    assert rows_of(prepared("sft", splits="test", **keys), "test") == test


def test_prompts_are_searched_once_on_training_questions(keys, monkeypatch):
    searched = []
    search = work.run_prompts.__globals__["search_prompts"]
    monkeypatch.setitem(
        work.run_prompts.__globals__,
        "search_prompts",
        lambda evidence, *rest: searched.append({row.id for row in evidence}) or search(evidence, *rest),
    )
    keys |= {"prompt_search": True, "search_train_examples": 1, "search_eval_examples": 1, "search_steps": 1}
    keys |= {"search_topk": 1, "search_beam_size": 1, "max_search_answer_tokens": 2, "max_test_questions": 1}
    builder = prepared(**keys, splits=["test", "train"], max_test_unanswerable=0)
    assert searched == [{"q1", "q2", "q3"}] * 2, "once for each kind of prompt"
    assert {c["prompt"] for c in rows_of(builder, "test")[0]["candidates"]} & {"search/rag_1", "search/closed_book_1"}
    assert SelfDemoBuilder(**keys, splits="test", search_seed=1).hash != SelfDemoBuilder(**keys, splits="test").hash


def test_a_dataset_without_rows_is_refused_with_the_way_to_the_reasons(keys):
    with pytest.raises(
        UserError, match=r"no row is left for configuration 'sft', split 'train': look up .*manifest.json"
    ):
        prepared("sft", **keys | {"judge": "answer_match", "rag_candidates": 0, "closed_book_candidates": 0})


def test_a_folder_of_parquet_files_loads_anywhere_and_is_never_mistaken(keys, tmp_path):
    from datasets import load_dataset

    out = tmp_path / "out"
    builder = SelfDemoBuilder("ra_it", **keys)
    builder.download_and_prepare(out, file_format="parquet")
    loaded = load_dataset(str(out), split="train", cache_dir=tmp_path / "loaded")
    assert loaded.to_list() == rows_of(prepared("ra_it", **keys)) and loaded.features == FEATURES
    SelfDemoBuilder("ra_it", **keys).download_and_prepare(out, file_format="parquet")
    raft = SelfDemoBuilder("raft", **keys)
    with pytest.raises(UserError, match="contains another dataset"):
        raft.download_and_prepare(out, file_format="parquet")
    raft.download_and_prepare(str(out), file_format="parquet", download_mode="force_redownload")
    assert raft.manifest["config"] == "raft"


def test_rows_can_be_streamed(keys):
    stream = SelfDemoBuilder("ra_it", **keys).as_streaming_dataset(split="train")
    assert list(stream) == rows_of(prepared("ra_it", **keys))


def test_a_builder_can_be_pickled(keys):
    builder = prepared("ra_it", **keys)
    assert rows_of(pickle.loads(pickle.dumps(builder))) == rows_of(builder)


def test_force_redownload_makes_the_rows_anew_from_the_ledger(keys):
    first = prepared(**keys)
    calls, _ = cost(first)
    rows = rows_of(first)
    first.download_and_prepare(download_mode="force_redownload")
    assert cost(first) == (0, calls) and rows_of(first) == rows


def test_keys_given_by_name_win_over_the_file(keys, tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("output_dir: runs/x\nmethod: raft\npassages_per_question: 2\nmax_train_questions: 2\n")
    builder = SelfDemoBuilder("ra_it", recipe=recipe, **keys)
    found = builder.recipe
    assert found.demonstrate.method == "ra_it" and found.retrieval.passages_per_question == 1
    assert found.data.max_train_questions == 2
    assert SelfDemoBuilder("sft", recipe=str(recipe), cache_dir=tmp_path).recipe.demonstrate.method == "raft"


def test_inputs_that_change_under_way_are_refused_and_nothing_is_kept(keys, tmp_path, monkeypatch):
    builder = SelfDemoBuilder("ra_it", **keys)
    make = work.make_demonstrations

    def changing(*arguments):
        make(*arguments)
        touch_corpus(keys, tmp_path, None)

    monkeypatch.setattr(work, "make_demonstrations", changing)
    for _ in range(2):  # the second finds them changed before it begins
        with pytest.raises(UserError, match="have changed since the builder was made"):
            builder.download_and_prepare()
    assert not os.path.exists(builder.cache_dir)
    monkeypatch.setattr(work, "make_demonstrations", make)
    write_lines(tmp_path / "corpus.jsonl", CORPUS)
    builder.download_and_prepare()
    assert "1811" in rows_of(builder)[1]["passages"][0]["text"]


def test_code_that_changed_since_it_was_loaded_makes_nothing(keys, monkeypatch):
    monkeypatch.setattr(work, "code_hash", lambda: "another")
    with pytest.raises(UserError, match="restart Python"):
        prepared("ra_it", **keys)


def test_hub_datasets_count_by_commit_or_else_by_content(keys, monkeypatch):
    from huggingface_hub import HfApi

    commits, asked, rows = ["a"], [], []

    def dataset_info(self, name, revision=None, timeout=None):
        asked.append((name, revision))
        if not commits:
            raise OSError("away")
        return type("Info", (), {"sha": commits[-1]})

    monkeypatch.setattr(HfApi, "dataset_info", dataset_info)
    monkeypatch.setattr(dataset_key, "read_questions", lambda *arguments, **more: list(rows))
    keys |= {"train_questions": ["some/questions"], "dataset_revision": "v1"}
    hashes = [SelfDemoBuilder("ra_it", **keys).hash]
    assert asked == [("some/questions", "v1")]
    commits.append("b")
    hashes.append(SelfDemoBuilder("ra_it", **keys).hash)
    commits.clear()
    hashes.append(SelfDemoBuilder("ra_it", **keys).hash)
    rows.append(Question("q", "Who?"))
    hashes.append(SelfDemoBuilder("ra_it", **keys).hash)
    assert len(set(hashes)) == 4


def test_rows_that_a_server_left_unanswered_are_not_kept_as_whole(tmp_path):
    keys = {"output_dir": "x", "engine": "server", "server_url": "http://localhost:1/v1", "model_name_or_path": "m"}
    skipped = tmp_path / "skipped.jsonl"
    write_lines(skipped, [{"id": "q2", "reason": work.CALL_FAILED, "detail": "timed out"}])
    with pytest.raises(UserError, match=r"the calls of 1 questions failed, the first is 'q2' \(timed out\)"):
        work._refuse_gaps(work._recipe(keys), {"skipped": {work.CALL_FAILED: 1}}, skipped)
    work._refuse_gaps(work._recipe(keys), {"skipped": {}}, skipped)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"config_name": "stf"}, "unknown configuration 'stf': did you mean 'sft'?"),
        ({"max_train_question": 3}, "unknown recipe option 'max_train_question': did you mean 'max_train_questions'?"),
        ({"train_questions": "q.jsonl"}, "train_questions is 'q.jsonl': give a list, [q.jsonl]"),
        ({"max_train_questions": 2.5}, "max_train_questions is 2.5: give a whole number"),
        ({"summarise": 3}, "summarise is 3: give true or false"),
        ({"train_corpus": None}, "train_corpus is None: give a text"),
        ({"index_dir": 3}, "index_dir is 3: give a text"),
        ({"splits": "dev"}, "there is no split 'dev'"),
        ({"splits": ()}, "there is no split"),
        ({"output_dir": "x"}, "output_dir cannot be set for the builder: use cache_dir"),
        ({"shard": "0/2"}, "use num_proc"),
        ({"recipe": "nowhere.yaml"}, "the recipe 'nowhere.yaml' cannot be read"),
        ({"config_name": "ra_it", "method": "raft"}, "decides the method"),
        ({"config_name": "ra_it", "train_questions": ["nowhere.jsonl"]}, "there is no file nowhere.jsonl"),
        ({"config_name": "ra_it", "train_corpus": "nowhere.jsonl"}, "there is no file nowhere.jsonl"),
        ({"model_name_or_path": "./nowhere"}, "is neither a model folder nor a GGUF file"),
        ({"prompts_dir": "nowhere"}, "nowhere"),
    ],
)
def test_mistakes_are_one_line_and_found_before_anything_is_made(keys, arguments, message):
    with pytest.raises(UserError) as error:
        SelfDemoBuilder(**keys | arguments)
    assert message in str(error.value)


def test_preferences_need_a_method_that_rejects_texts(keys):
    given = {key: value for key, value in keys.items() if not key.endswith(("_candidates", "_candidate_tokens"))}
    with pytest.raises(UserError, match="method 'raft' makes no rejected texts"):
        SelfDemoBuilder(**given, config_name="preference", method="raft")


def test_a_manifest_is_there_once_the_dataset_is(keys):
    builder = SelfDemoBuilder("ra_it", **keys)
    with pytest.raises(UserError, match="call download_and_prepare"):
        _ = builder.manifest
    builder.download_and_prepare()
    assert builder.manifest["splits"]["train"]["demonstrations"] == 3
    assert builder.info.description == CONFIGS["ra_it"]


def test_documents_are_refused_with_the_files_to_name_instead(keys, tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(f"documents: [{tmp_path}]\n")
    for given in ({"documents": [tmp_path]}, {"recipe": recipe}):
        with pytest.raises(UserError, match=r"cannot read documents: .*passages\.jsonl as train_corpus"):
            SelfDemoBuilder("ra_it", **keys, **given)
    assert SelfDemoBuilder("ra_it", **keys, recipe=recipe, documents=[]).hash


def own_keys_left_out(keys):
    """The keys that other methods than self_demo know, too."""
    own = ("rag_candidates", "closed_book_candidates", "refusal_candidates", "max_candidate_tokens")
    return {key: value for key, value in keys.items() if key not in own}


def test_the_rows_of_documents_are_those_of_the_split_and_as_many_as_the_key_says(keys):
    keys = own_keys_left_out(keys) | {
        "method": "d_ar",
        "max_test_questions": 1,
        "max_test_unanswerable": 0,
        "max_document_rows": 1,
    }
    builder = prepared(**keys, splits=("train", "test"))
    train, test = (
        [row["id"] for row in rows_of(builder, part) if row["kind"] == "document"] for part in ("train", "test")
    )
    assert len(train) == len(test) == 1 and train[0] in ("document/p1", "document/p2") and train != test
    more = prepared(**keys | {"max_document_rows": 2})
    assert [row["id"] for row in rows_of(more) if row["kind"] == "document"] == ["document/p1", "document/p2"]


def test_the_corpus_decides_rows_of_documents_also_where_passages_are_given(keys, tmp_path):
    write_lines(tmp_path / "q.jsonl", [row | {"passages": CORPUS} for row in QUESTIONS])
    keys = own_keys_left_out(keys) | {"method": "d_ar", "retriever": "given"}
    before = SelfDemoBuilder(**keys).hash
    write_lines(tmp_path / "corpus.jsonl", CORPUS[:1])
    assert SelfDemoBuilder(**keys).hash != before


def test_replayed_instructions_count_by_their_content(keys, tmp_path):
    file = tmp_path / "told.jsonl"
    keys = own_keys_left_out(keys) | {"method": "pa_rag", "replay_instructions": str(file)}
    write_lines(file, [{"instruction": "Name three colours."}])
    before = SelfDemoBuilder(**keys).hash
    unused = SelfDemoBuilder(**keys, replay_rows=0).hash
    write_lines(file, [{"instruction": "Name three rivers."}])
    assert SelfDemoBuilder(**keys).hash != before
    assert SelfDemoBuilder(**keys, replay_rows=0).hash == unused
