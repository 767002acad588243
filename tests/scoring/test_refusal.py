"""A reply that declines is read as a refusal in whatever words; a reply that answers never is."""

import hashlib
import json
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from hf_selfdemo.scoring.refusal import english, is_refusal, languages, refusal_phrase, speaker
from hf_selfdemo.scoring.refusal.clauses import cut, own_words
from hf_selfdemo.scoring.refusal.rules import find, needed, rule, words

PRECISION, RECALL = 0.98, 0.97  # floors, so that nothing gets worse unseen; measured by benchmarks/refusals.py
LABELLED = [
    json.loads(line)
    for line in (Path(__file__).parents[2] / "benchmarks" / "labelled" / "refusals.jsonl")
    .read_text("utf-8")
    .splitlines()
]

REFUSALS = [
    "I don't know.",
    "I do not know who discovered it",
    "I DON'T KNOW.",
    "I don’t know the answer to that question.",
    "I'm not sure.",
    "I am unsure.",
    "I'm sorry, but I can't answer that.",
    "Sorry, I couldn't find that in the passages.",
    "I'm afraid I don't have that information.",
    "I have no idea.",
    "No idea.",
    "I was unable to find the answer.",
    "We cannot determine the year from these passages.",
    "As a language model, I'm unable to say.",
    "I would need more information to answer.",
    "That is beyond my knowledge.",
    "Unknown.",
    "Unanswerable",
    "N/A",
    "Not mentioned.",
    "Not specified in the passages.",
    "Answer: not given.",
    '"I don\'t know."',
    "The passage does not mention that the clergyman found titanium in Cornwall.",
    "The passage does not mention Ernest Rutherford's birth in New Zealand.",
    "The passages do not answer the question.",
    "The passages don't say.",
    "The passages do not.",
    "The text does not say who discovered it.",
    "The passages do not provide enough context to answer the question.",
    "The provided documents do not contain this information.",
    "Passage 1 does not mention the river.",
    "The passage doesn't actually tell us who was first.",
    "The passages fail to mention who it was.",
    "The passage makes no mention of the discoverer.",
    "The passages say nothing about titanium.",
    "The passages are silent on this.",
    "None of the passages mention the discoverer.",
    "Neither passage names the composer.",
    "Nothing in the passages tells when it was built.",
    "The passage is about Cornwall, but it does not say who found titanium.",
    "The passages mention William Gregor but do not say where he was born.",
    "The passages discuss iodine. They do not mention germanium.",
    "The passages do not specify a date, but they do mention a clergyman.",
    "The answer is not provided in the passages.",
    "The answer isn't in the text.",
    "The answer is: The passage does not answer the question.",
    "According to the passages, the year is not specified.",
    "The year of his birth is not given.",
    "The discoverer is not mentioned.",
    "That information is not available.",
    "It is not known who built the bridge.",
    "It is unclear from the passages.",
    "It's impossible to say from the passages.",
    "This question cannot be answered with the information provided.",
    "It cannot be determined from the text.",
    "The answer cannot be found in the passages.",
    "There is no mention of a clergyman in the passages.",
    "There's no information about that.",
    "There's nothing here about the price.",
    "There is not enough information to answer.",
    "It does not say in the passage.",
    "Not enough information.",
    "More context is needed to answer.",
    "Insufficient information is provided.",
    "It is a good question, but I'm not sure.",
    "Unfortunately, the passage does not state the height of the tower.",
    # in other words
    "There's no telling from these texts.",
    "We have no way of knowing.",
    "I won't speculate about this.",
    "I must decline to answer.",
    "It's anyone's guess.",
    "We're not told who won.",
    "I looked through all of them and couldn't find it.",
    "The passage is too long and does not provide the required information.",
    "As for his wife, the passages don't name her.",
    "The passages say she moved, though not where to.",
    "The passages only tell us where, not when.",
    "The passages are insufficient to answer this.",
    "The documents give only the surname.",
    "Context insufficient.",
    "Nobody is named in the passages as the inventor.",
    "That is not something the passages cover.",
    # what goes on is still what is not said
    "The passage does not mention that in Spain, it is legal to sell fireworks.",
    "The passage does not mention the Union of Masons (UM).",
    "The passages do not mention the mill but do mention the bakery.",
    "The passage does not name the river, but instead describes its banks.",
    "I'm sorry for the confusion, but as a chatbot, I don't have the ability to look up dates.",
    "As an AI language model, I do not have live data. However, you can check the city's website.",
    "However, as of my last update, I do not have any information on that.",
    # impersonal
    "It's impossible to provide the number.",
    "It is not possible to work out the date from what is written here.",
    "The information about the score is not available.",
    "The film's budget is nowhere mentioned.",
    "There doesn't appear to be any mention of the actor.",
    "There is not a single passage on this.",
    "The answer is unknown based on the given information.",
    "It doesn't mention the year.",
    "Doesn't say.",
    "Nope, not in there.",
    # what the passages hold instead
    "The passage mentions the harbour but not the lighthouse.",
    "The passages do not answer the question.\n\nThey discuss:\n1. The history of steel.\n2. Modern mills.",
    "The question asks for the capital, but the passages give information on the economy only.",
    "All of the passages concern another film.",
    "The excerpt ends before this is revealed.",
    "Irrelevant passages.",
    "None of the passages.",
    # after a preamble
    "Sure! Let me help you with that. Unfortunately, the passages don't contain the information needed.",
    "To answer this, we need to look at the passages. The first is about Peru, the second about Chile. Neither helps.",
    "Thank you for the question! After going through all the passages, I could not find her name.",
    "After reviewing the passages, it appears that the answer is not there.",
    "I don't think the passages say.",
    "I'd have to guess.",
    "We don't have enough to go on.",
    "The passages don't contain the answer because they end in 1945.",
    # a question back
    "Which credit card are you talking about?",
    "Which one of the two brothers do you mean?",
    "Are you referring to the king of France or the king of Spain?",
    "Would you mind telling me which edition this refers to?",
    "I need a little more information. What year are you interested in?",
    "Please tell me which album you mean.",
    # with a citation or a number before or after
    "The passages do not mention this. (3)",
    "The passages do not mention this [2].",
    "The passages are about the river [2].",
    "[1] The passages do not mention this. [2]",
    "1. The passages do not mention this.",
    # other languages
    "Das weiß ich leider nicht.",
    "Das steht nicht im Text.",
    "Je n'en sais rien.",
    "Se desconoce el autor.",
    "Il testo non lo dice.",
    "Não foi mencionado.",
    "Het antwoord staat niet in de passages.",
    "Tekst o tym nie mówi.",
    "对不起,我不知道答案。",
    "文章からはわかりません。",
]

