"""Methods that learn from documents: which rows they make, and what of them is shown and learnt."""

import json
import random
from collections import Counter

import pytest

from hf_selfdemo.core.conversation import ask, converse
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.ledger import Ledger
from hf_selfdemo.core.types import CALL_FAILED, Evidence, Passage, Question, Reply, Request, Skip
from hf_selfdemo.data.documents.rows import document_row
from hf_selfdemo.generation.recorded import RecordedGenerator
from hf_selfdemo.generation.scripted import ScriptedGenerator
from hf_selfdemo.generation.transformers import TransformersGenerator
from hf_selfdemo.judging.answer_match import AnswerMatchJudge
from hf_selfdemo.methods.d_ar import DAr, Noise
from hf_selfdemo.methods.demonstrations import judged_row
from hf_selfdemo.methods.info_rag import MASK, InfoRag, Scenarios, corrupted

SENTENCES = [f"The {thing} of the old mill was made by hand in {year}." for year, thing in enumerate("abcdef", 1901)]
PASSAGE = Passage("m#1", " ".join(SENTENCES), "Mills")
ASKED = Evidence(Question("q", "Who built the pump?", ("Ada Storm",)), (PASSAGE,), answer_in_context=True)


def test_d_ar_hides_some_of_documents_and_nothing_of_answers():
    [document] = DAr(Noise(0.3)).select(document_row(PASSAGE), [], [])
    assert document.kind == "document" and [(s.loss, s.noise) for s in document.segments] == [(False, 0), (True, 0.3)]
    [answer] = DAr().select(ASKED, [], [])
    assert (answer.response, answer.mode, answer.kind, answer.evidence.passages) == ("Ada Storm", "closed_book", "", ())
    assert isinstance(DAr().select(Evidence(Question("q", "Who?"), (PASSAGE,)), [], []), Skip)


def judged(strategy, generator, count=400):
    rows = [document_row(Passage(f"m#{i}", PASSAGE.text, "Mills")) for i in range(count)]
    return list(converse((judged_row(row, strategy, AnswerMatchJudge()) for row in rows), generator))


def made(strategy, count=400):
    return [row for one in judged(strategy, ScriptedGenerator(), count) for row in one.result]


def test_info_rag_makes_its_three_scenarios_in_their_shares():
    groups = Counter(row.group for row in made(InfoRag()))
    assert groups.keys() == {"copy", "correct", "stimulate"}
    for scenario, share in (("copy", 0.2), ("correct", 0.4), ("stimulate", 0.4)):
        assert groups[scenario] / 400 == pytest.approx(share, abs=0.07)


@pytest.mark.parametrize("informative", ["divergence", "random"])
def test_the_context_holds_the_sentence_is_corrupted_or_lacks_it(informative):
    for row in made(InfoRag(Scenarios(informative_words=informative)), 60):
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


def changes(text, sentence):
    return {i for i, (new, old) in enumerate(zip(text.split(), sentence.split(), strict=True)) if new != old}


def test_corruption_changes_informative_words_alone():
    words = " ".join(f"word{i}" for i in range(200))
    informative = range(0, 200, 2)
    found = corrupted(words, informative, ["other", "words"], random.Random(0))
    assert 20 <= len(changes(found, words)) <= 30 and changes(found, words) <= set(informative)
    assert {MASK, "other", "words"} <= set(found.split())


