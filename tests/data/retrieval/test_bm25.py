"""Ranking depends on the passages and the question alone, survives saving, and takes any question and any corpus."""

import json
import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.manifest import STAGING
from hf_selfdemo.core.types import Passage, Question
from hf_selfdemo.data.retrieval import saved_index
from hf_selfdemo.data.retrieval.bm25 import BM25Retriever
from hf_selfdemo.data.retrieval.saved_index import corpus_fingerprint

CORPUS = [
    Passage("d", "The Danube reaches the Black Sea in Romania.", "Danube"),
    Passage("s", "The Seine flows through Paris and Rouen.", "Seine"),
    Passage("m", "Москва стоит на Москве-реке.", "Москва"),
    Passage("t", "東京 は 日本 の 首都", "東京"),
    Passage("r", "Wilhelm Röntgen discovered X-rays in Würzburg.", "Röntgen"),
]


def ask(retriever, text, k=10):
    return [p.id for p in retriever.retrieve([Question("q", text)], k)[0]]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("Which sea does the Danube reach?", ["d"]),
        ("flowing", ["s"]),
        ("SEINE", ["s"]),
        ("Who was Roentgen or Rontgen?", ["r"]),
        ("Röntgen", ["r"]),
        ("x-ray", ["r"]),
        ("Москва", ["m"]),
        ("首都", ["t"]),
        ("the and of is", []),
        ("xylophone", []),
        ("", []),
        ("?! …", []),
        ("🤷", []),
        ("danube xylophone the", ["d"]),
    ],
)
def test_what_a_question_finds(text, ids):
    assert ask(BM25Retriever(CORPUS), text) == ids


def test_the_title_is_searched_and_scores_fall():
    found = BM25Retriever(CORPUS).retrieve([Question("q", "Seine Paris Danube")], 9)[0]
    assert [p.id for p in found] == ["s", "d"]
    assert found[0].score > found[1].score > 0
    assert (found[1].title, found[1].text) == (CORPUS[0].title, CORPUS[0].text)


def test_questions_of_one_batch_do_not_touch_each_other():
    retriever = BM25Retriever(CORPUS)
    texts = ["Seine", "", "Danube", "the", "Seine"]
    assert [[p.id for p in found] for found in retriever.retrieve([Question(t, t) for t in texts], 2)] == [
        ask(retriever, t, 2) for t in texts
    ]
    assert retriever.retrieve([], 2) == []


def test_ties_are_broken_by_id_whatever_the_order_of_the_corpus():
    corpus = [Passage(f"{i:02d}", "a river in spring" + (" river" if i == 30 else "")) for i in range(40)]
    for seed in range(3):
        random.Random(seed).shuffle(corpus)
        assert ask(BM25Retriever(corpus, b=0), "river", k=5) == ["30", "00", "01", "02", "03"]


@pytest.mark.parametrize("k", [1, 2, 5, 6, 1000])
def test_at_most_k(k):
    assert len(ask(BM25Retriever([Passage(str(i), "river bank") for i in range(5)]), "river", k)) == min(k, 5)


@pytest.mark.parametrize("k", [0, -1])
def test_k_below_one_is_refused(k):
    with pytest.raises(UserError, match=f"k is {k}: give 1 or more"):
        BM25Retriever(CORPUS).retrieve([Question("q", "Seine")], k)


def test_settings_matter():
    passages = [
        Passage("long", "river " * 3 + "and many more words about quite other things"),
        Passage("short", "river"),
    ]
    assert ask(BM25Retriever(passages, b=0.0), "river") == ["long", "short"]
    assert ask(BM25Retriever(passages, b=1.0), "river") == ["short", "long"]
    assert ask(BM25Retriever(CORPUS, stemmer=""), "flowing") == []


@pytest.mark.parametrize(
    ("passages", "words"),
    [([], "corpus is empty"), ([Passage("1", "?!"), Passage("2", " ")], "no passage"), ([Passage("1", "the")], "word")],
)
def test_a_corpus_with_nothing_to_search_is_refused(passages, words):
    with pytest.raises(UserError, match=words):
        BM25Retriever(passages)


