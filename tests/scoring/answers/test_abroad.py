"""What is denied in another language than English is not claimed."""

import pytest
from hand_written import pairs

from hf_selfdemo.scoring.answers.match import answers_match

# question, accepted answer, right predictions, wrong predictions
TABLE = [
    (
        "谁",
        "東京",
        ["それは東京です。", "大阪ではなく東京です。", "大阪ではありません。東京です。", "東京に違いない。"],
        ["それは東京ではありません。", "東京ではなく大阪です。", "東京じゃない、大阪だ。", "それは東京ではなかった。"],
    ),
    ("どこ", "大阪", ["東京ではなく大阪です。", "答えは東京ではなく、大阪です。"], ["大阪ではない。"]),
    ("誰", "芭蕉", ["芭蕉が書きました。", "芭蕉だけでなく蕪村も書いた。"], ["芭蕉は書いていません。"]),
    (
        "кто",
        "Пушкин",
        ["Это был Пушкин.", "Не Лермонтов, а Пушкин.", "Не только Пушкин, но и Лермонтов."],
        [
            "Это был не Пушкин.",
            "Не Пушкин, а Лермонтов.",
            "Это не Пушкин, а Лермонтов.",
            "Пушкин не писал эту книгу.",
            "Это был не Пушкин, это был Лермонтов.",
        ],
    ),
    ("кто", "Лермонтов", ["Это был не Пушкин, а Лермонтов.", "Пушкин не писал этого, писал Лермонтов."], []),
    ("chi", "Verdi", ["Non era Puccini, ma Verdi."], ["Non era Verdi, ma Puccini.", "Non è stato Verdi."]),
    ("quem", "Saramago", ["Não foi Pessoa, mas Saramago."], ["Não foi Saramago, mas Pessoa."]),
    ("wie", "Rembrandt", ["Het was niet Vermeer maar Rembrandt."], ["Het was niet Rembrandt maar Vermeer."]),
    ("kto", "Chopin", ["To nie był Liszt, lecz Chopin."], ["To nie był Chopin, lecz Liszt."]),
    ("누구", "세종", ["세종입니다.", "태종이 아니라 세종입니다."], ["세종이 아니라 태종입니다.", "세종이 아닙니다."]),
    ("kim", "Ankara", ["İstanbul değil, Ankara."], ["Ankara değil, İstanbul."]),
    ("wer", "Haydn", ["Es war Haydn."], ["Haydn war es nicht.", "Es war kein Haydn, sondern Mozart."]),
]


@pytest.mark.parametrize(("question", "answer", "prediction", "right"), pairs(TABLE))
def test_denials_in_other_languages(question, answer, prediction, right):
    assert answers_match(prediction, [answer], question) is right
