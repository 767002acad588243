"""A reply that declines is read as a refusal in whatever words; a reply that answers never is."""

import time

import pytest

from hf_selfdemo.scoring.refusal import is_refusal

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
    "There is not enough information to answer.",
    "It does not say in the passage.",
    "Not enough information.",
    "More context is needed to answer.",
    "Insufficient information is provided.",
    "It is a good question, but I'm not sure.",
    "Unfortunately, the passage does not state the height of the tower.",
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
    # plain
    "Clemens Winkler",
    "1895",
    "None.",
    "No.",
]


@pytest.mark.parametrize("text", REFUSALS)
def test_a_refusal_is_read_as_one(text):
    assert is_refusal(text)


@pytest.mark.parametrize("text", ANSWERS)
def test_an_answer_is_not_read_as_a_refusal(text):
    assert not is_refusal(text)


def test_the_tables_are_large_and_without_doubles():
    assert len(set(REFUSALS)) == len(REFUSALS) >= 40
    assert len(set(ANSWERS)) == len(ANSWERS) >= 40


@pytest.mark.parametrize("text", ["", " ", "\n", '"', "''", "🤷", "<|im_end|>"])
def test_texts_without_words_are_no_refusals(text):
    assert not is_refusal(text)


@pytest.mark.parametrize("word", ["I", "the passage", "no", "but it", "Know", "is not", "information", "'"])
def test_long_replies_are_read_in_time(word):
    start = time.perf_counter()
    is_refusal(f"{word} " * 5000)
    assert time.perf_counter() - start < 5
