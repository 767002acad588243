"""What a server says, in errors and replies, reaches the terminal as text."""

import json

from hf_selfdemo.verbs.cli import main

COMMANDS = "[/x] \x1b]0;owned\x07 \u202e"


def test_what_a_server_says_reaches_the_terminal_as_text(mock_server, tmp_path, model_folder, capsys):
    row = {"id": "q", "question": "Who built the hall?", "answers": ["Ada"]}
    passages = {"ctxs": [{"id": "p", "title": "", "text": "Ada built the hall."}]}
    (tmp_path / "q.jsonl").write_text(json.dumps(row | passages) + "\n")
    keys = [
        *(f"--output_dir={tmp_path / 'run'}", f"--model_name_or_path={model_folder}", "--engine=server"),
        *(f"--server_url={mock_server.url}", f"--train_questions={tmp_path / 'q.jsonl'}", "--train_corpus=questions"),
        *("--test_questions", "embedded", "--test_corpus=embedded", "--max_test_questions=2", "--retriever=given"),
        *("--preset=dpr", "--passages_per_question=1", "--max_train_unanswerable=0", "--use_cpu"),
    ]
    mock_server.answer = lambda body: (400, {"error": {"message": f"bad {COMMANDS}"}}, {})
    assert main(["demonstrate", *keys]) == 2
    refused = "".join(capsys.readouterr())
    assert "[/x] ⟨U+001B⟩]0;owned⟨U+0007⟩ ⟨U+202E⟩" in refused
    mock_server.answer = lambda body: mock_server.completion(f"Ada. {COMMANDS}")
    assert main(["demonstrate", *keys]) == 0 and main(["preflight", *keys]) == 0
    told = "".join(capsys.readouterr())
    assert "Ada. [/x] ⟨U+001B⟩]0;owned⟨U+0007⟩" in " ".join(told.split())
    assert not {"\x07", "\x1b", "\u202e"} & set(refused + told)
