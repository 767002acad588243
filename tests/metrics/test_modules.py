"""As modules of `evaluate` the metrics give what the functions give, however they are loaded and fed."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import hf_selfdemo.metrics
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.metrics import METRICS, load

NAMES = sorted(METRICS)
FOLDER = Path(hf_selfdemo.metrics.__file__).parent


def scorer(name):
    return importlib.import_module(f"hf_selfdemo.metrics.{name}").score


def from_package(evaluate, name, monkeypatch):
    return load(name)


def from_path(evaluate, name, monkeypatch):
    return evaluate.load(str(FOLDER / name))


def as_pushed(evaluate, name, monkeypatch):
    """All of the way from the Hub but the download."""
    import evaluate.loading as loading

    monkeypatch.setattr(loading, "increase_load_count", lambda *args, **options: None)
    factory = loading.HubEvaluationModuleFactory
    monkeypatch.setattr(factory, "download_loading_script", lambda self, revision: str(FOLDER / name / f"{name}.py"))
    return evaluate.load(f"someone/{name}", module_type="metric")


@pytest.mark.parametrize("loaded", [from_package, from_path, as_pushed])
@pytest.mark.parametrize("name", NAMES)
def test_every_way_to_load_a_module_gives_the_figures_of_the_function(evaluate, monkeypatch, name, loaded, columns):
    metric = loaded(evaluate, name, monkeypatch)
    assert metric.name == name
    assert metric.compute(**columns) == scorer(name)(**columns)


@pytest.mark.parametrize("name", NAMES)
def test_rows_may_come_one_by_one_or_in_batches(evaluate, name, columns):
    metric, expected = load(name), scorer(name)(**columns)
    for prediction, reference in zip(*columns.values(), strict=True):
        metric.add(prediction=prediction, reference=reference)
    assert metric.compute() == expected
    for part in (slice(0, 3), slice(3, None)):
        metric.add_batch(**{column: values[part] for column, values in columns.items()})
    assert metric.compute() == expected


@pytest.mark.parametrize("name", NAMES)
def test_options_reach_the_function(evaluate, name, columns):
    options = {"rows": True, "questions": ["Where?"] * 7}
    assert load(name).compute(**columns, **options) == scorer(name)(**columns, **options)


def test_metrics_can_be_combined_and_each_takes_its_own_options(evaluate, columns):
    both = evaluate.combine([load(name) for name in NAMES])
    options = {"answerable": [True] * 7, "confidences": [0.5] * 7, "rows": True}
    found = both.compute(**columns, **options)
    expected = scorer("abstention")(**columns, **options)
    assert found["abstention_n"] == found["qa_accuracy_n"] == 7
    assert (found["aurc"], found["false_refusals"]) == (expected["aurc"], expected["false_refusals"])
    assert found["qa_accuracy_rows"] == scorer("qa_accuracy")(**columns, rows=True)["rows"]
    for prediction, reference in zip(*columns.values(), strict=True):
        both.add(prediction=prediction, reference=reference)
    assert both.compute(**options) == found


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"references": [["x"]]}, "references has 1 rows, but predictions has 7"),
        ({"predictions": ["x"] * 6 + [None]}, r"predictions\[6\] is None"),
        ({"references": [["x"]] * 6 + [None]}, r"references\[6\] is None"),
        ({"answerble": [True] * 7}, "option 'answerble' is unknown: did you mean 'answerable'"),
    ],
)
@pytest.mark.parametrize("name", NAMES)
def test_what_does_not_fit_is_named_and_the_module_can_be_used_again(evaluate, name, change, message, columns):
    metric = load(name)
    with pytest.raises(UserError, match=message):
        metric.compute(**columns | change)
    assert metric.compute(**columns) == scorer(name)(**columns)


def test_a_misspelt_metric_is_refused_with_the_near_one():
    with pytest.raises(UserError, match="did you mean 'qa_accuracy'"):
        load("qa_acuracy")


def test_without_evaluate_the_remedy_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "evaluate", None)
    for name in NAMES:
        monkeypatch.delitem(sys.modules, METRICS[name].partition(":")[0], raising=False)
    with pytest.raises(UserError, match=r"pip install 'hf-selfdemo\[metrics\]'"):
        load("abstention")


def test_the_functions_need_no_heavy_library():
    code = (
        "import sys\nfrom hf_selfdemo.metrics import abstention, qa_accuracy\n"
        "assert qa_accuracy.score(['Bern'], [['Bern']])['match'] == abstention.score(['Bern'], ['Bern'])['accuracy']\n"
        "print([m for m in ('evaluate', 'datasets', 'torch', 'numpy', 'gradio') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
