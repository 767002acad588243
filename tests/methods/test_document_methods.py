"""Methods that learn from documents: which rows they make, and what of them is shown and learnt."""

from collections import Counter

import pytest

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Evidence, Passage, Question, Skip
from hf_selfdemo.data.documents.rows import document_row
from hf_selfdemo.methods.d_ar import DAr, Noise
from hf_selfdemo.methods.info_rag import MASK, InfoRag, Scenarios, garbled

SENTENCES = [f"The {thing} of the old mill was made by hand in {year}." for year, thing in enumerate("abcdef", 1901)]
PASSAGE = Passage("m#1", " ".join(SENTENCES), "Mills")
ASKED = Evidence(Question("q", "Who built the pump?", ("Ada Storm",)), (PASSAGE,), answer_in_context=True)


def test_d_ar_hides_some_of_documents_and_nothing_of_answers():
    [document] = DAr(Noise(0.3)).select(document_row(PASSAGE), [], [])
    assert document.kind == "document" and [(s.loss, s.noise) for s in document.segments] == [(False, 0), (True, 0.3)]
    [answer] = DAr().select(ASKED, [], [])
    assert (answer.response, answer.mode, answer.kind, answer.evidence.passages) == ("Ada Storm", "closed_book", "", ())
    assert isinstance(DAr().select(Evidence(Question("q", "Who?"), (PASSAGE,)), [], []), Skip)


def made(strategy, count=400):
    rows = [document_row(Passage(f"m#{i}", PASSAGE.text, "Mills")) for i in range(count)]
    return [row for one in rows for row in strategy.select(one, [], [])]


def test_info_rag_makes_its_three_scenarios_in_their_shares():
    groups = Counter(row.group for row in made(InfoRag()))
    assert groups.keys() == {"copy", "correct", "stimulate"}
    for scenario, share in (("copy", 0.2), ("correct", 0.4), ("stimulate", 0.4)):
        assert groups[scenario] / 400 == pytest.approx(share, abs=0.07)


def test_what_is_gone_on_with_is_shown_garbled_or_missing():
    for row in made(InfoRag(), 60):
        sentence = f"{row.evidence.question.text} {row.response}"
        assert sentence in SENTENCES and row.kind == "continuation"
        third = len(sentence.split()) // 3
        assert third <= len(row.evidence.question.text.split()) <= 2 * third + 1
        shown = [p.text for p in row.evidence.passages]
        if row.group == "copy":
            assert shown == SENTENCES
        elif row.group == "stimulate":
            assert shown == [one for one in SENTENCES if one != sentence]
        else:
            assert len(shown) == len(SENTENCES) and shown != SENTENCES


def test_garbling_touches_about_a_sixth_of_the_words():
    import random

    words = " ".join(f"word{i}" for i in range(200))
    found = garbled(words, ["other words"], random.Random(0)).split()
    changed = [one for one, was in zip(found, words.split(), strict=True) if one != was]
    assert 20 <= len(changed) <= 30 and MASK in changed and {"other", "words"} & set(changed)


def test_info_rag_needs_a_document_of_sentences():
    assert InfoRag().select(ASKED, [], []) == Skip("no document: questions are not trained")
    assert isinstance(InfoRag().select(document_row(Passage("p", "One sentence alone is too few.")), [], []), Skip)
    with pytest.raises(UserError, match="copy_share and correct_share are more than 1 together"):
        Scenarios(copy_share=0.7, correct_share=0.6)
