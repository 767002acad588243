"""Documents as a corpus: files of a folder to passages, each with the headings above it and its position.

files.py        which files are documents, and how each becomes Markdown
sections.py     the sections of a document and their headings
pieces.py       sections to passages, split between paragraphs and sentences
duplicates.py   finds duplicate passages
corpus.py       all these steps, and what was left out
"""

from hf_selfdemo.data.documents.corpus import Documents, read_documents
from hf_selfdemo.data.documents.files import document_files

__all__ = ["Documents", "document_files", "read_documents"]