def test_passages_without_words_among_others_are_never_found():
    assert ask(BM25Retriever([Passage("empty", ""), Passage("stop", "the"), *CORPUS]), "the Seine") == ["s"]


# --- on the disk ------------------------------------------------------------------------------------------------------

OTHER = {"k1": 2.0, "b": 0.9, "stemmer": ""}


@pytest.mark.parametrize("settings", [{}, OTHER, {"stemmer": "russian"}])
def test_a_saved_index_gives_the_same_answers_with_its_settings(tmp_path, settings):
    questions = [Question(t, t) for t in ("Seine Paris", "flowing", "Москвой", "Danube sea", "首都", "the", "")]
    built = BM25Retriever(CORPUS, **settings)
    built.save(tmp_path / "deep" / "index")
    loaded = BM25Retriever.load(tmp_path / "deep" / "index")
    assert loaded.retrieve(questions, 3) == built.retrieve(questions, 3)
    assert loaded.settings == built.settings
    assert settings.items() <= loaded.settings.items()
    assert list(loaded.passages) == CORPUS
    loaded.save(tmp_path / "again")  # from the memory map
    assert BM25Retriever.load(tmp_path / "again").retrieve(questions, 3) == built.retrieve(questions, 3)


def test_passages_of_a_saved_index_are_read_when_they_are_found(tmp_path, monkeypatch):
    corpus = [Passage(str(i), f"river{i % 50}\n bank", f"“{i}”") for i in range(500)]
    built = BM25Retriever(corpus)
    built.save(tmp_path / "index")
    read = []
    monkeypatch.setattr(saved_index, "Passage", lambda **fields: read.append(fields["id"]) or Passage(**fields))
    loaded = BM25Retriever.load(tmp_path / "index")
    assert not read
    question = Question("q", "river7")
    assert loaded.retrieve([question], 3) == built.retrieve([question], 3)
    assert sorted(map(int, read)) == list(range(7, 500, 50))  # all that share the score


def test_an_index_is_searched_though_another_takes_its_place(tmp_path):
    BM25Retriever(CORPUS).save(tmp_path / "index")
    opened = BM25Retriever.load(tmp_path / "index")
    BM25Retriever(CORPUS[::-1]).save(tmp_path / "index")
    assert [p.text for p in opened.retrieve([Question("q", "Seine")], 1)[0]] == [CORPUS[1].text]


def test_saving_leaves_nothing_else_behind(tmp_path):
    for _ in range(2):
        BM25Retriever(CORPUS).save(tmp_path / "index")
    assert [p.name for p in tmp_path.iterdir()] == ["index"]


@pytest.mark.parametrize("name", ["notes.txt", "passages.jsonl"])
def test_saving_never_removes_a_folder_that_is_no_index(tmp_path, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(UserError, match=r"not an index.*another folder"):
        BM25Retriever(CORPUS).save(tmp_path)
    assert (tmp_path / name).read_text() == "mine"


def test_build_or_load_reuses_what_was_built_from_these_passages(tmp_path):
    BM25Retriever.build_or_load(CORPUS, tmp_path / "index")
    before = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "index").iterdir()}
    assert ask(BM25Retriever.build_or_load(CORPUS, tmp_path / "index"), "Seine") == ["s"]
    assert {p.name: p.stat().st_mtime_ns for p in (tmp_path / "index").iterdir()} == before


@pytest.mark.parametrize(
    "other",
    [CORPUS[1:], CORPUS[::-1], [Passage("d", "The Seine again."), *CORPUS[1:]], [*CORPUS, Passage("z", "Seine")]],
)
def test_build_or_load_builds_again_for_other_passages(tmp_path, other):
    BM25Retriever.build_or_load(CORPUS, tmp_path / "index")
    assert list(BM25Retriever.build_or_load(other, tmp_path / "index").passages) == other
    assert list(BM25Retriever.load(tmp_path / "index").passages) == other
    assert corpus_fingerprint(other) != corpus_fingerprint(CORPUS)


