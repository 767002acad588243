"""Gold answers, over distractors alone in the share of rows that was asked for."""

from dataclasses import replace

from hf_selfdemo.methods.raft import Distractors, Raft


def test_a_share_of_the_rows_loses_every_passage_that_holds_the_answer(row):
    rows = [replace(row, question=replace(row.question, id=f"q{i}")) for i in range(400)]
    chosen = [made for r in rows for made in Raft(Distractors(oracle_share=0.7)).select(r, [], [])]
    assert len(chosen) == 400
    kept = sum(len(d.evidence.passages) == 2 for d in chosen)
    assert 0.6 < kept / 400 < 0.8
    assert all([p.id for p in d.evidence.passages] in (["p1", "p2"], ["p2"]) for d in chosen)
    assert all(d.response == "Clemens Winkler" for d in chosen)
    assert all(d.evidence.answer_in_context == (len(d.evidence.passages) == 2) for d in chosen)
    assert chosen == [made for r in rows for made in Raft(Distractors(oracle_share=0.7)).select(r, [], [])]
