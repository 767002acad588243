"""Fresh processes that train together on one CPU over gloo, and what each of them brings back."""

import multiprocessing
import os
import pickle
import time
from datetime import timedelta
from pathlib import Path

# torch and the trainers are read once, by the process that all others are forked from
multiprocessing.set_forkserver_preload(["hf_selfdemo.training.sft", "hf_selfdemo.training.dpo"])


def together(count, work, *args, folder, seconds=120, **kwargs):
    """Run `work(*args, **kwargs)` as each of `count` ranks and return their results, in order.

    A rank that fails raises its error here and takes the others with it; so does time running out. No port is needed:
    the ranks meet in a file.
    """
    from torch.multiprocessing import start_processes

    folder = Path(folder)
    folder.mkdir(parents=True)
    running = start_processes(
        _rank, (count, work, args, kwargs, folder), count, join=False, daemon=True, start_method="forkserver"
    )
    deadline = time.monotonic() + seconds
    try:
        while not running.join(timeout=1):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{count} ranks are not done after {seconds} seconds")
    finally:
        for process in running.processes:
            process.kill()
            process.join()
    return [pickle.loads((folder / f"rank{rank}").read_bytes()) for rank in range(count)]


def _rank(rank, count, work, args, kwargs, folder):
    import torch

    torch.set_num_threads(1)
    if count > 1:
        os.environ |= {
            "RANK": f"{rank}",
            "LOCAL_RANK": f"{rank}",
            "WORLD_SIZE": f"{count}",
            "LOCAL_WORLD_SIZE": f"{count}",
        }
        torch.distributed.init_process_group("gloo", f"file://{folder}/meeting", timedelta(seconds=60), count, rank)
    (folder / f"rank{rank}").write_bytes(pickle.dumps(work(*args, **kwargs)))
    if count > 1:
        torch.distributed.destroy_process_group()
