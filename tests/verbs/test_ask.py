"""`hf-selfdemo ask`: passages, the answer as it is written, what it rests on, and a session that ends cleanly."""

import json
import shutil

import pytest

from hf_selfdemo.core.manifest import write_json
from hf_selfdemo.generation.scripted import ScriptedGenerator
from hf_selfdemo.methods.answering import PromptAnswerer
from hf_selfdemo.methods.at_point import write_point
from hf_selfdemo.scoring.confidence import Mix
from hf_selfdemo.scoring.operating_point import REFUSAL, Aim, OperatingPoint
from hf_selfdemo.verbs import app, ask
from hf_selfdemo.verbs.cli import main


@pytest.fixture
def flags(tmp_path, model_folder):
    (tmp_path / "run").mkdir()
    corpus = [
        {"id": "1", "title": "The hall", "text": "Ada Storm built the hall in 1901."},
        {"id": "2", "title": "The bridge", "text": "The bridge near the hall is older."},
        {"id": "3", "title": "The mill", "text": "Corn was ground there."},
    ]
    (tmp_path / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in corpus))
    return [
        *(f"--output_dir={tmp_path / 'run'}", f"--model_name_or_path={model_folder}"),
        *(f"--test_corpus={tmp_path / 'corpus.jsonl'}", "--passages_per_question=2", "--max_answer_tokens=8"),
    ]


@pytest.fixture
def says(monkeypatch):
    """Let the model say something."""

    def script(text):
        monkeypatch.setattr(app, "in_process", lambda *parts: ScriptedGenerator(lambda request: text))

    return script


@pytest.fixture
def typed(monkeypatch):
    """Type these lines; an exception among them is raised in place of a line."""

    def script(*lines):
        left = iter(lines)

        def read_line(prompt):
            line = next(left, None)
            if isinstance(line, BaseException):
                raise line
            return line

        monkeypatch.setattr(ask, "read_line", read_line)

    return script


def test_one_question_shows_passages_the_answer_and_what_it_rests_on(flags, says, capsys):
    says("It was Ada Storm, in 1901.")
    assert main(["ask", "Who built the hall?", *flags]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "[1] The hall: Ada Storm built the hall in 1901.",
        "[2] The bridge: The bridge near the hall is older.",
        "It was Ada Storm, in 1901.",
        "  rests on [1]",
    ]


def test_the_question_may_come_last(flags, says, capsys, tmp_path):
    says("It was Ada Storm.")
    (tmp_path / "mine.yaml").write_text("max_answer_tokens: 8\n")
    ended = (["--config", str(tmp_path / "mine.yaml")], [flags[0]], ["--output_dir", str(tmp_path / "run")])
    for last in ended:
        assert main(["ask", *flags, *last, "Who built the hall?"]) == 0
        assert "It was Ada Storm." in capsys.readouterr().out


def test_the_corpus_of_a_run_is_not_replaced_by_the_embedded_one(flags, says, capsys, tmp_path):
    says("Ada Storm.")
    (tmp_path / "run/evaluation").mkdir()
    write_json(tmp_path / "run/evaluation/manifest.json", {"data": {"test_corpus": "corpus.jsonl"}})
    forgotten = [flag for flag in flags if not flag.startswith("--test_corpus")]
    assert main(["ask", "Who built the hall?", *forgotten]) == 2
    said = capsys.readouterr()
    assert "was evaluated with the corpus corpus.jsonl" in said.err and "set test_corpus" in said.err and not said.out
    assert main(["ask", "Who built the hall?", *forgotten, "--evaluate_modes", "closed_book"]) == 0
    assert main(["ask", "Who built the hall?", *flags]) == 0


@pytest.mark.parametrize(
    ("reply", "line"),
    [
        ("The passages do not say who built it.", "  abstains"),
        ("It was Olaf Winkler.", "  in no passage: olaf, winkler"),
        ("", "  no answer"),
    ],
)
def test_abstentions_and_words_of_no_passage_are_told(flags, says, capsys, reply, line):
    says(reply)
    assert main(["ask", "--question=Who built the hall?", *flags]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == line


def test_without_passages_none_are_shown(flags, says, capsys):
    says("It was Ada Storm.")
    assert main(["ask", "Who built the hall?", *flags, "--evaluate_modes", "closed_book"]) == 0
    assert capsys.readouterr().out == "It was Ada Storm.\n"


def test_a_session_answers_line_by_line_and_goes_on_after_a_bad_question(flags, says, typed, capsys):
    says("It was Ada Storm.")
    typed("Who built the hall?", "  ", "x" * 501, "Who built the hall?")
    assert main(["ask", *flags]) == 0
    said = capsys.readouterr()
    assert said.out.count("It was Ada Storm.") == 2
    assert "the question has 501 characters: use at most 500" in said.err and said.err.endswith("stopped\n")


def test_ctrl_c_ends_a_session_without_an_error(flags, says, typed, capsys):
    says("It was Ada Storm.")
    typed("Who built the hall?", KeyboardInterrupt())
    assert main(["ask", *flags]) == 0
    assert capsys.readouterr().err.splitlines()[-1] == "stopped"


def test_the_answer_is_shown_while_it_is_written(flags, monkeypatch):
    parts, whole = [], []
    monkeypatch.setattr(ask, "show_part", parts.append)
    monkeypatch.setattr(ask, "show", whole.append)
    monkeypatch.setattr(ask, "_about", lambda answer, *rest: [answer.text])
    assert main(["ask", "Who built the hall?", *flags]) == 0
    *_, left, reply = whole
    assert len(parts) > 1 and "".join(parts) + left == reply.strip()


def test_the_operating_point_of_the_model_is_applied(flags, model_folder, tmp_path, capsys):
    shutil.copytree(model_folder, tmp_path / "tuned")
    point = OperatingPoint(Aim("f_score"), Mix((("logprob", 1.0),), 0.0), 0.99, ())
    write_point(tmp_path / "tuned", point, PromptAnswerer(8), 8, {})
    assert main(["ask", "Who built the hall?", *flags, "--adapters", f"tuned={tmp_path / 'tuned'}"]) == 0
    *_, answer, confidence, abstains = capsys.readouterr().out.splitlines()
    assert answer == REFUSAL and abstains == "  abstains"
    assert "below the operating point 0.99" in confidence


def test_a_corpus_is_needed_for_passages(flags, refused):
    assert "ask without passages: --evaluate_modes closed_book" in refused("ask", "Who?", *flags, "--retriever=given")