def test_the_words_whose_prediction_changes_most_are_corrupted(model, tokenizer, tmp_path):
    """By the tiny model's own layers; one call a row, whose words follow from the seed."""
    generator = RecordedGenerator(TransformersGenerator(model, tokenizer), Ledger(tmp_path / "ledger.sqlite"))
    title = ({"role": "user", "content": "Mills"},)
    [reply] = ask(generator, [Request("", title, "divergence", contrasted=PASSAGE.text)])
    sentences = [reply.scores[i : i + 12] for i in range(0, 72, 12)]
    informative = [set(sorted(range(12), key=lambda i: -scores[i])[:6]) for scores in sentences]
    rows = judged(InfoRag(), generator, 40)
    asked = [one for one in rows if one.candidates]
    assert len(asked) == sum(one.result[0].group == "correct" for one in rows) > 10
    for one in asked:
        assert {c.prompt for c in one.candidates} == {"corrupted/divergence"}
        assert {v.label for v in one.verdicts} == {"unscored"}
        assert [p.text for p in one.result[0].evidence.passages] == [c.text for c in one.candidates]
        for text, sentence, places in zip((c.text for c in one.candidates), SENTENCES, informative, strict=True):
            assert changes(text, sentence) <= places
    touched = {(n, i) for one in asked for n, c in enumerate(one.candidates) for i in changes(c.text, SENTENCES[n])}
    assert touched == {(n, i) for n, places in enumerate(informative) for i in places}, "all are, in some row"
    assert generator.usage.calls == 1, "the same text, whatever row it is of"
    assert judged(InfoRag(), generator, 40) == rows != judged(InfoRag(seed=1), generator, 40)
    assert generator.usage.calls == 1


def test_words_at_random_need_no_model():
    def never(request):
        raise AssertionError(request)

    rows = judged(InfoRag(Scenarios(informative_words="random")), ScriptedGenerator(never), 60)
    assert {c.prompt for one in rows for c in one.candidates} == {"corrupted/random"}
    touched = {i for one in rows if one.candidates for i in changes(one.candidates[0].text, SENTENCES[0])}
    assert touched == set(range(12))


def test_a_row_whose_words_were_not_measured_is_left_out():
    class Silent(ScriptedGenerator):
        def stream(self, requests):
            yield from ((i, Reply("", scores=(0.5,))) for i in range(len(requests)))

    [failed] = {one.result for one in judged(InfoRag(Scenarios(0.0, 1.0)), Silent(), 3)}
    assert failed == Skip(CALL_FAILED, "only 1 of 72 words were measured")


def test_info_rag_on_a_server_is_refused_before_anything_is_paid_unless_words_are_random(capsys, tmp_path):
    from hf_selfdemo.verbs.cli import main

    keys = [f"--output_dir={tmp_path}", "--method=info_rag", "--engine=server", "--server_url=http://localhost:9"]
    for verb in ("demonstrate", "plan", "run"):
        assert main([verb, *keys]) == 2
        told = "which a server does not return: set engine: transformers, or informative_words: random"
        assert told in capsys.readouterr().err
    few = ["--max_train_questions=1", "--max_document_rows=9", "--on_policy_rows=0", "--informative_words=random"]
    assert main(["demonstrate", *keys, *few]) == 0
    manifest = json.loads((tmp_path / "demonstrations" / "manifest.json").read_text())
    assert manifest["settings"]["informative_words"] == "random" and manifest["demonstrations"] > 0
    assert manifest["usage"]["calls"] == 0


def test_the_manifest_says_which_words_count_as_informative(capsys, tmp_path, model_folder):
    from hf_selfdemo.verbs.cli import main

    few = ["--max_train_questions=1", "--max_document_rows=9", "--on_policy_rows=0", "--correct_share=0.8"]
    keys = [f"--output_dir={tmp_path}", "--method=info_rag", f"--model_name_or_path={model_folder}", *few]
    assert main(["plan", *keys, "--plan_questions=0"]) == 0
    planned = json.loads((tmp_path / "plan.json").read_text())["all"]
    assert main(["demonstrate", *keys]) == 0
    manifest = json.loads((tmp_path / "demonstrations" / "manifest.json").read_text())
    assert manifest["settings"]["informative_words"] == "divergence"
    assert planned["calls"] == manifest["usage"]["calls"] > 0 == planned["generated_tokens"]
    assert planned["prompt_tokens"] > 20 * planned["calls"], "the texts that are measured count"


def test_info_rag_needs_a_document_of_sentences():
    assert InfoRag().select(ASKED, [], []) == Skip("not a document: questions are not trained on")
    assert isinstance(InfoRag().select(document_row(Passage("p", "One sentence alone is too few.")), [], []), Skip)
    with pytest.raises(UserError, match="copy_share and correct_share add up to more than 1"):
        Scenarios(copy_share=0.7, correct_share=0.6)
