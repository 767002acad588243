"""Tables and plots from records whose figures are known; the README holds what its records say."""

import json
import random
import re

import collect
import plots
import pytest
import tables
import yaml
from figures import Draws, difference, system, systems
from folders import ROOT, StudyFolder
from made_up_runs import EVIDENCE, WHENCE, evaluated, replies, run, study_folder
from pairs import SHARES, drawn_share, pairs_of, share
from plots import draw
from records import lettered, read_study
from set_tables import ABSTENTIONS, ANSWERS

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.manifest import file_hash, read_json, write_checked_json
from hf_selfdemo.core.types import Evidence, Question
from hf_selfdemo.evaluation.report.paired import changes
from hf_selfdemo.scoring.abstention import abstention_figures

LABELS = {"base": "base, plain", "base_may_decline": "base, may decline", "ra_it": "RA-IT", "self_demo": "ours"}
ABLATIONS = {"reference": "self_demo", "ablations": {"no_cap": "Abstentions are not capped.", "none": "Never run."}}
DRAWS = 500


@pytest.fixture
def folder(tmp_path):
    runs = tmp_path / "runs"
    run(runs, "self_demo-0", "ccccia" + "aai" + "aca", closed_book="cciiiiiii")
    run(runs, "self_demo-1", "cciiii" + "aaa" + "aaa")
    run(runs, "ra_it-0", "ccccci" + "iii" + "iic")
    return runs


def made(runs, plain="cccciiiii", resamples=DRAWS, labels=LABELS, looked_at=()):
    """Tables of the runs; the base model's replies to the plain prompt stand in its record."""
    folder = study_folder(runs.parent, labels, ABLATIONS)
    (folder.path / "looked_at.yaml").write_text(yaml.safe_dump({"questions": list(looked_at)}))
    collect.collect(folder, runs, WHENCE)
    study = read_study(folder.records)
    study.records["base"]["evaluations"]["test"]["labels"]["plain"] = lettered(
        study.rows["test"], replies(plain, "plain")
    )
    return tables.tables(folder, study, resamples)


def parts(text):
    """Tables by their heading, each as rows by their first cell."""
    found = []
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        lines = [[cell.strip() for cell in line[1:-1].split("|")] for line in block.splitlines()]
        header = lines[0]
        found.append({line[0]: dict(zip(header, line, strict=True)) for line in lines[2:]})
    return found


def test_figures_of_known_runs(folder):
    answers, abstentions, kinds, declines, costs, *_ = parts(made(folder))
    assert list(answers) == ["base, plain", "base, may decline", "RA-IT", "ours", "always abstain"]
    ours = answers["ours"]
    assert ours["correct"] == "0.33 (0.22 to 0.44)" and ours["incorrect"] == "0.33 (0.22 to 0.44)"
    assert ours["correct, in context"] == "0.50 (0.33 to 0.67)"
    assert answers["RA-IT"]["F-score"] == "0.56" and answers["RA-IT"]["lambda score, 0.25"] == "0.56"
    assert abstentions["ours"]["abstention recall"] == "0.83 (0.67 to 1.00)"
    assert abstentions["ours"]["abstention precision"] == "0.83 (0.67 to 1.00)"
    assert abstentions["ours"]["false refusals"] == "0.08 (0.00 to 0.17)"
    assert abstentions["ours"]["recall minus false refusals"] == "0.75 (0.50 to 1.00)"
    assert kinds["ours"] == {
        "": "ours",
        "no answer in the corpus (0)": "-",
        "answer not shown (3)": "0.83 (0.67 to 1.00)",
        "answer shown (6)": "0.08 (0.00 to 0.17)",
    }
    assert declines["ours"]["abstained where base, plain, is incorrect"] == "0.60"
    assert declines["ours"]["abstained where it is correct"] == "0.00" and declines["RA-IT"]["difference"].startswith(
        "+0.00"
    )
    assert answers["base, plain"]["correct"] == "0.44" and answers["base, may decline"]["correct"] == "0.33"
    assert costs["ours"]["closed-book: correct"] == "0.17 (0.11 to 0.22)"
    assert costs["ours"]["nats per target token"] == "0.75" and costs["ours"]["training tokens"] == "4,000"
    assert costs["ours"]["generated tokens for data"] == "140"
    assert costs["ours"]["uncached prompt tokens for data"] == "1,200"


def test_the_model_that_always_abstains_is_computed(folder):
    answers, abstentions, *_ = parts(made(folder))
    trivial = answers["always abstain"]
    assert (trivial["correct"], trivial["correct, of attempted"], trivial["F-score"]) == ("0.00", "-", "0.00")
    assert trivial["lambda score, 0.25"] == "0.25"
    assert abstentions["always abstain"] == {
        "": "always abstain",
        "abstained": "1.00",
        "abstention precision": "0.33",
        "abstention recall": "1.00",
        "F1 of abstaining": "0.50",
        "false refusals": "1.00",
        "recall minus false refusals": "0.00",
    }


