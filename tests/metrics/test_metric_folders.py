"""A metric's folder is what a Space wants: a card that tells the truth, its page, and what to install."""

import contextlib
import io
import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml

import hf_selfdemo.metrics
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.metrics import METRICS, abstention, qa_accuracy
from hf_selfdemo.metrics.demo import scored

NAMES = sorted(METRICS)
ROOT = Path(__file__).parent.parent.parent
FOLDER = Path(hf_selfdemo.metrics.__file__).parent


def card(name):
    return (FOLDER / name / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_the_head_of_a_card_is_that_of_a_gradio_space_of_a_metric(name):
    head = yaml.safe_load(card(name).split("---\n")[1])
    assert head["title"] == name
    assert (head["sdk"], head["license"], set(head["tags"])) == ("gradio", "apache-2.0", {"evaluate", "metric"})
    assert head["description"].strip()
    assert (FOLDER / name / head["app_file"]).exists()


@pytest.mark.parametrize("name", NAMES)
def test_the_requirements_are_an_extra_that_brings_evaluate(name):
    wanted = (FOLDER / name / "requirements.txt").read_text(encoding="utf-8").strip()
    package, extra = re.fullmatch(r"([\w-]+)\[(\w+)\]", wanted).groups()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert package == project["name"]
    assert any(one.startswith("evaluate") for one in project["optional-dependencies"][extra])


def printed(text):
    """What the Python blocks of a text print, and what their comments say they do."""
    code = "\n".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL))
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(code, {})
    return out.getvalue().splitlines(), re.findall(r"^# (.*)$", code, re.MULTILINE)


@pytest.mark.parametrize("page", [*(FOLDER / name / "README.md" for name in NAMES), ROOT / "docs" / "metrics.md"])
def test_examples_print_what_they_say(page, evaluate):
    said, expected = printed(page.read_text(encoding="utf-8"))
    assert said and said == expected


@pytest.mark.parametrize(("name", "score"), [("abstention", abstention.score), ("qa_accuracy", qa_accuracy.score)])
def test_a_card_names_every_figure_and_option(name, score, columns):
    text = card(name)
    found = score(**columns, **({"confidences": [0.5] * 7} if name == "abstention" else {}))
    for figure in found:
        assert figure.removesuffix("_attempted") in text, figure
    for option in score.__kwdefaults__:
        assert f"**{option}**" in text, option


def test_the_page_scores_json(columns):
    assert scored(qa_accuracy.score, json.dumps(columns)) == qa_accuracy.score(**columns)


@pytest.mark.parametrize(
    "text", ["", "[1]", '{"predictions": ["x"]}', '{"predictions": ["x"], "references": ["x"], "no": 1}']
)
def test_the_page_refuses_what_is_no_input(text):
    with pytest.raises(UserError, match="the input cannot be scored"):
        scored(qa_accuracy.score, text)


@pytest.mark.parametrize("name", NAMES)
def test_the_page_can_be_built(name):
    gradio = pytest.importorskip("gradio", reason="gradio comes with a Space, not with the package")
    from hf_selfdemo.metrics.demo import demo

    page = demo({"abstention": abstention, "qa_accuracy": qa_accuracy}[name].score, FOLDER / name)
    assert page.fn('{"predictions": ["Bern"], "references": ["Bern"]}')["n"] == 1
    with pytest.raises(gradio.Error):
        page.fn("no JSON")
