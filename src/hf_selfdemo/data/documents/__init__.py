"""Documents as a corpus: files of a folder to passages, each with the headings above it and the place it came from.

files.py        which files are documents, and how each becomes Markdown
sections.py     what stands under which headings
pieces.py       sections to passages, cut between paragraphs and sentences
duplicates.py   passages that say the same
corpus.py       all of it, and what was left out
"""

from hf_selfdemo.data.documents.corpus import Documents, read_documents
from hf_selfdemo.data.documents.files import document_files

__all__ = ["Documents", "document_files", "read_documents"]
