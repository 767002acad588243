"""Results are remembered, the texts they are of are not."""

from hf_selfdemo.core.digested import by_digest


def remembering(most):
    asked = []

    @by_digest(most)
    def length(*texts):
        asked.append(texts)
        return sum(map(len, texts))

    return length, asked


def test_nothing_is_computed_twice_and_no_two_are_mixed_up():
    length, asked = remembering(10)
    given = [("ab", ""), ("a", "b"), ("a", ""), ("", "a"), ("a', 'b",), ("\ud800",)]
    assert [length(*texts) for texts in given * 2] == [2, 2, 1, 1, 6, 1] * 2
    assert asked == given


def test_no_more_is_kept_than_was_said():
    length, asked = remembering(2)
    for text in ("a", "b", "c", "a"):
        length(text)
    assert asked == [("a",), ("b",), ("c",), ("a",)]