def test_twins_move_no_figure_of_the_natural_rows(folder):
    before = made(folder)
    rows = EVIDENCE[:9]
    assert before.count("9 rows, 6 of them with the answer") == 1
    for name in ("self_demo-0", "self_demo-1", "ra_it-0"):
        path = folder / name / "evaluation" / "predictions" / "tuned.rag.jsonl"
        lines = path.read_text().splitlines()
        relabelled = [json.dumps(json.loads(line) | {"label": "incorrect"}) for line in lines[len(rows) :]]
        path.write_text("\n".join([*lines[: len(rows)], *relabelled]) + "\n")
        manifest = path.parents[1] / "manifest.json"
        found = read_json(manifest)
        found["files"]["predictions/tuned.rag.jsonl"] = file_hash(path)
        write_checked_json(manifest, found)
    after = made(folder)
    natural = before.index("## Leave-gold-out")
    assert after[:natural] == before[:natural] and after != before


def test_pairs_of_known_runs(folder):
    text = made(folder)
    [pairs] = parts(text[text.index("## Leave-gold-out") : text.index("## SQuAD")])
    ours = pairs["ours"]
    assert ours["both correct"] == "0.67 (0.67 to 0.67)"
    assert ours["correct, answers with gold removed"] == "0.17 (0.00 to 0.33)"
    assert ours["gold removed: abstained"] == "0.83 (0.67 to 1.00)"
    assert pairs["RA-IT"]["both correct"] == "0.00" and pairs["RA-IT"]["gold removed: incorrect"] == "0.67"
    assert pairs["always abstain"]["abstains on both"] == "1.00"
    assert ours["both correct: change from RA-IT"].startswith("**+0.67**")
    assert ours["both correct: change from base, may decline"].startswith("+0.33 [")
    assert "base, plain" not in pairs  # it was not asked the rows with gold removed, which a line says
    assert "No replies with gold removed so far: base, plain." in text


def test_pairs_need_an_original_whose_passages_hold_the_answer():
    found = pairs_of(replies("ccccia" + "aai" + "aca"))
    assert [pair.original.id for pair in found] == ["q0", "q1", "q2"] and share(found, "both_right") == 2 / 3
    assert sum(share(found, name) for name in ("right", "refused")) == 1
    assert not pairs_of([p for p in replies("ccccia" + "aai" + "aca") if not p.answer_in_context])
    assert set(SHARES) >= {"both_right", "declined", "kept"}


def drawn_rows(count, weights, seed):
    rows = [Evidence(Question(f"q{i:04}", "?", ("N",)), (), i % 3 > 0) for i in range(count)]
    letters = random.Random(seed).choices("ciau", weights, k=count)
    return replies("".join(letters), evidence=rows)


def test_drawn_figures_begin_with_those_of_the_scorers():
    seeds = [drawn_rows(200, (4, 3, 2, 1), seed) for seed in range(3)]
    found = Draws([p.id for p in seeds[0]], 10).figures(seeds)
    expected = [abstention_figures(replies, 0.25) for replies in seeds]
    for figures in expected:
        figures["discernment"] = figures["abstention_recall"] - figures["false_refusals"]
    for name in (*ANSWERS, *ABSTENTIONS):
        assert found[name][0] == pytest.approx(sum(figures[name] for figures in expected) / 3), name


def test_differences_are_those_of_the_paired_bootstrap():
    before, after = drawn_rows(300, (3, 5, 2, 0), 1), drawn_rows(300, (4, 3, 3, 0), 2)
    draws = Draws([p.id for p in before], 4000)
    old, new = draws.figures([before]), draws.figures([after])
    for change in changes(before, after, resamples=4000):
        if change.figure in old:
            found = difference(new[change.figure], old[change.figure])
            assert found.value == pytest.approx(change.change)
            assert found.interval == pytest.approx(change.interval, abs=0.01), change.figure


def test_seeds_are_averaged_within_a_draw():
    first, other = drawn_rows(100, (5, 5, 0, 0), 1), drawn_rows(100, (5, 5, 0, 0), 2)
    draws = Draws([p.id for p in first], 50)
    apart = [draws.figures([seed])["accuracy"] for seed in (first, other)]
    assert draws.figures([first, other])["accuracy"] == pytest.approx((apart[0] + apart[1]) / 2)
    assert len(set(apart[0].tolist())) > 5