ANSWERS = [
    # hedged, and yet committed
    "I'm not certain, but it was 1912.",
    "I'm not sure, but I think it was William Gregor.",
    "I don't know for sure, but probably Cornwall.",
    "I'm not certain, but 1912.",
    "I am not completely sure, however the answer is Cornwall.",
    "I don't know. I think it was 1912.",
    "It was 1912, but I'm not certain.",
    "I think it was Winkler, though I am not sure.",
    "William Gregor, but I'm not sure.",
    "The passages do not say so, but it was William Gregor.",
    "The passage does not name him, but William Gregor found titanium.",
    # quotes and titles
    'It is the song "I Don\'t Know" by Paul McCartney.',
    "The line is “I do not know what you mean.”",
    "The title was 'I Don't Know How She Does It'.",
    "No One Knows",
    "No One Knows by Queens of the Stone Age",
    "Don't Know Why by Norah Jones",
    "I Don't Know How She Does It is a film of 2011.",
    "Unknown Pleasures",
    "The Tomb of the Unknown Soldier",
    "Sorry by Justin Bieber",
    # names that end in "I"
    "Elizabeth I did not have children.",
    "George I could not give his speeches in English.",
    "World War I did not provide a lasting peace.",
    # negative facts
    "Pluto is not a planet.",
    "He did not attend university.",
    "The river does not reach the sea.",
    "The treaty was not signed until 1920.",
    "It is not known as a planet but as a dwarf planet.",
    "She was not named in the will.",
    "The name was not given until 1889.",
    "He was unknown outside Germany until 1919.",
    "It cannot be found outside Madagascar.",
    "Its mass could not be determined until 1969.",
    "Columbus had no idea that he had reached another continent.",
    "At sea it was impossible to determine longitude without a clock.",
    "He was unable to identify the element.",
    "The Darling does not join the Murray River directly.",
    "Unfortunately, it was destroyed by fire in 1697.",
    "Neither text survives.",
    "The treaty made no mention of Scotland.",
    "He could not find a publisher.",
    # reported from the passages
    "According to the passage, Pluto is not a planet.",
    "The passage says that he did not know Latin.",
    "The passage states that the river does not reach the sea.",
    "According to the passages, he did not have a degree.",
    # answers that speak of information, data, content, documents
    "Claude Shannon founded information theory.",
    "No information can travel faster than light.",
    "The data was stored on magnetic tape.",
    "The data did not fit Newton's theory.",
    "The high iron content gives it a red colour.",
    "The documents were not found until 1947.",
    "The original text of the pledge did not contain the words.",
    "The article was not published until 1905.",
    "It was Winkler. For more information, see his letters.",
    "Information on the stone was carved in three scripts.",
    # committed, in other words
    "I don't know, Rome?",
    "No idea, maybe 1912?",
    "I'm not entirely certain; Leipzig would be my answer.",
    "I do not think so.",
    "The answer would be: The Black Creek joins the Storm River. The passage does not mention its length.",
    "As an AI language model, I don't have personal beliefs, but the ship was called Aurora.",
    "As an AI, I have no access to live data. However, I can tell you that the mayor was Ruth Adler.",
    "The exact date is unknown, but it is believed to have been in the 1840s.",
    "Only two are mentioned: Graz and Linz.",
    "There is no record of anyone having crossed it.",
    "We cannot see ultraviolet light.",
    "A question that cannot be answered by yes or no.",
    "The source does not freeze in winter.",
    "The materials were steel and glass, not wood.",
    "N/A stands for not available.",
    "Not much is known of his life, but he was born in Ulm.",
    # other languages
    "Das Haus steht nicht in der Altstadt.",
    "Es war Mozart, auch wenn der Text das nicht sagt.",
    "Probablement Paris, mais je ne suis pas sûr.",
    "Fue en 1912, aunque el texto no lo dice.",
    "Forse Parigi, ma non ne sono certo.",
    "Talvez Paris, mas não sei ao certo.",
    "Niemand weet het.",
    "Może Paryż, ale nie wiem na pewno.",
    "可能是巴黎,但我不确定。",
    "誰もいません。",
    # questions and impersonal phrases that are none to or of the speaker
    "What's Up, Doc?",
    "Who Do You Think You Are?",
    "Do You Know the Way to San Jose",
    "It is impossible to divide by zero.",
    "It's impossible to see it with the naked eye.",
    "The film was not available in Canada until 2012.",
    "Sydney. Let me know which other cities you'd like to know about!",
    "There is nothing on the back of the coin.",
    "Beats Me Daddy Eight to the Bar",
    "Please provide your passport number: this is what the officer asks.",
    "I can't be sure, but the text points to Vienna.",
    # an aside
    "The one who found it in 1932 (not 1934) was James Chadwick.",
    "A tadpole becomes a frog (or a toad, depending on the species).",
    # plain
    "Clemens Winkler",
    "1895",
    "None.",
    "No.",
]

