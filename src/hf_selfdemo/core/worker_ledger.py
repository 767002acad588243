"""The ledger of one worker of a cluster. Its calls are also written to shared files, which other machines read."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hf_selfdemo.core.call_files import CallFiles
from hf_selfdemo.core.ledger import Call, Ledger


class WorkerLedger(Ledger):
    """A `Ledger` in a temporary file of this machine, which starts with all calls of the shared files.

    Args:
        files: the shared files, which are read once at the start. Each new call is appended to them first.

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
