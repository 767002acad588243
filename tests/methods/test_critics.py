"""What each critic accepts, and how several become one."""

import sys

import pytest

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Critique, Evidence, Passage, Question
from hf_selfdemo.methods.critics.at_most_words import AtMostWords
from hf_selfdemo.methods.critics.cites import Cites
from hf_selfdemo.methods.critics.declines_right import DeclinesRight
from hf_selfdemo.methods.critics.grounded import Grounded
from hf_selfdemo.methods.critics.joined import Critics, Named, named_critics

ROW = Evidence(
    Question("q1", "Who discovered germanium in Freiberg?", ("Clemens Winkler",)),
    (
        Passage("a", "Clemens Winkler found 32 kilos in 1886, a French chemist.", "Germanium"),
        Passage("b", "It rained."),
    ),
    answer_in_context=True,
)


@pytest.mark.parametrize(
    ("text", "score", "message"),
    [
        ("Winkler [1]", 1, ""),
        ("Winkler [1, 2].", 1, ""),
        ("Winkler", 0, "Name the passage that holds the answer by its number in brackets, from [1] to [2]."),
        ("Winkler (1)", 0, "Name the passage that holds the answer by its number in brackets, from [1] to [2]."),
        ("Winkler [1] [3]", 0.5, "There is no passage [3]. Name the passage that holds the answer by its number in "),
        ("Winkler [0]", 0, "There is no passage [0]. Name the"),
        ("I don't know [2].", 1, ""),
    ],
)
def test_a_citation_is_the_number_of_a_shown_passage(text, score, message):
    found = Cites().critique(ROW, text)
    assert found.score == score and found.message.startswith(message) and bool(found.message) == bool(message)


def test_numbers_are_those_that_the_prompt_shows():
    from hf_selfdemo.methods.answering import PROMPTED

    shown = PROMPTED.prompt(ROW, "rag")[0]["content"]
    assert "[1] It rained." in shown and "[2] Germanium: Clemens" in shown and "[3]" not in shown


def test_where_no_passage_is_shown_only_a_refusal_satisfies():
    row = Evidence(ROW.question)
    assert Cites().critique(row, "Winkler [1]").message == (
        "There is no passage [1]. There is no passage to cite. Say that you do not know."
    )
    assert not Cites().critique(row, "I don't know.").message
    one = Evidence(ROW.question, ROW.passages[:1])
    assert Cites().critique(one, "Winkler").message.endswith("by its number, [1].")


@pytest.mark.parametrize(
    ("text", "strange"),
    [
        ("Clemens Winkler, in 1886.", ""),
        ("winkler found thirty-two kilos in France", ""),
        ("Winkler [1], in Freiberg [7]", ""),
        ("In the year 1887", "1887"),
        ("It was Winkler and Curie", "Curie"),
        ("Marie Curie", "Marie, Curie"),
        ("Later it was discovered. Everybody knew.", ""),
        ("Later it was discovered by Ada. Storm Mills knew 5 in 9.", "Ada, Storm, Mills"),
        ("The passages do not mention Ada Storm.", ""),
    ],
)
def test_numbers_and_names_stand_in_the_passages_or_the_question(text, strange):
    found = Grounded().critique(ROW, text)
    assert found.message == (f"The passages do not mention {strange}. Say only what they say." if strange else "")


def test_the_share_of_what_stands_there_is_the_score():
    assert Grounded().critique(ROW, "It was Winkler and Marie Curie in 1886").score == 0.5


def test_words_are_counted_without_citations_and_signs():
    assert AtMostWords(3).critique(ROW, "Clemens Winkler - himself [1] [2].").score == 1
    assert AtMostWords(3).critique(ROW, "one two three four") == Critique(
        0.75, "Your reply has 4 words. Use at most 3."
    )


def test_refusals_are_due_exactly_where_no_passage_holds_the_answer():
    absent = Evidence(ROW.question, ROW.passages[1:])
    said = {
        (row is ROW, text): DeclinesRight().critique(row, text).score
        for row in (ROW, absent)
        for text in ("Bo", "I don't know.")
    }
    assert said == {(True, "Bo"): 1, (True, "I don't know."): 0, (False, "Bo"): 0, (False, "I don't know."): 1}


