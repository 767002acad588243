"""An instruction follows the question, or goes before it in a turn of its own; passages are shown unless told not."""

import pytest

from hf_selfdemo.prompting.instructions import instructed_messages


@pytest.mark.parametrize("source", ["rag", "refusal", "gold"])
def test_the_instruction_ends_the_user_s_turn_after_passages_and_question(row, source):
    [turn] = instructed_messages(source, "Name the chemist.", row)
    assert turn["role"] == "user"
    places = [turn["content"].index(text) for text in ("Courtois", "Winkler", row.question.text, "Name the chemist.")]
    assert places == sorted(places)
    assert turn["content"].endswith("\nName the chemist.")


@pytest.mark.parametrize("as_system", [False, True])
def test_closed_book_shows_no_passage(row, as_system):
    said = instructed_messages("closed_book", "Name the chemist.", row, as_system)
    assert "Winkler" not in str(said) and "Courtois" not in str(said)
    assert said[-1]["content"].startswith("Question: Who discovered germanium?")


def test_as_a_system_turn_it_goes_first_and_the_question_ends_the_prompt(row):
    system, user = instructed_messages("rag", "Name the chemist.", row, as_system=True)
    assert system == {"role": "system", "content": "Name the chemist."}
    assert user["role"] == "user" and "Winkler" in user["content"]
    assert user["content"].endswith("\nQuestion: Who discovered germanium?")


@pytest.mark.parametrize("as_system", [False, True])
def test_no_instruction_leaves_the_question_alone(row, as_system):
    [turn] = instructed_messages("closed_book", "", row, as_system)
    assert turn == {"role": "user", "content": "Question: Who discovered germanium?"}


def test_template_syntax_in_an_instruction_stays_text(row):
    wording = "{{ question }} {% if x %}"
    assert instructed_messages("rag", wording, row)[0]["content"].endswith(f"\n{wording}")
    assert instructed_messages("rag", wording, row, as_system=True)[0]["content"] == wording
