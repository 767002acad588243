"""A chat template is a program of others: it ends in time, and takes no more than a conversation does."""

import copy
import resource
import threading
import time

import pytest

from hf_selfdemo.core.bounded import bounded
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.prompting import rendering
from hf_selfdemo.prompting.chat import encode_prompt

ENDLESS = "{% for a in range(99999) %}" * 5 + "{% set x = a %}" + "{% endfor %}" * 5
CALLS = "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(99) }}"
HUGE = "{{ 'x' * 10000000000 }}"
GROWING = "{% set n = namespace(x='x') %}{% for a in range(99) %}{% set n.x = n.x ~ n.x %}{% endfor %}"
USER = [{"role": "user", "content": "Who?"}]


@pytest.fixture
def templated(tokenizer, monkeypatch):
    monkeypatch.setattr(rendering, "_LONGEST_S", 0.5)
    monkeypatch.setattr(rendering, "_LARGEST", 2**28)

    def made(addition):
        other = copy.deepcopy(tokenizer)
        other.name_or_path = "some/model"
        other.chat_template = addition + tokenizer.chat_template
        return other

    return made


@pytest.mark.parametrize(
    "addition, said",
    [
        (ENDLESS, "does not finish within"),
        (CALLS, "does not finish within"),
        (HUGE, "needs more memory than is allowed"),
        (GROWING, "(needs more memory|does not finish within)"),
        ("{{ 'x' * 5000000 }}", "renders a short conversation as 5,000"),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "calls itself without end"),
        ("{{ 9 ** 9 ** 9 ** 9 }}", "uses powers"),
    ],
)
def test_a_template_that_never_ends_or_fills_the_memory_is_refused_by_name(templated, addition, said):
    started = time.monotonic()
    with pytest.raises(UserError, match=rf"the chat template of 'some/model' {said}"):
        encode_prompt(templated(addition), USER)
    assert time.monotonic() - started < 30


@pytest.mark.parametrize("addition", [ENDLESS, GROWING, "{% set n = messages | length * 10000000000 %}{{ 'x' * n }}"])
def test_a_template_that_is_harmless_until_it_meets_a_word_is_held_too(templated, addition):
    tokenizer = templated("{% if 'bomb' in messages[0].content %}" + addition + "{% endif %}")
    assert encode_prompt(tokenizer, USER)
    with pytest.raises(UserError, match="the chat template of 'some/model'"):
        encode_prompt(tokenizer, [{"role": "user", "content": "a bomb"}])
    assert encode_prompt(tokenizer, USER)


def test_a_thread_other_than_the_main_one_is_stopped_too(templated):
    found = []

    def ask():
        try:
            encode_prompt(templated(ENDLESS), USER)
        except UserError as error:
            found.append(str(error))

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join(30)
    assert found and "does not finish within" in found[0]


def test_stars_in_words_and_arguments_are_no_powers(templated):
    assert encode_prompt(templated("**Rules** {{ dict(**{'a': 1}) and '' }}"), USER)


def test_what_the_process_may_take_is_given_back():
    before = resource.getrlimit(resource.RLIMIT_AS)
    with bounded(5, 2**28):
        assert resource.getrlimit(resource.RLIMIT_AS) != before
    assert resource.getrlimit(resource.RLIMIT_AS) == before
