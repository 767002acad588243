"""Which sources a recipe names: nothing of the package's own stands in for one that was forgotten."""

import json

import pytest

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.recipe.evidence import recipe_evidence, recipe_questions, recipe_retriever
from hf_selfdemo.verbs.cli import main, parse


@pytest.fixture
def source(tmp_path):
    """Writes rows to a file of that name, in a folder of its own."""

    def written(name, *rows):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return str(path)

    return written


@pytest.fixture
def mine(source):
    return {
        "questions": source("q.jsonl", {"question": "What is the colour of zorb?", "answers": ["amber"]}),
        "corpus": source("c.jsonl", {"id": "p0", "title": "zorb", "text": "The colour of zorb is amber."}),
    }


def recipe(**keys):
    flags = [f"--{key}={value}" for key, value in keys.items() if not isinstance(value, list)]
    lists = [part for key, value in keys.items() if isinstance(value, list) for part in (f"--{key}", *value)]
    return parse(["--output_dir=unused", *flags, *lists])


@pytest.mark.parametrize("part", ["train", "test"])
def test_without_any_source_all_are_the_embedded_ones(part):
    plain, named = recipe(), recipe(train_questions="embedded", test_corpus="embedded")
    assert plain.data == named.data and plain.data.train_corpus == "embedded"
    assert recipe_questions(plain, part)


@pytest.mark.parametrize(
    ("named", "part", "missing"),
    [
        (["train_questions"], "train", "train_corpus"),
        (["train_corpus"], "train", "train_questions"),
        (["train_questions", "train_corpus"], "test", "test_questions"),
        (["train_questions", "train_corpus", "test_questions"], "test", "test_corpus"),
        (["train_questions", "train_corpus", "test_corpus"], "test", "test_questions"),
        (["test_questions", "test_corpus"], "train", "train_questions"),
        (["test_questions"], "test", "test_corpus"),
        (["dev_questions"], "dev", "train_corpus"),
        (["dev_questions", "dev_corpus"], "train", "train_questions"),
        (["dev_corpus"], "test", "test_questions"),
    ],
)
def test_beside_a_source_of_ones_own_a_missing_one_is_named(mine, named, part, missing):
    keys = {key: mine[key.partition("_")[2]] for key in named}
    with pytest.raises(UserError, match=f"^{missing} is not set, although other options name your own data"):
        recipe_evidence(recipe(**keys), part)


def test_what_a_part_needs_is_enough(mine):
    own = {f"{part}_{kind}": source for part in ("train", "test") for kind, source in mine.items()}
    for part in ("train", "test"):
        rows, _ = recipe_evidence(recipe(**{key: own[key] for key in own if key.startswith(part)}), part)
        assert [row.answer_in_context for row in rows] == [True]
    dev = recipe(dev_questions=mine["questions"], train_corpus=mine["corpus"])
    assert len(recipe_evidence(dev, "dev")[0]) == 1
    assert recipe_retriever(recipe(test_corpus=mine["corpus"]), "test").passages[0].id == "p0"
    embedded = recipe(**own | {"test_questions": "embedded", "test_corpus": "embedded"})
    assert len(recipe_questions(embedded, "test")) > 1


def test_given_passages_need_no_corpus(source):
    row = {"question": "?", "answers": ["amber"], "ctxs": [{"id": 1, "text": "It is amber."}]}
    keys = {"train_questions": source("q.jsonl", row), "preset": "dpr", "retriever": "given"}
    [row], _ = recipe_evidence(recipe(**keys), "train")
    assert row.answer_in_context


def test_run_looks_for_what_its_last_stage_reads_before_anything_is_made(mine, model_folder, tmp_path, capsys):
    flags = [f"--train_questions={mine['questions']}", f"--train_corpus={mine['corpus']}", "--method=ra_it"]
    assert main(["run", f"--output_dir={tmp_path / 'run'}", f"--model_name_or_path={model_folder}", *flags]) == 2
    assert "test_questions is not set" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_rows_without_ids_of_several_files_are_told_apart_and_of_one_stay_numbers(source):
    rows = [{"question": f"{x}?", "answers": ["a"]} for x in "AB"]
    files = [source("a.jsonl", *rows), source("b.jsonl", rows[0]), source("sub/a.jsonl", {"id": "own", **rows[1]})]
    ids = [q.id for q in recipe_questions(recipe(train_questions=files, train_corpus="embedded"), "train")]
    assert ids == ["1-a-000001", "1-a-000002", "b-000001", "own"]
    two = recipe_questions(recipe(train_questions=files[:2]), "train")
    assert [q.id for q in two] == ["a-000001", "a-000002", "b-000001"]
    assert [q.id for q in recipe_questions(recipe(train_questions=files[:1]), "train")] == ["000001", "000002"]
    with pytest.raises(UserError, match=r"train_questions names .*a\.jsonl twice"):
        recipe_questions(recipe(train_questions=files[:1] * 2), "train")