PHRASES = {
    "I'm sorry, the passages don't say who built it.": "the passages don't say",
    "I’m sorry, but I can’t help you.": "I can’t help",
    "The builder, however, is **not named**.": "is **not named",
    "The passages cover the river.\nThey do not  say when.": "They do not  say",
    "Answer: unknown.": "unknown",
    "Leider steht das nicht im Text, ich weiß es nicht.": "steht das nicht im Text",
}


@pytest.mark.parametrize("text", REFUSALS)
def test_a_refusal_is_read_as_one(text):
    assert is_refusal(text)


@pytest.mark.parametrize("text", ANSWERS)
def test_an_answer_is_not_read_as_a_refusal(text):
    assert not is_refusal(text)


def test_the_tables_are_large_and_without_doubles():
    assert len(set(REFUSALS)) == len(REFUSALS) >= 40
    assert len(set(ANSWERS)) == len(ANSWERS) >= 40


@pytest.mark.parametrize("text", ["", " ", "\n", '"', "''", "🤷", "<|im_end|>", "İ", "..."])
def test_texts_without_words_are_no_refusals(text):
    assert not is_refusal(text)


@pytest.mark.parametrize(
    "word",
    [
        *("I", "the passage", "no", "but it", "Know", "is not", "information", "'", '"', "as an AI", "(", "The Not"),
        *(
            "the context context",
            "passages about a b in a b",
            "ich kann",
            "texto no",
            "不",
            "nothing in the",
            "said that",
        ),
    ],
)
def test_long_replies_are_read_in_time(word):
    start = time.process_time()
    for question in ("", "Who said it?", "What colour is it?"):
        is_refusal(f"{word} " * 5000, question)
        is_refusal(word * 5000 + " not", question)
    assert time.process_time() - start < 5


