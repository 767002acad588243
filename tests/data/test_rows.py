"""Evidence to rows and back: a row without a response still says all that is needed to ask its question."""

from dataclasses import replace

import pyarrow.parquet
import pytest
from datasets import Dataset

from hf_selfdemo.core.types import Demonstration, Judged, Rejected
from hf_selfdemo.data.rows import (
    FEATURES,
    dataset_row,
    evidence_of,
    evidence_row,
    parquet_rows,
    rejected_of,
    with_pairs_listed,
)


@pytest.fixture
def twin(row):
    return replace(row, passages=row.passages[1:], answer_in_context=False, gold_removed=True)


def test_a_row_without_a_response_has_every_column(row):
    assert list(evidence_row(row)) == list(FEATURES)
    assert not evidence_row(row)["response"]


def test_rows_and_their_twins_come_back_from_a_dataset(row, twin):
    asked = [row, twin, replace(row, question=replace(row.question, answerable=False, answers=()))]
    dataset = Dataset.from_list([evidence_row(evidence) for evidence in asked], features=FEATURES)
    assert [evidence_of(found).id for found in dataset] == ["q1", "q1#gold_removed", "q1"]
    for evidence, found in zip(asked, dataset, strict=True):
        held = replace(evidence, question=replace(evidence.question, gold_ids=()))  # no column holds these
        assert evidence_of(found) == held


def test_a_demonstration_is_its_evidence_with_a_response(row):
    row = replace(row, question=replace(row.question, gold_ids=()))
    won = Demonstration(row, "Winkler.", "answer", "rag")
    made = dataset_row(Judged(row, [], [], [won]), won)
    assert evidence_of(made) == row
    added = {"response": "Winkler.", "outcome": "answer", "source": "rag", "verified": True}
    assert made == evidence_row(row) | added


@pytest.mark.parametrize("suffix", ["#row_2", "#row_13", "#closed_book"])
def test_a_further_row_of_a_question_comes_from_the_same_evidence(row, twin, suffix):
    for evidence in (row, twin):
        evidence = replace(evidence, question=replace(evidence.question, gold_ids=()))
        further = Demonstration(evidence, "Winkler.", "answer", "rag", suffix=suffix)
        made = dataset_row(Judged(evidence, [], [], [further]), further)
        assert made["id"] == evidence.id + suffix and evidence_of(made) == evidence


def test_a_dataset_is_read_in_pieces_of_few_rows(row, tmp_path):
    """A reader holds several groups at once, so that their size decides its memory."""
    with parquet_rows(tmp_path / "train.parquet") as out:
        for _ in range(500):
            out.write(evidence_row(row))
    found = pyarrow.parquet.ParquetFile(tmp_path / "train.parquet").metadata
    groups = [found.row_group(i).num_rows for i in range(found.num_row_groups)]
    assert sum(groups) == 500 and max(groups) <= 128


def test_rejected_texts_come_back_from_a_file_with_what_they_are(row, tmp_path):
    pair = (Rejected("Courtois.", "incorrect"), Rejected("Not mentioned.", "abstain"))
    won = Demonstration(row, "Winkler.", "answer", "rag", rejected=pair)
    with parquet_rows(tmp_path / "train.parquet") as out:
        out.write(dataset_row(Judged(row, [], [], [won]), won))
    [found] = Dataset.from_parquet(str(tmp_path / "train.parquet"), cache_dir=str(tmp_path))
    assert rejected_of(found) == pair


def test_a_file_of_an_earlier_version_with_one_rejected_text_a_row_is_read(row):
    texts = [("Courtois.", "incorrect"), ("", "")]
    earlier = [evidence_row(row) | {"rejected": text, "rejected_label": label} for text, label in texts]
    listed = with_pairs_listed(Dataset.from_list(earlier))
    assert listed["rejected"][:] == [[{"text": "Courtois.", "label": "incorrect"}], []]
    assert set(listed.column_names) == set(FEATURES) and with_pairs_listed(listed) is listed
