"""The three terms of the retriever's loss against values computed by hand."""

import math
from dataclasses import replace

import pytest
import torch

from hf_selfdemo.training.ranking_loss import RankedBatch, contrast, divergence, invariance, preference


def on_circle(*degrees):
    """Vectors of length one."""
    return torch.tensor([[math.cos(math.radians(d)), math.sin(math.radians(d))] for d in degrees])


def softmax(values):
    powers = [math.exp(value) for value in values]
    return [power / sum(powers) for power in powers]


def kl(p, q):
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))


def cosines(angle, others, temperature=0.5):
    return [math.cos(math.radians(angle - other)) / temperature for other in others]


LISTS = [(10, 90, 45), (80, 0)]
"""Angles of the passages of two questions, at 0 and 90 degrees."""
BATCH = RankedBatch(
    on_circle(0, 90),
    on_circle(*LISTS[0], *LISTS[1]),
    [3, 2],
    torch.zeros(2, 5, dtype=torch.bool),
    torch.tensor([-0.1, -2.0, -1.0, -0.5, -3.0]),
    on_circle(20, 350, 70),
    torch.tensor([0, 0, 1]),
    on_circle(15, 80, 50, 100, 5),
)


def test_contrast_is_the_nats_of_the_first_passage_among_all_of_the_batch():
    every = [*LISTS[0], *LISTS[1]]
    expected = [-math.log(softmax(cosines(0, every))[0]), -math.log(softmax(cosines(90, every))[3])]
    assert float(contrast(BATCH, 0.5)) == pytest.approx(sum(expected) / 2, abs=1e-5)


def test_a_passage_of_another_list_that_holds_the_answer_is_no_negative():
    excluded = BATCH.excluded.clone()
    excluded[0, 4] = True
    first = -math.log(softmax(cosines(0, [*LISTS[0], LISTS[1][0]]))[0])
    second = -math.log(softmax(cosines(90, [*LISTS[0], *LISTS[1]]))[3])
    assert float(contrast(replace(BATCH, excluded=excluded), 0.5)) == pytest.approx((first + second) / 2, abs=1e-5)


def test_preference_is_the_divergence_from_the_model_s_preference_over_each_list():
    likely = [(-0.1, -2.0, -1.0), (-0.5, -3.0)]
    expected = [
        kl(softmax(cosines(asked, own)), softmax([value / 2 for value in values]))
        for asked, own, values in zip((0, 90), LISTS, likely, strict=True)
    ]
    assert float(preference(BATCH, 0.5, 2.0)) == pytest.approx(sum(expected) / 2, abs=1e-5)


def test_invariance_is_the_mean_over_the_forms_of_each_question_and_its_windows():
    first, second = softmax(cosines(0, LISTS[0])), softmax(cosines(90, LISTS[1]))
    of_first = [softmax(cosines(20, LISTS[0])), softmax(cosines(350, LISTS[0])), softmax(cosines(0, (15, 80, 50)))]
    of_second = [softmax(cosines(70, LISTS[1])), softmax(cosines(90, (100, 5)))]
    expected = (sum(kl(first, one) for one in of_first) / 3 + sum(kl(second, one) for one in of_second) / 2) / 2
    assert float(invariance(BATCH, 0.5)) == pytest.approx(expected, abs=1e-5)


def test_forms_that_are_the_question_itself_cost_nothing():
    same = replace(BATCH, forms=BATCH.questions, form_of=torch.tensor([0, 1]), windows=BATCH.passages)
    assert float(invariance(same, 0.5)) == pytest.approx(0, abs=1e-6)


def test_a_question_without_other_forms_counts_as_invariant():
    alone = replace(BATCH, forms=BATCH.forms[:2], form_of=torch.tensor([0, 0]), windows=None)
    first = softmax(cosines(0, LISTS[0]))
    expected = (kl(first, softmax(cosines(20, LISTS[0]))) + kl(first, softmax(cosines(350, LISTS[0])))) / 2
    assert float(invariance(alone, 0.5)) == pytest.approx(expected / 2, abs=1e-5)


@pytest.mark.parametrize("temperature", [0.01, 0.05, 1.0])
def test_every_term_is_finite_and_has_a_gradient(temperature):
    asked = on_circle(0, 90).requires_grad_()
    batch = replace(BATCH, questions=asked)
    loss = contrast(batch, temperature) + preference(batch, temperature, 1.0) + invariance(batch, temperature)
    loss.backward()
    assert bool(torch.isfinite(loss)) and bool(torch.isfinite(asked.grad).all()) and float(asked.grad.abs().sum()) > 0


def test_terms_match_those_of_sentence_transformers_for_lists_of_one_length():
    losses = pytest.importorskip("sentence_transformers.sentence_transformer.losses")
    batch = replace(
        BATCH, passages=on_circle(10, 90, 80, 0), sizes=[2, 2], excluded=torch.zeros(2, 4, dtype=torch.bool)
    )
    columns = [batch.questions, batch.passages[::2], batch.passages[1::2]]
    ours = contrast(batch, 0.5)
    theirs = losses.MultipleNegativesRankingLoss(torch.nn.Identity(), scale=2.0)
    assert float(ours) == pytest.approx(float(theirs.compute_loss_from_embeddings(columns, None)), abs=1e-5)
    assert float(divergence(batch.questions.log_softmax(-1), batch.questions.log_softmax(-1)).sum()) == 0
