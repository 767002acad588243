"""The ledger of one worker of a cluster: what it holds goes into shared files, where other machines find it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hf_selfdemo.core.call_files import CallFiles
from hf_selfdemo.core.ledger import Call, Ledger


class WorkerLedger(Ledger):
    """A `Ledger` in a temporary file of this machine, which begins with all calls of the shared files.

    Args:
        files: are read once, here. Each further call is appended to them before it counts.

    Raises:
        UserError: if the files cannot be read, or the temporary file cannot be written.

    Example:
        >>> from hf_selfdemo.core.types import Reply
        >>> files = CallFiles(tempfile.mkdtemp())
        >>> WorkerLedger(files).put("k", "tiny", "rag", "q1/rag/0", Reply("Paris")).text
        'Paris'
        >>> WorkerLedger(files).get("k").text
        'Paris'
    """

    def __init__(self, files: CallFiles) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="hf-selfdemo-")
        super().__init__(Path(self._folder.name) / "ledger.sqlite")
        self._files = files
        self.add(files)

    def _record(self, call: Call) -> None:
        self._files.append(call)
        super()._record(call)