def test_several_are_one_by_weight_and_a_blank_reply_satisfies_nobody():
    both = named_critics(["at_most_words", "declines_right"], [1, 3], most_words=2)
    found = both.critique(ROW, "I don't know it.")
    assert found.score == pytest.approx((2 / 4) / 4)
    assert found.message == (
        "Your reply has 4 words. Use at most 2. The passages hold the answer. Give it. Answer the question again."
    )
    assert both.critique(ROW, "Winkler") == Critique(1.0)
    assert both.critique(ROW, " \n") == Critique(0.0, "Your reply is empty. Answer the question again.")


def test_who_needs_no_gold_is_shown_none():
    seen = []

    class Curious:
        needs_gold = False

        def critique(self, evidence, text):
            seen.append(evidence)
            return Critique(1.0)

    Critics((Named("curious", Curious()),)).critique(ROW, "Winkler")
    assert seen[-1] == Evidence(Question("q1", ROW.question.text), ROW.passages)
    assert [one.name for one in named_critics(["cites", "declines_right"]).without_gold.named] == ["cites"]


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"names": []}, "critics is empty: name one or more of cites, grounded"),
        ({"names": ["cite"]}, "unknown critic 'cite': did you mean 'cites'"),
        ({"names": ["cites", "cites"]}, "critics names 'cites' twice"),
        ({"names": ["cites"], "weights": [1.0, 2.0]}, "critic_weights has 2 weights for 1 critics"),
        ({"names": ["cites"], "weights": [0.0]}, "critic_weights is 0: give more than 0"),
        ({"names": ["at_most_words"], "most_words": 0}, "most_words is 0"),
        ({"names": ["no_such_package:make"]}, "critic 'no_such_package:make' cannot be imported .ModuleNotFoundError"),
        ({"names": ["json:nothing"]}, "critic 'json:nothing' cannot be imported .AttributeError"),
        ({"names": ["fractions:Decimal.x"]}, "critic 'fractions:Decimal.x' cannot be imported .AttributeError"),
        ({"names": ["operator:neg"]}, "critic 'operator:neg' cannot be created .TypeError.*that needs no arguments"),
        ({"names": ["builtins:dict"]}, "the critic 'builtins:dict' is a dict and has no needs_gold, critique"),
    ],
)
def test_what_is_no_critic_is_refused_by_name(keys, said):
    with pytest.raises(UserError, match=said):
        named_critics(**keys)


OWN = """
from hf_selfdemo.core.types import Critique

class Polite:
    needs_gold = False

    def critique(self, evidence, text):
        {body}

def make():
    return Polite()
"""


def own(folder, body, name):
    (folder / f"{name}.py").write_text(OWN.format(body=body))


def test_a_critic_of_ones_own_is_named_by_where_it_is_made(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    own(tmp_path, "return Critique(0.5, 'Say please.') if 'please' not in text else Critique(1.0)", "polite_critics")
    found = named_critics(["polite_critics:make", "at_most_words"])
    assert found.critique(ROW, "Winkler").message == "Say please. Answer the question again."
    before = found.identity
    sys.modules.pop("polite_critics")
    own(tmp_path, "return Critique(1.0, '')  # another text is another critic", "polite_critics")
    assert named_critics(["polite_critics:make", "at_most_words"]).identity != before


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise OSError('no ink')", "failed on row 'trial' .OSError: no ink"),
        ("return 0.5", "returned a float for row 'trial'"),
        ("return Critique(1.5)", "failed on row 'trial' .UserError: score is 1.5: give a share"),
        ("return Critique(float('nan'))", "failed on row 'trial' .*score is nan"),
        ("return Critique(0.5, None)", "failed on row 'trial' .*message is a NoneType"),
    ],
)
def test_a_broken_critic_is_known_when_it_is_made(tmp_path, monkeypatch, body, said, request):
    name = f"broken_{abs(hash(body))}"
    monkeypatch.syspath_prepend(tmp_path)
    own(tmp_path, body, name)
    with pytest.raises(UserError, match=f"critic '{name}:make' {said}"):
        named_critics([f"{name}:make"])


def test_identities_differ_by_what_decides_the_words():
    made = [
        named_critics(["cites"]),
        named_critics(["grounded"]),
        named_critics(["cites", "grounded"]),
        named_critics(["cites", "grounded"], [1.0, 2.0]),
        named_critics(["at_most_words"]),
        named_critics(["at_most_words"], most_words=3),
    ]
    assert len({one.identity for one in made}) == len(made) and made[0].identity == named_critics(["cites"]).identity
