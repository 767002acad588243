"""What a reply denies is not what it claims."""

import pytest

from hf_selfdemo.scoring.answers.claims import asserted, declines, denies, hedges


@pytest.mark.parametrize(
    ("text", "kept", "gone"),
    [
        ("It was not Rome but Paris.", "Paris", "Rome"),
        ("Paris, not Rome", "Paris", "Rome"),
        ("It isn’t Rome. It is Paris.", "Paris", "Rome"),
        ("Paris rather than Rome", "Paris", "Rome"),
        ("Ann Lee did not sing it, she wrote Paris.", "Paris", "Ann"),
        ("Rome is incorrect. The capital is Paris.", "Paris", "Rome"),
        ("It did not open until 1912.", "1912", "open"),
        ("“Never Rome” is about Paris.", "Rome", "nowhere"),
        ("not only Rome", "Rome", "nowhere"),
    ],
)
def test_the_denied_part_goes_and_the_rest_stays(text, kept, gone):
    assert kept in asserted(text) and gone not in asserted(text)


def test_a_text_without_denial_is_left_as_it_is():
    assert not denies("It is Rome.") and asserted("It is Rome.") == "It is Rome."


@pytest.mark.parametrize(
    ("text", "declined"),
    [
        ("I don't know.", True),
        ("I'm sorry, but I don't know who did it.", True),
        ("As an AI language model, I do not have access to current events.", True),
        ("As an AI language model, I cannot browse. However, it was Asuka.", False),
        ("As an AI, I have no opinions, but the answer is Rome.", False),
        ("Sorry, it was Rome.", False),
        ("Rome", False),
    ],
)
def test_a_disclaimer_is_no_refusal(text, declined):
    assert declines(text) is declined


@pytest.mark.parametrize(
    ("text", "question", "open_"),
    [
        ("1912 or 1913", "", True),
        ("Rome, Paris, London or Bonn", "", True),
        ("either Rome or Bonn", "", True),
        ("Rome or Roma", "", False),
        ("It was in 1912 or 1913.", "", False),
        ("tea or coffee or milk", "is it tea or coffee", False),
        ("Rome, Paris and London", "", False),
    ],
)
def test_only_a_bare_list_of_alternatives_is_hedging(text, question, open_):
    assert hedges(text, question) is open_