OPENERS = [
    *("Instead,", "Additionally,", "However,", "Therefore,", "Furthermore,", "Moreover,", "Nevertheless,", "Thus,"),
    *("Nonetheless,", "Consequently,", "Accordingly,", "Similarly,", "Meanwhile,", "Overall,", "Otherwise,", "Also,"),
    *("Specifically,", "Generally,", "Notably,", "Interestingly,", "Finally,", "First,", "Besides,", "Still,", "Here,"),
    *("In addition,", "In fact,", "In short,", "In conclusion,", "As a result,", "For example,", "That said,"),
    *("Given this,", "Based on the passages,", "On the other hand,", "Reasoning:", "Note:", "Explanation:", "P.S."),
    *("Analysis:", "Rationale:", "**Evidence:**", "Step 1:", "### Explanation\n", "Reasoning\n", "My reasoning:"),
    *("Additional information:", "Explanation -", "TL;DR:"),
]
CONTINUED = [
    "The passages discuss Rome only.",
    "They describe the harbour of Ostia and its trade with Carthage.",
    "Passage 2 talks about Ostia.",
    "More information is needed.",
]


@pytest.mark.parametrize("refusal", ["I don't know.", "The passages do not say who built it."])
@pytest.mark.parametrize("opener", OPENERS)
def test_a_word_or_heading_that_opens_the_next_sentence_is_no_answer(refusal, opener):
    for gap in (" ", "\n\n"):
        for text in CONTINUED:
            text = text[0].lower() + text[1:] if opener.endswith(",") else text
            assert is_refusal(f"{refusal}{gap}{opener} {text}"), text


@pytest.mark.parametrize(
    "advice",
    [
        "It is important to consult a reliable source.",
        "It is possible that the date is given elsewhere.",
        "It would be best to ask the museum in Graz.",
        "It might help to look at other passages.",
        "It may be found in the archive of the town.",
        "This could be due to the age of the text.",
        "It's also worth checking the website of the club.",
    ],
)
def test_advice_after_a_refusal_is_no_guess(advice):
    assert is_refusal(f"The passages do not say when it opened. {advice}")


@pytest.mark.parametrize(
    "answer", ["It is Rome.", "It was in 1912.", "Rome.", "Rome, Italy.", "Answer: Rome", "\n\nRome", "Probably Rome."]
)
def test_a_name_or_guess_after_a_refusal_is_an_answer(answer):
    assert not is_refusal(f"I can't tell. {answer}") and not is_refusal(f"The passages do not say. {answer}")


WITH_QUESTION = {
    "who repaired the clock": (
        [
            "The repair is mentioned in passage 2; the repairer isn't.",
            "The clock is described at length. The man who repaired it? Never named.",
            "The passages skip over who repaired it.",
            "Which clock, the one in the tower or the one in the hall?",
            "That's one detail these passages leave out.",
            "It would be pure speculation to name someone.",
            '{"answer": "not found"}',
        ],
        [
            "John Hale did, without asking for money.",
            "Nobody but John Hale could.",
            "A local man repaired it; his name isn't recorded.",
            "While passage 1 doesn't name him, passage 3 says it was John Hale.",
            '{"answer": "John Hale", "passage": null}',
        ],
    ),
    "when did the bakery open": (
        ["No opening year appears in the passages.", "Number of years: n/a", "They name the street but no date."],
        ["It did not open until 1920.", "In 1920. No month is given.", "It opened in 1920, the day is unknown."],
    ),
    "what colour was the coat": (
        ["The coat comes up twice, but never its colour.", "no colour is mentioned", "Which coat?"],
        ["Red, not blue.", "It has no colour.", "Passage 2 says red, while passage 1 doesn't mention the colour."],
    ),
    "why did the school move": (
        ["No reason is given for the move.", "It moved in 1950; the reason isn't told."],
        [
            "Because there was no room.",
            "It had no heating.",
            "The cause was never proved, but it was probably a flood.",
        ],
    ),
    "what is amnesia": (["Amnesia isn't explained here."], ["A state in which people cannot recall information."]),
    "did the mayor come": (
        ["The mayor is not mentioned at all."],
        ["No, he did not.", "Yes, he did. It is not clear why."],
    ),
}


