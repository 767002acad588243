"""Metrics as Spaces: what `evaluate` needs to load them is there, and no more."""

import evaluate
import pytest
from huggingface_hub import SpaceCard
from made_up_run import code_blocks, written

from hf_selfdemo import metrics
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.hub.metrics import metric_artefacts

PREDICTIONS, REFERENCES = ["It is Bern.", "I don't know.", "Basel"], [["Bern"], ["Oslo"], []]


@pytest.fixture(params=metric_artefacts("me"), ids=lambda artefact: artefact.repo_id)
def artefact(request):
    return request.param


def test_every_metric_of_the_package_is_a_gradio_space(artefact):
    assert {made.repo_id for made in metric_artefacts("me")} == {f"me/{name}" for name in metrics.METRICS}
    name = artefact.repo_id.partition("/")[2]
    assert set(artefact.files) == {"README.md", "app.py", f"{name}.py", "requirements.txt"}
    assert (artefact.repo_type, artefact.space_sdk) == ("space", "gradio")
    assert artefact.files["requirements.txt"] == "hf-selfdemo[metrics]\n"


def test_evaluate_loads_the_files_and_scores_as_the_package_does(artefact, tmp_path):
    folder = written(artefact, tmp_path / artefact.repo_id)
    columns = {"predictions": PREDICTIONS, "references": REFERENCES}
    found = evaluate.load(str(folder), keep_in_memory=True).compute(**columns)
    own = metrics.load(folder.name, keep_in_memory=True).compute(**columns)
    assert found == own and found["n"] == 3


def test_the_card_loads_the_metric_from_where_it_is(artefact):
    card = SpaceCard(artefact.files["README.md"])
    data = card.data.to_dict()
    assert data["sdk"] == "gradio" and data["app_file"] == "app.py" and float(data["python_version"]) >= 3.11
    assert f'metric = evaluate.load("{artefact.repo_id}")' in code_blocks(artefact.files["README.md"])[0]
    assert "pip install 'hf-selfdemo[metrics]'" in card.text
    assert "hf_selfdemo.metrics.load" not in card.text and "path of this folder" not in card.text


def test_the_example_on_the_card_gives_what_it_says(artefact, capsys, monkeypatch):
    monkeypatch.setattr(evaluate, "load", lambda repo_id: metrics.load(repo_id.partition("/")[2], keep_in_memory=True))
    code = code_blocks(artefact.files["README.md"])[0]
    exec(compile(code, "card", "exec"), {})
    said = [line.removeprefix("# ") for line in code.splitlines() if line.startswith("# ")]
    assert capsys.readouterr().out.splitlines() == said and said


@pytest.mark.parametrize("namespace", ["me/metrics", "", ".."])
def test_a_namespace_that_is_none_is_refused(namespace):
    with pytest.raises(UserError):
        metric_artefacts(namespace)