def test_differences_to_base_and_ra_it_are_bold_where_they_are_clear(folder):
    text = made(folder)
    assert "Difference from *base, plain*" in text and "Difference from *RA-IT*" in text
    to_base, _, to_ra_it = parts(text)[5:8]
    assert to_ra_it["ours"]["abstention recall"] == "**+0.83** [+0.50, +1.00]"
    assert re.fullmatch(r"-0\.11 \[-0\.\d\d, \+0\.\d\d\]", to_base["ours"]["correct"])
    assert to_base["always abstain"]["correct, of attempted"] == "-"


def test_the_same_records_make_the_same_tables(folder):
    assert made(folder) == made(folder)


def test_every_section_says_first_what_its_tables_were_made_of(folder):
    text = made(folder)
    below = re.findall(r"^## .*\n+(.*)", text, re.MULTILINE)
    filled = [line for line in below if line != "No run so far."]
    assert len(below) == 4 and len(filled) == 2
    for line in filled:
        assert line.startswith("*") and "commit 0123456" in line and "a machine that was made up" in line
        assert "seed 0 (RA-IT); seeds 0, 1 (ours)" in line


def test_rows_without_runs_are_named(folder):
    text = made(folder, labels=LABELS | {"raft": "RAFT"})
    assert "Not run so far: RAFT." in text
    assert "## SQuAD, as retrieved\n\nNo run so far." in text


def test_a_row_that_no_file_names_is_refused(folder):
    run(folder, "mystery-0", "ccccia" + "aai" + "aca")
    with pytest.raises(UserError, match=r"'mystery'.*add it to systems.yaml"):
        made(folder)
    with pytest.raises(UserError, match=r"'ablation-odd'.*add it to ablations.yaml"):
        run(folder, "ablation-odd-0", "ccccia" + "aai" + "aca")
        made(folder, labels=LABELS | {"mystery": "?"})


def test_unscored_replies_and_wavering_base_labels_are_told(folder):
    base = {"rag": "iccaiiiii" + "iia", "closed_book": "ciiiiiiii"}
    run(folder, "self_demo-2", "ccccia" + "aau" + "aca", base=base)
    text = made(folder)
    assert "unscored replies, not counted in any figure: 1" in text
    assert "base labels differ between runs on up to 2 rows per mode" in text


def test_squad_stands_apart(folder):
    columns = {"base": {"rag": "ciiiiiiii"}, "tuned": {"rag": "cccccccaa"}}
    evaluated(folder / "self_demo-0-squad" / "evaluation", columns, evidence=EVIDENCE[:9])
    text = made(folder)
    answers = parts(text[text.index("## SQuAD") :])[0]
    assert answers["ours"]["correct"] == "0.78" and answers["base, may decline"]["correct"] == "0.11"
    assert parts(text)[0]["ours"]["correct"] == "0.33 (0.22 to 0.44)"


def test_ablations_are_compared_with_the_recipe_they_change(folder):
    columns = {"base": {"rag": "ciiiiiiii"}, "tuned": {"rag": "ccccccaaa"}}
    evaluated(folder / "self_demo-0" / "evaluation_dev", columns, evidence=EVIDENCE[:9])
    fewer = columns | {"tuned": {"rag": "cccciiiii"}}
    evaluated(folder / "ablation-no_cap-0" / "evaluation_dev", fewer, evidence=EVIDENCE[:9])
    text = made(folder)
    text = text[text.index("## Ablations") :]
    assert "- *no_cap*: Abstentions are not capped." in text and "Never run." not in text
    figures, changed = parts(text)
    assert figures["ours"]["correct"] == "0.67" and figures["no_cap"]["correct"] == "0.44"
    assert "Difference from *ours*" in text and changed["no_cap"]["abstention recall"].startswith("**-1.00**")
    assert "Not run so far: none." in text


def test_plots_show_every_row_and_repeat_to_the_byte(folder, tmp_path):
    made(folder)
    study = read_study(folder.parent / "records")
    found = systems(study, "test", LABELS)
    first, again = (draw(study, found, tmp_path / name) for name in ("one", "two"))
    assert [p.name for p in first] == ["abstention.svg", "outcomes.svg"]
    for one, two in zip(first, again, strict=True):
        text = one.read_text(encoding="utf-8")
        assert text == two.read_text(encoding="utf-8")
        assert all(f">{system.label}<" in text for system in found.values())


def test_a_system_without_runs_has_no_replies(folder):
    made(folder)
    study = read_study(folder.parent / "records")
    assert not system(study, "test", "raft", "RAFT").shown and systems(study, "dev", LABELS) == {}