@pytest.mark.parametrize("question", WITH_QUESTION)
def test_with_its_question_a_reply_that_nothing_answers_is_a_refusal(question):
    refusals, answers = WITH_QUESTION[question]
    assert [text for text in refusals if not is_refusal(text, question)] == []
    assert [text for text in answers if is_refusal(text, question)] == []


OTHER_LANGUAGES = [
    *("Non précisé.", "Cela n'est pas dit. Par ailleurs, le texte traite d'un pont.", "De quel tunnel parlez-vous ?"),
    *("No consta en el texto.", "No lo sé. Además, los pasajes tratan de otra ciudad.", "¿A qué ciudad se refiere?"),
    *("Non menzionato.", "I brani descrivono la torre, ma non il suo architetto.", "A quale torre si riferisce?"),
    *(
        "Diese Angabe fehlt.",
        "Der Text nennt das Jahr, aber nicht den Ort.",
        "Meinen Sie die alte oder die neue Brücke?",
    ),
    *("Dat staat er niet in. Bovendien gaan de passages over de kerk.", "Welke brug bedoelt u?"),
    *("Não consta.", "A data da feira não está disponível.", "O texto fala da gruta, mas não diz quem a descobriu."),
    *("Nie wiem. Ponadto fragmenty dotyczą innego ogrodu.", "Informacja nie jest dostępna."),
    *("文中提到了桥,但没有说是谁修建的。", "请问您指的是哪一座桥?", "記載なし。", "どの橋のことですか。"),
    *("Неизвестно.", "В тексте говорится о маяке, но не сказано, кто его построил.", "Эта информация недоступна."),
]


@pytest.mark.parametrize("text", OTHER_LANGUAGES)
def test_other_languages_have_the_same_ways_to_decline(text):
    assert is_refusal(text)


@pytest.mark.parametrize(
    "text",
    ["Pas Paris, mais Lyon.", "No fue Juan sino Pedro.", "Он не был королём.", "Er war kein König.", "他不是国王。"],
)
def test_other_languages_deny_without_declining(text):
    assert not is_refusal(text)


@pytest.mark.parametrize("text", PHRASES)
def test_the_phrase_is_what_declines_as_it_stands_in_the_reply(text):
    assert refusal_phrase(text) == PHRASES[text] and PHRASES[text] in text


def test_a_reply_is_a_refusal_exactly_if_it_has_a_phrase_and_the_phrase_is_part_of_it():
    phrases = {row["text"]: refusal_phrase(row["text"]) for row in LABELLED}
    assert sum(phrase is not None for phrase in phrases.values()) > 300
    for text, phrase in phrases.items():
        assert is_refusal(text) == (phrase is not None)
        assert phrase is None or (phrase and phrase in text)


@pytest.mark.parametrize(
    ("first", "second"),
    [  # the written rules: who lacks the knowledge, left open, commitment wins, the main thing decides
        ("I don't know who built it.", "Nobody knows who built it."),
        ("The author is unknown.", "An unknown author."),
        ("It is not known who built it.", "It was not known who built it."),
        ("I'm not certain.", "I'm not certain, but it was 1912."),
        ("The passage does not say by whom.", "In 1912; the passage does not say by whom."),
        (
            "Although it opened in 1912, the passage does not say by whom.",
            "It opened in 1912, though nobody knows why.",
        ),
        ("Ada Storm was a chemist. The passages do not say when she died.", "She was a chemist. Her age is not given."),
        ("The tower opened, but the text does not say when.", "The tower opened in May, though the text gives no day."),
        ("I cannot answer that question.", "The oracle replied that it could not answer that question."),
        ("There is no mention of dragons in the text.", "There is no mention of dragons in the Koran."),
    ],
)
def test_the_written_rules_part_refusals_from_answers(first, second):
    assert is_refusal(first) and not is_refusal(second)


