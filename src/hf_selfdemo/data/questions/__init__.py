"""Any QA dataset and corpus as `Question`s and `Passage`s.

sources.py     rows of a file, a dataset or a Hub id, each with its position
packed.py      text files, gzipped or not, read with limits on size
tables.py      rows of CSV, TSV and Excel
columns.py     which column has which role
values.py      what a cell means: absent, a text, a list, a number, true or false
reading.py     rows to questions
passages.py    rows to passages, and unique ids for them
shortening.py  long passages, cut or split
"""

from hf_selfdemo.data.questions.columns import PRESETS, ColumnMap, dig
from hf_selfdemo.data.questions.passages import corpus_of, read_passages
from hf_selfdemo.data.questions.reading import each_question, missing_columns, read_questions, sample
from hf_selfdemo.data.questions.shortening import cut_words, shortened
from hf_selfdemo.data.questions.sources import EMBEDDED, Source, read_rows

__all__ = [
    "EMBEDDED",
    "PRESETS",
    "ColumnMap",
    "Source",
    "corpus_of",
    "cut_words",
    "dig",
    "each_question",
    "missing_columns",
    "read_passages",
    "read_questions",
    "read_rows",
    "sample",
    "shortened",
]
