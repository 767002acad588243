"""What an answer asks of a prediction depends on what it is, and on its question."""

import pytest

from hf_selfdemo.scoring.answers.expected import ASKED, CONTENT, GENERAL, asking, expected


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("when did it open", "time"),
        ("in what year was it", "time"),
        ("who sang it", "person"),
        ("how many are there", "amount"),
        ("how tall is it", "amount"),
        ("where is it", "place"),
        ("how does it work", "other"),
        ("", "other"),
    ],
)
def test_what_a_question_asks_for(question, kind):
    assert asking(question).kind == kind


def test_a_year_is_a_date_if_a_time_is_asked_for_and_a_number_otherwise():
    assert expected("1895", "when was it").dates and not expected("1895", "when was it").amount
    assert expected("1895", "how many are there").amount and not expected("1895", "how many are there").dates


def test_words_weigh_by_what_they_tell():
    assert expected("the naval base of Bonn city", "what was the base").weights == (
        0,
        CONTENT,
        ASKED,
        0,
        CONTENT,
        GENERAL,
    )


def test_the_land_of_a_place_tells_little():
    assert expected("Canton, Ohio").weights == (CONTENT, GENERAL)
    assert expected("Canton, Ohioan").weights == (CONTENT, CONTENT)


@pytest.mark.parametrize(
    ("answer", "question", "parts"),
    [
        ("Simon and Garfunkel", "who sang it", ("Simon", "Garfunkel")),
        ("Ann Lee, Bo Day and Cy Fox", "who sang it", ("Ann Lee", "Bo Day", "Cy Fox")),
        ("Canton, Ohio", "where is it", ()),
        ("Canton, Ohio", "what city is it", ()),
        ("Sammy Davis, Jr.", "who sang it", ()),
        ("trial and error", "how is it found", ()),
    ],
)
def test_a_list_of_names_has_parts(answer, question, parts):
    assert expected(answer, question).parts == parts


def test_a_name_is_looked_for_only_if_a_person_is_asked_for():
    assert expected("Ann Lee", "who sang it").name == ("ann", "lee")
    assert expected("Ann Lee", "where is it").name == ()
