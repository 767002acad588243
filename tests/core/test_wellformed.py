"""Half a character never gets past a reply: not from a model, and not from a ledger that holds one."""

import json
import sqlite3

import pytest

from hf_selfdemo.core.ledger import Ledger
from hf_selfdemo.core.types import Reply
from hf_selfdemo.core.wellformed import well_formed, well_formed_json
from hf_selfdemo.generation.recorded import RecordedGenerator
from hf_selfdemo.generation.scripted import ScriptedGenerator
from hf_selfdemo.judging.answer_match import AnswerMatchJudge
from hf_selfdemo.methods.demonstrations import demonstrate
from hf_selfdemo.methods.self_demo import SelfDemo

HALF = chr(0xD83D)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("amber", "amber"),
        ("Évian 🙂", "Évian 🙂"),
        (f"amber{HALF}", "amber\ufffd"),
        (f"{HALF}amber", "\ufffdamber"),
        (chr(0xDE00) + HALF, "\ufffd\ufffd"),
        (f"a{HALF}é", "a\ufffdé"),
        (HALF + chr(0xDE00), "\U0001f600"),
    ],
)
def test_half_a_character_is_replaced_and_two_halves_are_one(text, expected):
    assert well_formed(text) == expected
    assert well_formed_json({text: [text, 1, None]}) == {expected: [expected, 1, None]}
    assert well_formed(text).encode().decode() == expected


def test_a_reply_is_well_formed():
    reply = Reply(f"It is amber{HALF}.", error=f"said {HALF}")
    assert (reply.text, reply.error) == ("It is amber\ufffd.", "said \ufffd")


def test_replies_with_half_a_character_end_in_a_dataset(row, tmp_path):
    said = {"refusal": f"I don't know.{HALF}"}
    generator = ScriptedGenerator(lambda request: said.get(request.stage, f"Clemens Winkler{HALF}"))
    recorded = RecordedGenerator(generator, Ledger(tmp_path / "ledger.sqlite"))
    dataset = demonstrate([row], SelfDemo(), recorded, AnswerMatchJudge(), tmp_path / "demonstrations")
    assert dataset["response"] == ["Clemens Winkler\ufffd"]


def test_a_ledger_that_holds_half_a_character_can_be_gone_on_with(tmp_path):
    path = tmp_path / "ledger.sqlite"
    ledger = Ledger(path)
    ledger.put("k", "m", "rag", "q", Reply("It is amber."))
    ledger.close()
    with sqlite3.connect(path) as db:
        [(kept,)] = db.execute("SELECT reply FROM calls")
        before = json.dumps(json.loads(kept) | {"text": f"It is amber{HALF}."})
        db.execute("UPDATE calls SET reply = ?, checksum = NULL", (before,))  # as an earlier version left it
    assert "\\ud83d" in before
    assert Ledger(path).get("k").text == "It is amber\ufffd."
