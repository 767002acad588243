"""An accepted answer that explains itself is answered by what it explains."""

import pytest
from hand_written import pairs

from hf_selfdemo.scoring.answers.glosses import plain_answers
from hf_selfdemo.scoring.answers.match import answers_match

# question, accepted answer, right predictions, wrong predictions
TABLE = [
    (
        "Which animal is it?",
        "Echidna (spiny anteater)",
        ["Echidna", "an echidna", "spiny anteater", "It is the echidna."],
        ["hedgehog"],
    ),
    (
        "Who was the only English pope?",
        "Nicholas Breakspear, who was Adrian IV",
        ["Nicholas Breakspear", "Adrian IV", "Pope Adrian IV"],
        ["Adrian VI", "Nicholas II"],
    ),
    ("Which site sold the tickets?", "The Spot, or thespot.com", ["The Spot", "thespot.com"], ["The Dot"]),
    ("Who leads the party?", "Mary Harney, TD", ["Mary Harney"], ["Mary Robinson, TD", "TD"]),
    ("Who wrote the report?", "John Birch, OBE", ["John Birch"], ["John Oak, OBE"]),
    (
        "What is the cell's energy store?",
        "adenosine diphosphate (ADP)",
        ["ADP", "adenosine diphosphate"],
        ["ATP", "adenosine triphosphate"],
    ),
    (
        "Which layer is it?",
        "physical layer or layer 1",
        ["the physical layer", "layer 1"],
        ["layer 2", "the network layer"],
    ),
    (
        "What is the line called?",
        "180th meridian or antimeridian",
        ["antimeridian", "the 180th meridian"],
        ["the prime meridian"],
    ),
    ("Which lake dries up?", "A turlough, or turlach", ["turlough", "a turlach"], ["a lagoon"]),
    ("How many shops are there?", "2,630 (December 2016)", ["2,630"], ["2016", "December"]),
    ("Who plays the bongos?", "Rocky Dzidzornu – congas", ["Rocky Dzidzornu"], ["congas"]),
    ("Who is it?", "Elvis Aron (singer)", ["Elvis Aron"], ["a singer"]),
    ("Which town is it?", "Paris (Texas)", ["Paris, Texas", "Paris"], ["Texas"]),
    (
        "Which gas is it?",
        "Nitrous oxide, also known as laughing gas",
        ["nitrous oxide", "laughing gas"],
        ["nitric oxide"],
    ),
    ("Which city is it?", "Mumbai, formerly Bombay", ["Mumbai", "Bombay"], ["Madras"]),
    ("Which drug is it?", "Paracetamol (also called acetaminophen)", ["acetaminophen", "paracetamol"], ["aspirin"]),
    (
        "Who painted it?",
        "Domenikos Theotokopoulos, better known as El Greco",
        ["El Greco", "Domenikos Theotokopoulos"],
        ["Goya"],
    ),
    (
        "Which body decides?",
        "The European Court of Justice, which sits in Luxembourg",
        ["the European Court of Justice"],
        ["Luxembourg", "the Supreme Court"],
    ),
    ("Which city is it?", "Milan, the capital of fashion", ["Milan"], ["Turin"]),
    ("Which TV show is it from?", "the drama series Gunsmoke", ["Gunsmoke"], ["a drama"]),
    (
        "Which act was it?",
        "Chinese Exclusion Act in 1882",
        ["the Chinese Exclusion Act"],
        ["the Naturalization Act", "1882"],
    ),
    ("What is the capital?", "either Bern or Berne", ["Bern", "Berne"], ["Basel"]),
    ("Which word?", "vaskania (βασκανία)", ["vaskania"], ["mati"]),
    ("Which film?", "Life (or Something Like It)", ["Life or Something Like It"], []),
    ("Which song won?", "(I Can't Get No) Relief", ["I Can't Get No Relief", "Relief"], ["I Can't Get No Sleep"]),
    ("Which play?", "Henry IV (Part 1)", ["Henry IV Part 1"], ["Henry IV, Part 2"]),
    ("What do they sell?", "Tea or coffee", ["tea", "coffee"], ["milk"]),
    ("Which band sang it?", "Dead or Alive", ["Dead or Alive"], []),
    (
        "Which chemical is it?",
        "sodium chloride (table salt)",
        ["sodium chloride", "table salt"],
        ["potassium chloride", "table sugar"],
    ),
    (
        "Which org was it?",
        "The International Labour Organisation (ILO)",
        ["ILO", "International Labour Organisation"],
        ["IMF", "WHO"],
    ),
    ("Which rock?", "Uluru / Ayers Rock", ["Uluru", "Ayers Rock"], ["Castle Rock"]),
    ("Who scored?", "Michael Owen [England]", ["Michael Owen"], ["England"]),
    ("When was it?", "1895 (or 1896)", ["1895", "1896"], ["1897"]),
    ("When did he die?", "17 May 1510 (aged 65)", ["17 May 1510"], ["65"]),
    ("Which city?", "New York City, New York (USA)", ["New York City"], ["New Jersey"]),
    (
        "Who was she?",
        "Elizabeth Woodville, the widow of Sir John Grey",
        ["Elizabeth Woodville"],
        ["John Grey", "Elizabeth of York"],
    ),
    ("Which term is it?", "Interphase - specifically G0", ["interphase"], ["metaphase"]),
    ("Which planet?", "Mercury (planet)", ["Mercury"], ["a planet", "Venus"]),
    ("Which writer?", "Samuel Clemens a.k.a. Mark Twain", ["Mark Twain", "Samuel Clemens"], ["Samuel Johnson"]),
    ("Who won it?", "Norway (gold)", ["Norway"], ["gold"]),
    ("Who was it?", "Dr. Martin Luther King, Jr.", ["Martin Luther King"], ["Jr."]),
    ("Where was it?", "Tandi, in Lahaul", ["Tandi"], ["Kullu"]),
    ("Who holds the post?", "Lord Smith of Kelvin, KT, CH", ["Lord Smith of Kelvin"], ["CH"]),
    (
        "What is it for?",
        "To measure the depth (of water)",
        ["to measure the depth", "measure the depth of water"],
        ["to measure the speed"],
    ),
    ("Which club?", "Lokomotiv (Plovdiv)", ["Lokomotiv Plovdiv", "Lokomotiv"], ["Botev Plovdiv", "Plovdiv"]),
    ("Who gave it?", "the states or the people", ["the states", "the people"], ["the king"]),
]


@pytest.mark.parametrize(("question", "answer", "prediction", "right"), pairs(TABLE))
def test_the_plain_answer_is_enough_and_the_gloss_alone_is_not(question, answer, prediction, right):
    assert answers_match(prediction, [answer], question) is right


@pytest.mark.parametrize(
    "answer",
    [
        "Romeo and Juliet",
        "Canton, OH",
        "New York, NY",
        "the wolf, the bear and the fox",
        "(2)",
        "()",
        "or",
        "copper(I) oxide",
        "ten or more",
        "AC/DC",
        "1912 - 1915",
        "Dead or Alive",
        "Season 4 (episode 2)",
    ],
)
def test_an_answer_without_a_gloss_stays_as_it_is(answer):
    assert plain_answers(answer) == (answer,)


def test_a_question_with_or_wants_a_choice():
    assert plain_answers("tea or coffee", "Did they sell tea or coffee?") == ("tea or coffee",)
