"""A name that is mentioned is not the answer that is given."""

import pytest
from hand_written import pairs

from hf_selfdemo.scoring.answers.match import answers_match
from hf_selfdemo.scoring.answers.mentions import given

# question, accepted answer, right predictions, wrong predictions
TABLE = [
    (
        "Who won the final?",
        "Ajax",
        [
            "Ajax won the final. Milan had been the favourites.",
            "Ajax. They beat Milan.",
            "The favourites were Milan. Ajax won the final.",
            "Milan led for long, but Ajax won the final.",
        ],
        [
            "The favourites were Ajax. Milan won the final.",
            "Ajax led for long, but Milan won the final.",
            "The favourites were Ajax, but Milan won.",
        ],
    ),
    (
        "Who designed it?",
        "Odalys Brenk",
        [
            "Odalys Brenk designed it.",
            "It was designed by Odalys Brenk, the sister of Tom Brenk.",
            "It was designed by the architect Odalys Brenk.",
        ],
        [
            "It was designed by the brother of Odalys Brenk.",
            "It was designed by Odalys Brenk's brother.",
            "It was designed by a student of Odalys Brenk.",
            "Odalys Brenk's husband designed it.",
        ],
    ),
    (
        "Who discovered it?",
        "Fleming",
        [
            "It was Fleming.",
            "Many believe it was Duchesne, but it was Fleming.",
            "Contrary to popular belief, it was Fleming who discovered it.",
            "Many believe it was Fleming.",
        ],
        [
            "Many believe it was Fleming, but it was Duchesne.",
            "It is often credited to Fleming, but Duchesne found it.",
            "Although many think it was Fleming, it was Duchesne.",
            "It is commonly thought that Fleming discovered it. In fact, it was Duchesne.",
            "People often assume Fleming discovered it; however, it was Duchesne.",
        ],
    ),
    (
        "When did it open?",
        "1912",
        ["It was planned for 1910 but opened in 1912.", "It opened in 1912."],
        ["It was planned for 1912 but opened in 1914.", "It was scheduled to open in 1912; it opened in 1914."],
    ),
    (
        "Whose brother designed it?",
        "Odalys Brenk",
        ["It was designed by the brother of Odalys Brenk.", "Odalys Brenk's brother designed it."],
        [],
    ),
]


@pytest.mark.parametrize(("question", "answer", "prediction", "right"), pairs(TABLE))
def test_what_is_mentioned_is_not_given(question, answer, prediction, right):
    assert answers_match(prediction, [answer], question) is right


def test_a_long_reply_is_left_as_it_is():
    long = "Many believe it was Fleming, but it was Duchesne. " * 9
    assert given(long) == long and given("Many believe it was Fleming, but this is disputed.").startswith("Many")
