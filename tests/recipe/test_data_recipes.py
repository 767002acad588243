"""The data recipes fit data sets with exactly the columns, splits and configurations that those on the Hub have."""

import datasets
import pytest
import yaml

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.recipe.dataset_key import dataset_key
from hf_selfdemo.recipe.evidence import recipe_evidence
from hf_selfdemo.recipe.recipes import recipe_file
from hf_selfdemo.verbs.cli import parse

RIVERS = ["Danube", "Seine", "Rhine", "Elbe", "Tagus", "Po", "Loire", "Ebro", "Oder", "Meuse", "Drina", "Sava"]
HALVES = {"train": RIVERS[:6], "validation": RIVERS[6:]}
TEXT = datasets.Value("string")

# as the cards of these data sets have them
NQ_OPEN = datasets.Features({"question": TEXT, "answer": datasets.List(TEXT)})
SQUAD_V2 = datasets.Features(
    {
        **dict.fromkeys(("id", "title", "context", "question"), TEXT),
        "answers": {"text": datasets.List(TEXT), "answer_start": datasets.List(datasets.Value("int32"))},
    }
)
BEIR = datasets.Features(dict.fromkeys(("_id", "title", "text"), TEXT))


def saved(folder, features, **splits):
    """A data set as the Hub keeps it: a folder of Parquet files for each configuration, which the card names."""
    configs = []
    for name, rows in splits.items():
        config, _, split = name.rpartition("__")
        path = folder / config / f"{split}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        datasets.Dataset.from_list(rows, features=features).to_parquet(str(path))
        files = {"split": split, "path": path.relative_to(folder).as_posix()}
        named = [one for one in configs if one["config_name"] == (config or "default")]
        if named:
            named[0]["data_files"].append(files)
        else:
            configs.append({"config_name": config or "default", "data_files": [files]})
    (folder / "README.md").write_text(f"---\n{yaml.safe_dump({'configs': configs})}---\n")
    return str(folder)


@pytest.fixture
def nq_open(tmp_path):
    rows = {
        split: [{"question": f"where is the river {r.lower()}", "answer": [f"{r}land", r]} for r in names]
        for split, names in HALVES.items()
    }
    corpus = [{"_id": f"doc{i}", "title": r, "text": f"The river {r} flows in {r}land."} for i, r in enumerate(RIVERS)]
    questions = saved(tmp_path / "nq_open", NQ_OPEN, **rows)
    queries = [{"_id": "test0", "title": "", "text": "where is the danube"}]
    passages = saved(tmp_path / "nq", BEIR, corpus__corpus=corpus, queries__queries=queries)
    return [f"--{part}_questions={questions}" for part in ("train", "test")] + [
        f"--{part}_corpus={passages}" for part in ("train", "test")
    ]


@pytest.fixture
def squad_v2(tmp_path):
    def row(river, asked, answers):
        context = f"The {river} flows in {river}land. Its water is clear."
        found = {"text": answers, "answer_start": [context.index(one) for one in answers]}
        return {"id": f"{river}{asked}", "title": river, "context": context, "question": asked, "answers": found}

    rows = {
        split: [row(r, f"Where is the {r}?", [f"{r}land"] * 2) for r in names]
        + [row(r, f"How long is the {r}?", []) for r in names]
        for split, names in HALVES.items()
    }
    source = saved(tmp_path / "squad_v2", SQUAD_V2, **rows)
    return [f"--{part}_questions={source}" for part in ("train", "test")]


WITH = ["models/qwen2.5-1.5b", "study/self_demo", "study_1_5b/raft"]


def made(first, data, tmp_path, *flags):
    configs = [flag for name in (first, f"data/{data}") for flag in ("--config", str(recipe_file(name)))]
    return parse([*configs, f"--output_dir={tmp_path / 'run'}", f"--index_dir={tmp_path / 'index'}", *flags])


@pytest.mark.parametrize("first", WITH)
def test_nq_open_over_a_passage_set(first, nq_open, tmp_path):
    recipe = made(first, "nq_open", tmp_path, *nq_open)
    train, test = (recipe_evidence(recipe, part)[0] for part in ("train", "test"))
    whole = [row for row in train if not row.gold_removed]
    assert {row.question.text.rpartition(" ")[2].title() for row in whole} <= set(HALVES["train"])
    assert {row.question.text.rpartition(" ")[2].title() for row in test} == set(HALVES["validation"])
    for row in [*whole, *(row for row in test if not row.gold_removed)]:
        river = row.question.answers[1]
        assert row.question.answers == (f"{river}land", river) and row.question.answerable
        assert row.passages[0].id == f"doc{RIVERS.index(river)}" and row.passages[0].title == river
        assert row.answer_in_context
    assert any(row.gold_removed for row in test), "twins make the rows to abstain from"


@pytest.mark.parametrize("first", WITH)
def test_squad_v2_over_its_own_paragraphs(first, squad_v2, tmp_path):
    recipe = made(first, "squad_v2", tmp_path, *squad_v2)
    for part, split in (("train", "train"), ("test", "validation")):
        rows = [row for row in recipe_evidence(recipe, part)[0] if not row.gold_removed]
        assert {row.question.answerable for row in rows} == {True, False}
        for row in rows:
            [river] = [one for one in HALVES[split] if one in row.question.text]
            assert row.question.answers == ((f"{river}land",) if row.question.answerable else ())
            assert row.passages[0].title == river and row.passages[0].text.startswith(f"The {river} flows")


def test_a_recipe_names_what_is_on_the_hub():
    nq, squad = (parse(["--config", str(recipe_file(f"data/{name}"))]).data for name in ("nq_open", "squad_v2"))
    assert nq.train_questions == nq.test_questions == ["google-research-datasets/nq_open"]
    assert (nq.train_corpus, nq.corpus_config, nq.corpus_split) == ("BeIR/nq", "corpus", "corpus")
    assert squad.train_questions == squad.test_questions == ["rajpurkar/squad_v2"]


def test_of_several_recipes_the_later_and_then_the_command_line_win(tmp_path):
    for name, text in {"a": "output_dir: a\nseed: 1\nwindow: 3", "b": "seed: 2\nwindow: 4"}.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    recipe = parse(["--config", f"{tmp_path}/a.yaml", "--window=5", "--config", f"{tmp_path}/b.yaml"])
    assert (recipe.output_dir.name, recipe.training.seed, recipe.engine.window) == ("a", 2, 5)


def test_a_corpus_with_other_columns_or_another_configuration_is_refused(nq_open, tmp_path):
    with pytest.raises(UserError, match=r"no column 'txt': did you mean 'text'\? Then set corpus_columns: \[text=text"):
        recipe_evidence(made(WITH[0], "nq_open", tmp_path, *nq_open, "--corpus_columns", "id=_id", "text=txt"), "train")
    with pytest.raises(UserError, match=r"cannot be read: BuilderConfig 'corpsu' not found. Available: \['corpus'"):
        recipe_evidence(made(WITH[0], "nq_open", tmp_path, *nq_open, "--corpus_config=corpsu"), "train")


def test_datasets_are_told_apart_by_columns_and_separators(nq_open, tmp_path):
    more = [[], ["--corpus_columns", "id=title"], ["--list_separator=|"]]
    keys = [dataset_key(made(WITH[0], "nq_open", tmp_path, *nq_open, *flags), "train", "weights") for flags in more]
    assert len(set(keys)) == len(keys)
