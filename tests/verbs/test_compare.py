"""Finished evaluations side by side: what may be compared is, and what may not is refused by name."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from hf_selfdemo.core.manifest import write_json
from hf_selfdemo.core.types import Evidence, Passage, Prediction, Question, Usage
from hf_selfdemo.evaluation.evaluated import Evaluation, write_manifest, write_predictions, write_rows
from hf_selfdemo.verbs.cli import main

SETTINGS = {"base": "b1", "templates": "t1", "evidence": "e1", "max_answer_tokens": 24}
JUDGE = {"name": "answer_match", "code": "c1"}
LABELS = ("correct", "incorrect", "abstain")


def rows(count=30):
    return [
        Evidence(
            Question(f"q{i}", f"Who built number {i}?", (f"Builder {i}",)),
            (Passage(f"p{i}", f"It was Builder {i}." if i % 2 else "Nobody knows.", "Building"),),
            answer_in_context=bool(i % 2),
        )
        for i in range(count)
    ]


@pytest.fixture
def evaluated(tmp_path):
    """Writes a finished evaluation of some columns into the folder of a run, as `hf-selfdemo evaluate` does."""

    def write(
        run,
        names=("base", "tuned"),
        evidence=None,
        settings=None,
        judge=None,
        modes=("rag",),
        shift=0,
        answerers=None,
        retrieval=None,
    ):
        evidence = rows() if evidence is None else evidence
        folder = tmp_path / run / "evaluation"
        write_json(folder / "run.json", SETTINGS | (settings or {}))
        write_rows(folder, evidence)
        for k, name in enumerate(names):
            for mode in modes:
                labels = [LABELS[(i * (k + 1) + shift) % 3] for i in range(len(evidence))]
                told = [
                    Prediction(row.id, mode, f"{label}!", label, True, row.answer_in_context)
                    for row, label in zip(evidence, labels, strict=True)
                ]
                write_predictions(folder, name, mode, told)
        by_column = {
            "models": {name: f"{run}/{name}" for name in names},
            "judges": {name: JUDGE | (judge or {}) for name in names},
            "usage": {name: asdict(Usage(calls=len(evidence))) for name in names},
            "reused": {},
            "answerers": answerers or {},
            "training": {},
        }
        settings = SETTINGS | (settings or {})
        about = {"title": run, "base_model": "made/up", "settings": settings, "data": {"seed": 0}, "recall": {}}
        about |= {"retrieval": retrieval} if retrieval else {}
        write_manifest(folder, modes, by_column, about)
        return tmp_path / run

    return write


@pytest.fixture
def compare(tmp_path):
    """The command; its folder is the run of its own name."""

    def command(*columns, output="one"):
        return ["evaluate", f"--output_dir={tmp_path / output}", "--compare", *columns]

    return command


def test_other_retrievers_and_models_are_told(evaluated, compare, tmp_path, capsys):
    dense = {"retriever": "dense", "retriever_model": "a (1)"}
    evaluated("one", retrieval={"retriever": "bm25"})
    for run, retrieval in {"two": dense, "three": {**dense, "retriever_model": "a (2)"}, "old": None}.items():
        evaluated(run, retrieval=retrieval)
    columns = [f"{name}={tmp_path / name}:tuned" for name in ("two", "three", "old")]
    assert main(compare("tuned", *columns)) == 0
    told = " ".join(capsys.readouterr().err.split())
    assert "tuned and two differ in retriever (bm25 and dense); retriever_model (none and a (1))" in told
    assert "tuned and three differ in retriever (bm25 and dense); retriever_model (none and a (2))" in told
    assert "tuned and old" not in told
    assert main(compare(*columns[:2], output="again")) == 0
    assert "two and three differ in retriever_model (a (1) and a (2))" in " ".join(capsys.readouterr().err.split())


def labels_of(folder, name, mode="rag"):
    return [p.label for p in Evaluation(folder / "evaluation").column(name).predictions[mode]]


def test_columns_of_one_evaluation(evaluated, compare, tmp_path, capsys):
    evaluated("one", ("base", "first", "second"))
    assert main(compare("first", "second")) == 0
    folder = tmp_path / "one/comparisons/first-second"
    assert {p.name for p in folder.iterdir()} == {"run.json", "table.md", "figures.json", "report.html"}
    figures = json.loads((folder / "figures.json").read_text())
    assert figures["compared"] == ["first", "second"] and set(figures["columns"]) == {"first", "second"}
    [pair] = figures["changes"]
    before, after = labels_of(tmp_path / "one", "first"), labels_of(tmp_path / "one", "second")
    both = sum(pair == ("incorrect", "correct") for pair in zip(before, after, strict=True))
    assert pair["transitions"]["all"]["incorrect"]["correct"] == both > 0
    said = capsys.readouterr()
    assert "first" in said.out and "always abstain" in said.out and "report.html" in said.err
    assert "Nobody knows." in (folder / "report.html").read_text(), "passages are there to read"


def test_columns_of_other_runs_under_names_of_their_own(evaluated, compare, tmp_path):
    one, two = evaluated("one"), evaluated("two", shift=1)
    assert main(compare("base", f"sft={one}", f"dpo={two / 'evaluation'}", f"old={two}:base", output="both")) == 2
    assert main(compare(f"base={one}", f"sft={one}", f"dpo={two / 'evaluation'}", f"old={two}:base", output="b")) == 0
    figures = json.loads((tmp_path / "b/comparisons/base-sft-dpo-old/figures.json").read_text())
    for name, run, column in (
        ("base", one, "base"),
        ("sft", one, "tuned"),
        ("dpo", two, "tuned"),
        ("old", two, "base"),
    ):
        hits = figures["columns"][name]["rag"]["accuracy"]["hits"]
        assert hits == labels_of(run, column).count("correct")
    assert figures["provenance"]["columns"]["dpo"].endswith("two/evaluation:tuned")


def test_rows_in_another_order_are_the_same_rows(evaluated, compare, tmp_path):
    one = evaluated("one")
    two = evaluated("two", evidence=rows()[::-1], settings={"evidence": "e2"})
    assert main(compare("base", f"other={two}:base")) == 0
    found = json.loads((tmp_path / "one/comparisons/base-other/figures.json").read_text())
    by_id = {p.id: p.label for p in Evaluation(two / "evaluation").column("base").predictions["rag"]}
    before = {p.id: p.label for p in Evaluation(one / "evaluation").column("base").predictions["rag"]}
    same = sum(by_id[row] == label for row, label in before.items())
    matrix = found["changes"][0]["transitions"]["all"]
    assert sum(matrix[label][label] for label in LABELS) == same < 30


def reworded():
    first, *others = rows()
    return [replace(first, question=replace(first.question, text="Who was it?")), *others]


def retrieved():
    return [replace(row, passages=(Passage("x", "Another passage."),)) for row in rows()]


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"judge": {"name": "llm_label"}}, "judge's name (answer_match and llm_label)"),
        ({"judge": {"code": "c2"}}, "judge's code (c1 and c2)"),
        ({"judge": {"model": "m"}}, "judge's model (None and m)"),
        ({"evidence": rows(20), "settings": {"evidence": "e2"}}, "questions (10 of 30, the first is 'q20')"),
        ({"evidence": reworded(), "settings": {"evidence": "e2"}}, "questions (1 of 30, the first is 'q0')"),
    ],
    ids=["judge", "judge's code", "judge's model", "fewer", "reworded"],
)
def test_what_is_not_alike_is_not_compared(evaluated, compare, refused, tmp_path, other, named):
    evaluated("one")
    line = refused(*compare("base", f"other={evaluated('two', **other)}"))
    assert "base and other cannot be compared, because they differ in" in line and named in line
    assert "evaluate them with the same options" in line and not (tmp_path / "one/comparisons").exists()


def test_every_difference_is_named(evaluated, compare, refused):
    evaluated("one")
    two = evaluated("two", evidence=rows(20), settings={"evidence": "e2"}, judge={"code": "c2"})
    line = refused(*compare("base", f"other={two}"))
    assert all(what in line for what in ("questions (10 of 30", "judge's code"))


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"settings": {"templates": "t2"}}, "templates (t1 and t2)"),
        ({"settings": {"max_answer_tokens": 32}}, "max_answer_tokens (24 and 32)"),
        ({"evidence": retrieved(), "settings": {"evidence": "e2"}}, "passages (of 30 questions, the first is 'q0')"),
        ({"answerers": {"tuned": "active_rag/1"}}, "answerers (prompt and active_rag/1)"),
        ({"answerers": {"tuned": "prompt/1"}}, ""),
    ],
    ids=["templates", "length", "passages", "answerer", "an earlier version's prompt"],
)
def test_how_columns_were_asked_and_what_they_were_shown_may_differ_and_is_told(
    evaluated, compare, tmp_path, capsys, other, told
):
    evaluated("one")
    assert main(compare("base", f"other={evaluated('two', **other)}:tuned")) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert f"base and other differ in {told}" in said if told else "differ" not in said
    figures = json.loads((tmp_path / "one/comparisons/base-other/figures.json").read_text())
    assert figures["provenance"].get("differences") == ({"other": [told]} if told else None)


def test_another_base_model_is_what_one_may_want_to_compare(evaluated, compare):
    evaluated("one")
    assert main(compare("base", f"other={evaluated('two', settings={'base': 'b2'})}:base")) == 0


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (["base"], "base is the only column: name another column"),
        (["base", "base"], "two columns are named 'base': rename one"),
        (["base", "tunde"], "has no column 'tunde': choose one of base, first, second"),
        (["base", "=x"], "'=x' is not a column"),
        (["base", "a/b=x"], "'a/b=x' is not a column"),
        (["base", "other={one}"], "has no column 'other', only base, first, second: choose one, e.g."),
        (["base", "other={one}:third"], "has no column 'third'"),
        (["base", "other=nowhere"], "has no finished evaluation"),
    ],
)
def test_mistakes_end_in_one_line(evaluated, compare, refused, columns, message):
    one = evaluated("one", ("base", "first", "second"))
    assert message in refused(*compare(*(column.format(one=one) for column in columns)))


def test_columns_that_were_asked_in_different_ways_have_nothing_in_common(evaluated, compare, refused):
    evaluated("one")
    two = evaluated("two", modes=("closed_book",))
    assert "have no mode in common" in refused(*compare("base", f"other={two}"))


@pytest.mark.parametrize("name", ["rows.jsonl", "predictions/tuned.rag.jsonl"])
def test_files_that_changed_since_are_not_trusted(evaluated, compare, refused, name):
    path = evaluated("one") / "evaluation" / name
    path.write_text(path.read_text().replace("q1", "q100"))
    assert f"{name} has changed since the evaluation" in refused(*compare("base", "tuned"))
    path.unlink()
    assert f"{name} has changed since the evaluation" in refused(*compare("base", "tuned"))


def test_an_evaluation_that_kept_no_rows_is_to_be_made_again(evaluated, compare, refused):
    path = evaluated("one") / "evaluation/manifest.json"
    write_json(path, {"settings": SETTINGS, "usage": {}})
    assert "is from an earlier version, which saved no rows: evaluate again" in refused(*compare("base", "tuned"))


def test_another_comparison_is_never_overwritten(evaluated, compare, refused):
    one, two = evaluated("one"), evaluated("two", shift=1)
    assert main(compare(f"a={one}", f"b={two}", output="x")) == 0
    assert main(compare(f"a={one}", f"b={two}", output="x")) == 0
    line = refused(*compare(f"a={two}", f"b={one}", output="x"))
    assert "belongs to another run: a (there" in line and "rename the columns" in line


def test_columns_of_an_earlier_start_stay_and_those_of_this_one_are_renewed(evaluated):
    folder = evaluated("one", ("base", "first"), modes=("rag", "closed_book"))
    evaluated("one", ("base", "second"), judge={"code": "c2"})
    found = Evaluation(folder / "evaluation")
    assert set(found.columns) == {"base", "first", "second"}
    assert found.manifest["judges"]["first"] == JUDGE and found.manifest["judges"]["base"]["code"] == "c2"
    assert set(found.column("first").predictions) == {"rag", "closed_book"}
    assert set(found.column("base").predictions) == {"rag"}, (
        "what it said without passages has the former judge's labels"
    )


def test_evaluation_leaves_a_page_that_can_be_compared_afterwards(two_models, gold, tmp_path, capsys):
    assert main(["evaluate", *two_models]) == 0
    folder = tmp_path / "run/evaluation"
    assert f"report: {folder / 'report.html'}" in capsys.readouterr().err.replace("\n", "")
    page = (folder / "report.html").read_text()
    assert "always abstain" in page and "From <bdi>base</bdi> to <bdi>copy</bdi>" in page
    found = Evaluation(folder)
    assert set(found.columns) == {"base", "copy", "other"} and len(found.evidence) == 3
    assert all(row.passages for row in found.evidence.values())
    figures = json.loads((folder / "figures.json").read_text())
    same, _ = figures["changes"]
    assert (same["after"], same["mode"]) == ("copy", "rag") and all(c["change"] in (0, None) for c in same["figures"])
    asked = figures["cost"]["base"]["evaluating"]
    assert asked["calls"] == 6 and asked["generated_tokens"] > 0, "three replies, and how likely three refusals are"
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["data"]["passages_per_question"] == 2 and manifest["judges"]["base"]["name"] == "answer_match"
    assert not [key for key in manifest["data"] if "train" in key or "index" in key]

    assert main(["evaluate", *gold, "--compare", "copy", "other"]) == 0
    assert (tmp_path / "run/comparisons/copy-other/report.html").exists()
    longer = [
        *two_models,
        "--max_answer_tokens=5",
        f"--output_dir={tmp_path / 'longer'}",
        "--ledger",
        str(tmp_path / "l"),
    ]
    assert main(["evaluate", *longer]) == 0
    capsys.readouterr()
    assert main(["evaluate", *gold, "--compare", "copy", f"longer={tmp_path / 'longer'}:copy"]) == 0
    line = " ".join(capsys.readouterr().err.split())
    assert "max_answer_tokens (4 and 5); answerers (prompt/" in line and "judge" not in line and "questions" not in line


def test_a_second_start_reads_the_ledger_and_makes_the_same_page(two_models, tmp_path):
    assert main(["evaluate", *two_models]) == 0
    folder = tmp_path / "run/evaluation"
    kept = {name: (folder / name).read_bytes() for name in ("rows.jsonl", "table.md")}
    assert main(["evaluate", *two_models]) == 0
    assert {name: (folder / name).read_bytes() for name in kept} == kept
    figures = json.loads((folder / "figures.json").read_text())
    assert figures["cost"]["base"]["evaluating"]["reused_calls"] == 6 == figures["cost"]["base"]["evaluating"]["calls"]


def test_the_page_tells_how_a_model_was_trained(gold, tmp_path):
    assert main(["run", *gold]) == 0
    figures = json.loads((tmp_path / "run/evaluation/figures.json").read_text())
    made = figures["training"]["tuned"]
    assert set(made["on_policy"]) == {"base", "tuned"} and made["rows_trained"] == 4
    assert made["demonstrations"]["method"] == "ra_it" and list(figures["training"]) == ["tuned"]
    page = (tmp_path / "run/evaluation/report.html").read_text()
    assert "Trained on its own words?" in page and f"{made['on_policy']['base']['on_policy/gold']:.2f}" in page


def test_what_else_was_checked_is_on_the_page(two_models, tmp_path):
    check = ["--choice_questions=embedded", "--max_choice_questions=3", "--instruction_prompts=embedded"]
    assert main(["evaluate", *two_models, *check, "--max_instruction_prompts=2", "--max_instruction_tokens=3"]) == 0
    page = Path(tmp_path / "run/evaluation/report.html").read_text()
    assert "What else they can do" in page and "choices by letter" in page