def files_of_an_index():
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        BM25Retriever(CORPUS).save(Path(folder) / "index")
        return sorted(p.name for p in (Path(folder) / "index").iterdir())


def damage(path, how):
    if how == "missing":
        path.unlink()
    else:
        content = path.read_bytes()
        path.write_bytes({"empty": b"", "torn": content[: len(content) // 2], "other": b"{}\n"}[how])


@pytest.mark.parametrize("how", ["missing", "empty", "torn", "other"])
@pytest.mark.parametrize("name", files_of_an_index())
def test_a_broken_index_is_one_line_with_a_remedy(tmp_path, name, how):
    BM25Retriever(CORPUS).save(tmp_path / "index")
    damage(tmp_path / "index" / name, how)
    with pytest.raises(UserError, match=r"no readable index.*delete the folder") as caught:
        BM25Retriever.load(tmp_path / "index")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", sorted(set(files_of_an_index()) - {"hf_selfdemo.json"}))
def test_a_flipped_byte_is_not_searched(tmp_path, name):
    BM25Retriever(CORPUS).save(tmp_path / "index")
    path = tmp_path / "index" / name
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"no readable index.*{name} was changed since it was written"):
        BM25Retriever.load(tmp_path / "index")


def test_an_index_of_an_earlier_version_without_hashes_is_read(tmp_path):
    BM25Retriever(CORPUS).save(tmp_path / "index")
    path = tmp_path / "index" / "hf_selfdemo.json"
    settings = json.loads(path.read_text())
    del settings["files"]
    path.write_text(json.dumps(settings))
    assert ask(BM25Retriever.load(tmp_path / "index"), "Seine") == ["s"]
    passages = tmp_path / "index" / "passages.jsonl"
    passages.write_text(passages.read_text(encoding="utf-8").replace("Rouen", "Rome"), encoding="utf-8")
    with pytest.raises(UserError, match=r"no readable index.*passages differ from those"):
        BM25Retriever.load(tmp_path / "index")


def test_a_kill_while_an_index_is_put_in_place_costs_the_index_and_leaves_nothing(tmp_path):
    BM25Retriever.build_or_load(CORPUS, tmp_path / "index")
    (tmp_path / f".index.ab12{STAGING}").mkdir()
    (tmp_path / "index").rename(tmp_path / f".index.ab12{STAGING}" / "old")
    assert ask(BM25Retriever.build_or_load(CORPUS, tmp_path / "index"), "Seine") == ["s"]
    assert [p.name for p in tmp_path.iterdir()] == ["index"]


def test_an_index_with_fewer_passages_than_it_searches_is_broken(tmp_path):
    BM25Retriever(CORPUS).save(tmp_path / "index")
    path = tmp_path / "index" / "passages.jsonl"
    path.write_text("".join(path.read_text(encoding="utf-8").splitlines(keepends=True)[:-1]), encoding="utf-8")
    with pytest.raises(UserError, match="no readable index"):
        BM25Retriever.load(tmp_path / "index")


def test_no_folder_is_no_index(tmp_path):
    with pytest.raises(UserError, match="no readable index"):
        BM25Retriever.load(tmp_path / "none")


def test_a_file_beside_an_index_is_not_lost_when_the_index_is_built_anew(passages, tmp_path):
    BM25Retriever(passages[:3]).save(tmp_path / "index")
    (tmp_path / "index" / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match=r"notes\.txt does not belong to the index"):
        BM25Retriever(passages[:4]).save(tmp_path / "index")
    assert (tmp_path / "index" / "notes.txt").read_text() == "mine" and len(list(tmp_path.iterdir())) == 1
    assert list(BM25Retriever.load(tmp_path / "index").passages) == passages[:3]


def test_an_index_that_several_build_at_once_is_whole_for_each(tmp_path):
    """By turns with the same settings and with others, so that one replaces what another is reading."""

    def build(number):
        k1 = 0.9 + number % 2
        return ask(BM25Retriever.build_or_load(CORPUS, tmp_path / "index", k1=k1), "the Danube")

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(build, range(40))) == [["d"]] * 40
    assert list(BM25Retriever.load(tmp_path / "index").passages) == CORPUS