def test_all_rows_stand_in_one_table_where_the_runs_tell_what_answering_took(folder):
    assert "All rows in one table" not in made(folder)
    columns = {
        "base": {"rag": "ccciiiiii" + "iia", "closed_book": "ciiiiiiii"},
        "tuned": {"rag": "ccccca" + "aai" + "iic", "closed_book": "cciiiiiii"},
        "tuned_at_point": {"rag": "cccaaa" + "aaa" + "aac", "closed_book": "cciiiiiii"},
    }
    calls = {"base": 12, "tuned": 108, "tuned_at_point": 120}
    evaluated(folder / "raft-0" / "evaluation", columns, calls=calls)
    one = parts(made(folder, labels=LABELS | {"raft": "RAFT"}))[0]
    assert (one["RAFT"]["correct"], one["RAFT"]["false refusals"], one["RAFT"]["J"]) == ("0.56", "0.17", "0.50")
    assert (one["RAFT"]["calls per question"], one["RAFT"]["tokens per question"]) == ("9.0", "3")
    assert (
        one["RAFT, at its point"]["calls per question"] == "10.0" and one["RAFT, at its point"]["calls for data"] == ""
    )
    assert one["base, may decline"]["calls per question"] == "1.0"
    assert (
        one["RAFT"]["closed-book: change"].startswith("+0.11 [")
        and one["base, may decline"]["closed-book: change"] == ""
    )
    assert (one["base, closed-book"]["correct"], one["base, closed-book"]["calls per question"]) == ("0.11", "")
    ours = one["ours"]
    assert (ours["calls for data"], ours["tokens for data"], ours["training tokens"]) == ("20", "1,940", "4,000")
    assert ours["training seconds"] == "12" and ours["calls per question"] == ""


@pytest.mark.parametrize("name", ["study", "study_1_5b"])
def test_the_readme_holds_what_the_records_say(name):
    folder = StudyFolder.named(str(ROOT / "results" / name))
    text = tables.tables(folder, read_study(folder.records))
    page = folder.page.read_text(encoding="utf-8")
    assert tables.BLOCK.search(page), "the marks are gone"
    assert tables.into(page, text) == page, f"run python results/scripts/tables.py results/{name}"


def test_tables_go_between_the_marks_and_nowhere_else():
    page = "before\n<!-- tables -->\nold\n<!-- end of tables -->\nafter\n"
    assert tables.into(page, r"new \1") == "before\n<!-- tables -->\n\nnew \\1\n<!-- end of tables -->\nafter\n"


def test_every_ablation_has_a_sentence_and_a_reference_that_is_a_row():
    folder = StudyFolder(ROOT / "results" / "study")
    assert folder.ablations["reference"] in folder.labels
    assert all(sentence.endswith(".") for sentence in folder.ablations["ablations"].values())


def test_a_pair_that_one_seed_has_no_score_for_still_counts_for_the_others(folder):
    run(folder, "raft-0", "ccccia" + "aai" + "uuu")
    run(folder, "raft-1", "ccccia" + "aai" + "aca")
    text = made(folder, labels=LABELS | {"raft": "RAFT"})
    assert "No replies with gold removed so far: base, plain; RAFT." in text  # one seed would be all there is

    study = read_study(folder.parent / "records")
    seeds = [pairs_of(study.replies(r, "test", "rag", twins=True)) for r in study.runs("self_demo", "test")]
    drawn = drawn_share(Draws(["q0", "q1", "q2"], 20), [seeds[0][:2], seeds[1]], "both_right")
    assert drawn[0] == pytest.approx((1 / 2 + 2 / 3) / 2)


def test_nothing_is_made_from_no_records(tmp_path, monkeypatch):
    folder = study_folder(tmp_path, LABELS)
    folder.page.write_text("<!-- tables -->\nkept\n<!-- end of tables -->\n")
    for script in (tables, plots):
        monkeypatch.setattr("sys.argv", ["script", str(folder.path)])
        with pytest.raises(SystemExit, match="there are no records"):
            script.main()
    assert "kept" in folder.page.read_text() and not folder.plots.exists()


def test_tables_and_plots_go_into_the_folder_that_is_named(folder, monkeypatch):
    made(folder)
    study = StudyFolder(folder.parent)
    study.page.write_text("Mine.\n<!-- tables -->\n<!-- end of tables -->\n")
    for script in (tables, plots):
        monkeypatch.setattr("sys.argv", ["script", str(study.path)])
        script.main()
    assert study.page.read_text().startswith("Mine.") and "| RA-IT |" in study.page.read_text()
    assert [path.name for path in sorted(study.plots.iterdir())] == ["abstention.svg", "outcomes.svg"]


def test_a_damaged_record_is_named(folder):
    made(folder)
    path = folder.parent / "records" / "ra_it-0.json"
    path.write_text(path.read_text()[:40])
    with pytest.raises(UserError, match=r"ra_it-0\.json cannot be read"):
        read_study(path.parent)
