"""Texts that differ only in case, accents, punctuation, articles or spacing are one text to the scorers."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hf_selfdemo.scoring.normalise import normalise


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("  \t\n", ""),
        ("?!…", "?!..."),
        ("The  Cat\nsat.", "cat sat"),
        ("A an THE", "a an the"),
        ("Hepatitis A", "hepatitis a"),
        ("Hepatitis A is", "hepatitis is"),
        ("Röntgen", "rontgen"),
        ("Røros", "røros"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
        ("North-West", "north west"),
        ("1914–1918", "1914 1918"),
        ("and/or", "and or"),
        ("snake_case", "snake case"),
        ("1,895", "1895"),
        ("1,895,000", "1895000"),
        ("1, 895", "1 895"),
        ("3.14", "3.14"),
        ("in 1895.", "in 1895"),
        ("U.S.A.", "usa"),
        ("A.D.", "ad"),
        ("W. Röntgen", "w rontgen"),
        ("O'Brien", "obrien"),
        ("O’Brien", "obrien"),
        ("rock 'n' roll", "rock n roll"),
        ("theatre", "theatre"),
        ("Москва́", "москва"),
        ("東京", "東 京"),
        ("กรุงเทพ", "ก รุ ง เ ท พ"),
        ("がかガ", "が か ガ"),
        ("दिल्ली में", "दिल्ली में"),
        ("서울은", "서 울 은"),
        ("我买iPhone", "我 买 iphone"),
        ("１２３", "123"),
        ("𝐀𝐁", "ab"),
        ("a.1", "a.1"),
        ("🤖 robot", "robot"),
        ("🤖", "🤖"),
        ("C++, C# and C", "c++ c# and c"),
        ("O-, O−, O+", "o- o- o+"),
        ("A+", "a+"),
        ("x+b, C++11, x-ray, pre- and post-war", "x b c++ 11 x ray pre and post war"),
    ],
)
def test_normal_form(text, expected):
    assert normalise(text) == expected


@given(st.text())
@example("〸#")
@example("a.1 𝐓he")
@example("the_1,000_A.N.")
def test_normalising_twice_changes_nothing_more(text):
    once = normalise(text)
    assert normalise(once) == once


@given(st.text())
def test_blanks_around_and_case_do_not_count(text):
    assert normalise(f"  {text}\n") == normalise(text)
    assert not normalise(text).startswith(" ") and "  " not in normalise(text)


@given(st.text(alphabet="abcxyz éÀ0123.,'- "))
def test_capitals_do_not_count(text):
    assert normalise(text.upper()) == normalise(text.lower())


@pytest.mark.parametrize("text", ["A", "The The", "A+", "🤖", "?!", "\u0301", "'", "_", "O-", "C++"])
def test_no_text_is_left_without_anything(text):
    assert normalise(text)
    assert (
        len({normalise(other) for other in ("A", "The The", "A+", "🤖", "🙂", "?!", "C", "C++", "C#", "O", "O-", "O+")})
        == 12
    )