def test_the_labelled_replies_are_many_unlike_and_half_of_them_answers():
    assert len(LABELLED) >= 480
    assert len({row["text"] for row in LABELLED}) == len({row["id"] for row in LABELLED}) == len(LABELLED)
    assert Counter(row["refuses"] for row in LABELLED) == {True: len(LABELLED) // 2, False: len(LABELLED) // 2}
    for language in {row["language"] for row in LABELLED}:
        assert len({row["refuses"] for row in LABELLED if row["language"] == language}) == 2
    assert all(len({row["refuses"] for row in LABELLED if row["kind"] == r["kind"]}) == 1 for r in LABELLED)


def test_the_halves_are_split_by_hash_within_each_language_and_kind():
    strata = defaultdict(list)
    for row in LABELLED:
        strata[row["language"], row["kind"]].append(row)
    for (language, kind), rows in strata.items():
        first = int(digest(f"{language}/{kind}")[-1], 16) % 2  # which half has the odd one
        for place, row in enumerate(sorted(rows, key=lambda row: digest(row["id"]))):
            assert row["half"] == ("tune", "report")[(place + first) % 2], row["id"]


def digest(name):
    return hashlib.sha256(name.encode()).hexdigest()


def test_the_replies_that_the_rules_were_tuned_on_are_read_as_labelled():
    wrong = [row["id"] for row in LABELLED if row["half"] == "tune" and is_refusal(row["text"]) != row["refuses"]]
    assert len(wrong) <= 0.01 * len(LABELLED), wrong


@pytest.mark.parametrize("half", ["tune", "report"])
def test_precision_and_recall_hold_in_both_halves(half):
    rows = [row for row in LABELLED if row["half"] == half]
    found = {row["id"] for row in rows if is_refusal(row["text"])}
    due = {row["id"] for row in rows if row["refuses"]}
    assert len(found & due) / len(found) >= PRECISION and len(found & due) / len(due) >= RECALL


def test_no_rule_is_kept_from_a_clause_by_the_words_that_are_only_there_to_save_time():
    texts = REFUSALS + [row["text"] for row in LABELLED if row["half"] == "tune"]
    clauses = [clause.low for text in texts for clause in cut(text)]
    found = 0
    for needs, pattern in (*speaker.RULES, *english.RULES, *english.OF_PASSAGES, *languages.RULES):
        for clause in filter(pattern.search, clauses):
            found += 1
            assert needs[0] & words(clause), (clause, pattern.pattern[:60])
    assert found > 200


def test_reading_keeps_every_character_in_its_place():
    everything = "".join(map(chr, [*range(0xD800), *range(0xE000, sys.maxunicode + 1)]))
    assert len(own_words(everything)) == len(everything) == len(own_words(everything).lower())
    for row in LABELLED:
        for clause in cut(row["text"]):
            assert len(clause.text) == len(clause.low) and row["text"][clause.start].isspace() is False


def test_clauses_part_at_punctuation_and_contrast_but_not_at_abbreviations_and_decimals():
    text = "Dr. Storm found 3.5 g, but J. S. Bach - I think - did not. However, it was (nearly) lost"
    assert [clause.text for clause in cut(text)] == [
        "Dr. Storm found 3.5 g",
        "but J. S. Bach",
        "I think",
        "did not",
        "However  it was",
        "nearly",
        "lost",
    ]


def test_the_first_rule_that_applies_wins_and_others_are_not_tried():
    rules = [rule("absent", "(not)"), rule("no & not", "(no), (?:not)"), rule("not", "(not)")]
    assert find(rules, "no, not", words("no, not")) == (0, 2)
    assert find(rules[:1], "no, not", words("no, not")) is None
    assert needed(rules) == {"absent", "no", "not"}
