"""An amount is right in any notation, and wrong in another magnitude, unit or currency, or out of its range."""

import pytest
from hand_written import pairs

from hf_selfdemo.scoring.answers.match import answers_match

MANY, LONG, WHEN, COST = "how many are there", "how long is it", "when was it", "how much did it cost"

# question, accepted answer, right predictions, wrong predictions
TABLE = [
    (
        MANY,
        "20-40 million",
        ["30 million", "about 25,000,000", "20 to 40 million"],
        ["543", "30", "5 million", "41 million"],
    ),
    (MANY, "20 million to 40 million", ["30 million"], ["543"]),
    (MANY, "between 3,000 and 5,000", ["4,200"], ["42"]),
    (
        WHEN,
        "July to October 1783",
        ["from July to October 1783", "August 1783", "July–October 1783"],
        ["May 1700", "August 1700", "November 1783"],
    ),
    (WHEN, "June and July 1944", ["June–July 1944"], ["June 1812"]),
    (LONG, "13.1 km", ["13 km", "13.1 kilometres", "13,100 m"], ["14 km", "12 km", "13.1 miles"]),
    (MANY, "11.1 million", ["11 million", "11,100,000", "11.1m"], ["12 million", "11.1 billion", "10 million"]),
    (MANY, "12.65 m", ["12.7 m", "12.6 m"], ["13.5 m"]),
    (COST, "$5M", ["$5 million", "5 million dollars", "$5m", "US$5 million"], ["$5", "$5 billion", "5 metres"]),
    (COST, "$5 million", ["$5M", "5M USD", "$5,000,000", "$5 mil"], ["$5k"]),
    (MANY, "3.2M", ["3.2 million", "3,200,000"], ["3.2", "3.2 metres"]),
    (MANY, "18,426", ["18, 426", "18 426", "18\xa0426", "18\u202f426", "18426"], ["18", "426", "18, 427"]),
    (MANY, "18, 426", ["18,426", "18426"], ["18"]),
    (COST, "£50m", ["50 million pounds", "£50 million", "£50,000,000"], ["50 metres", "50m tall", "£50bn", "£50"]),
    (LONG, "50 metres", ["50 m", "50m", "fifty metres"], ["£50m", "50 million", "50 miles"]),
    (COST, "€1.2bn", ["1.2 billion euros", "€1,200,000,000"], ["€1.2 million", "$1.2bn"]),
    (COST, "¥300 million", ["300 million yen", "JPY 300 million"], ["300 million dollars"]),
    (MANY, "1.234.567", ["1,234,567", "1 234 567"], ["1.234"]),
    (LONG, "3,5 km", ["3.5 km", "3500 m"], ["35 km"]),
    (MANY, "2 lakh", ["200,000", "2,00,000"], ["2 million"]),
    (MANY, "5 crore", ["50 million", "50,000,000"], ["5 million"]),
    (MANY, "100K", ["100,000", "100 thousand"], ["100"]),
    (MANY, "1.5B", ["1.5 billion"], ["1.5"]),
    ("how cold is it", "20 °C", ["20 degrees Celsius", "20C"], ["20 °F", "20 degrees Fahrenheit"]),
    ("how heavy is it", "70 kg", ["70 kilograms", "70kg"], ["70 pounds", "70 g"]),
    ("how fast is it", "100 km/h", ["100 kilometres per hour", "100 kph", "100km/h"], ["100 mph", "100 m"]),
    (MANY, "about 300", ["300", "some 300 people"], ["3000", "30"]),
    (MANY, "at least 12", ["12", "at least twelve"], ["2"]),
    (MANY, "one in five", ["1 in 5"], ["one in six", "five"]),
    (MANY, "two thirds", ["2/3", "two-thirds"], ["one third", "1/3"]),
    ("what percentage", "4.5%", ["4.5 percent", "4.5 per cent"], ["45%", "5.4%"]),
    ("what share", "75%", ["75 percent"], ["25%", "one quarter"]),
    (MANY, "July 18, 426", [], ["18,426"]),
    (MANY, "12", ["twelve", "12 of them"], ["12 million", "120", "1, 2"]),
    (WHEN, "1,200 BC", ["1200 BC"], ["1200 AD"]),
    (MANY, "100, 200", ["100 and 200"], ["100200"]),
]


@pytest.mark.parametrize(("question", "answer", "prediction", "right"), pairs(TABLE))
def test_an_amount_is_its_value_and_unit(question, answer, prediction, right):
    assert answers_match(prediction, [answer], question) is right
