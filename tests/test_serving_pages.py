"""The pages on serving and frameworks: their Python runs against a scripted server, excerpts are the examples'."""

import re
import shutil
from pathlib import Path

import pytest
from chat_servers import MockServer

from hf_selfdemo.methods.answering import PromptAnswerer, single_prompt

ROOT = Path(__file__).parent.parent


def blocks(page):
    return re.findall(r"```python\n(.*?)```", (ROOT / "docs" / page).read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def run_folder(model_folder, tmp_path, monkeypatch):
    """A folder with `runs/mine/model` and `runs/mine/merged`, as training and merging leave them."""
    for name in ("model", "merged"):
        shutil.copytree(model_folder, tmp_path / "runs/mine" / name)
    (tmp_path / "runs/mine/merged/prompt.jinja").write_text(PromptAnswerer().template())
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("said", ["Ada Storm.", "The passages do not mention it."])
def test_both_ways_of_asking_a_server_send_the_prompt_of_training(run_folder, said, capsys):
    server = MockServer()
    server.answer = lambda body: server.completion(said)
    try:
        for block in blocks("serving.md"):
            assert "http://localhost:8000/v1" in block
            exec(block.replace("http://localhost:8000/v1", server.url), {})
    finally:
        server.close()
    told = "abstains" if "mention" in said else said
    assert capsys.readouterr().out.splitlines() == [told, said]
    first, second = server.bodies
    from hf_selfdemo import Passage

    prompt = single_prompt("Who built the hall?", [Passage("1", "Ada Storm built it in 1901.", title="The hall")])
    assert first["messages"] == second["messages"] == list(prompt)
    assert {key: first[key] for key in ("model", "temperature", "max_tokens")} == {
        key: second[key] for key in ("model", "temperature", "max_tokens")
    }


@pytest.mark.parametrize("page", ["frameworks.md", "python.md"])
def test_a_trained_model_is_used_in_a_few_lines(page, run_folder, capsys):
    [block] = [block for block in blocks(page) if "load_rag_model(" in block and "server" not in block]
    exec(block, scope := {})
    assert capsys.readouterr().out.split()[-2:] == [str(scope["answer"].abstained), "None"]


def test_excerpts_are_what_the_examples_say():
    examples = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "examples").glob("*_rag.py"))
    excerpts = blocks("frameworks.md")[1:]
    assert len(excerpts) == 3 and all(block in examples for block in excerpts)
