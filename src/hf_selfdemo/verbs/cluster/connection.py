"""Join a Ray cluster, and check each of its nodes before any call is paid for."""

from __future__ import annotations

import logging
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from hf_selfdemo.core.console import waiting
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.recipe.config import EngineArguments

_ANSWER_S = 10.0
"""Seconds to wait until the head of a cluster accepts a connection."""

_LOOK_S = 300.0
"""Seconds to wait until a node has started a process and checked itself."""

_AT = re.compile(r"(?:ray://)?(?P<host>[^/]+):(?P<port>\d+)$")


@dataclass(frozen=True)
class Room:
    """The number of workers, and the resources of each."""

    workers: int
    cpus: float
    gpus: float


def connect(keys: EngineArguments, folder: str) -> Room:
    """Join the cluster at `ray_address`, or start one on this machine.

    A process that has already joined a cluster stays in it.

    Args:
        keys: the options of the engine.
        folder: the folder of the workers' caches.

    Raises:
        UserError: if Ray is not installed, its head does not answer, no node has the resources of a worker, or a node
            has another version of this package or cannot write into the folder.
    """
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise UserError(f"runner is ray, but {error.name} is not installed", "pip install 'hf-selfdemo[ray]'") from None
    if not ray.is_initialized():
        with waiting("joining the Ray cluster"):
            _join(keys.ray_address or os.environ.get("RAY_ADDRESS", ""))
    logging.getLogger("ray.data").setLevel(logging.ERROR)  # it logs every step; errors are raised anyway
    nodes = [node for node in ray.nodes() if node["Alive"]]
    room = _room(keys, [node["Resources"] for node in nodes])
    with waiting("checking the nodes of the Ray cluster"):
        _check(nodes, room, folder)
    return room


def _join(address: str) -> None:
    import ray

    if address and address not in ("auto", "local"):
        _refuse_unreachable(address)
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # silences notes of the C++ core to its developers
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        if address:
            ray.init(address, **options)
        else:
            ray.init(include_dashboard=False, **options)
    except Exception as error:  # of many kinds: no cluster, another version of Ray or Python, no token
        said = " ".join(str(error).split())[:500]
        where = f"the Ray cluster at {address} cannot be joined" if address else "Ray cannot be started here"
        raise UserError(f"{where} ({said})", "check ray_address, and run `ray status` on its head") from error


def _refuse_unreachable(address: str) -> None:
    """Check quickly that the head answers. Ray itself would try for a minute and print many lines."""
    found = _AT.match(address)
    if not found:
        raise UserError(f"ray_address: {address!r} is not an address", "write HOST:6379, ray://HOST:10001 or auto")
    try:
        socket.create_connection((found["host"], int(found["port"])), _ANSWER_S).close()
    except (OSError, OverflowError) as error:
        remedy = "start a head there with `ray start --head`, or leave ray_address out to use this machine"
        raise UserError(f"no Ray head answers at {address} ({error})", remedy) from None


def _room(keys: EngineArguments, nodes: list[Mapping[str, float]]) -> Room:
    gpus = keys.ray_worker_gpus
    if gpus is None:
        gpus = float(keys.engine == "transformers" and any(node.get("GPU") for node in nodes))
    need = {"CPU": keys.ray_worker_cpus, "GPU": gpus}
    fitting = sum(_fits(node, need) for node in nodes)
    if not fitting:
        what = f"no node of the Ray cluster has {need['CPU']:g} CPUs and {gpus:g} GPUs for a worker"
        raise UserError(what, "lower ray_worker_cpus or ray_worker_gpus, or start such a node")
    return Room(keys.ray_workers or fitting, keys.ray_worker_cpus, gpus)


def _fits(node: Mapping[str, float], need: Mapping[str, float]) -> int:
    return int(min(node.get(kind, 0.0) // count for kind, count in need.items() if count))


def _check(nodes: list[Mapping[str, Any]], room: Room, folder: str) -> None:
    """Check all nodes that have the resources of a worker, at the same time."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    need = {"CPU": room.cpus, "GPU": room.gpus}
    own = version("hf-selfdemo")
    look = ray.remote(num_cpus=0, max_retries=0)(_look())
    asked = {}
    for node in nodes:
        if _fits(node["Resources"], need):
            there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            asked[node["NodeManagerAddress"], node["NodeID"][:6]] = look.options(scheduling_strategy=there).remote(
                own, folder
            )
    for (host, node), answer in asked.items():
        try:
            wrong = ray.get(answer, timeout=_LOOK_S)
        except ray.exceptions.RayError as error:
            wrong = " ".join(str(error).split())[:500], "run `ray status`, and look into the logs of that node"
        if wrong:
            raise UserError(f"Ray node {host} ({node}): {wrong[0]}", wrong[1])


def _look() -> Any:
    """The check that a node runs. It is sent as code and not by name, since the node may not have this module."""

    def look(wanted: str, folder: str) -> tuple[str, str] | None:
        from importlib.metadata import PackageNotFoundError, version

        try:
            found = version("hf-selfdemo")
        except PackageNotFoundError:
            return "hf-selfdemo is not installed there", f"install version {wanted} on every node"
        if found != wanted:
            return (
                f"it has hf-selfdemo {found}, but this machine has {wanted}",
                "install the same version on every node",
            )
        from hf_selfdemo.core.call_files import CallFiles
        from hf_selfdemo.core.errors import UserError

        try:
            CallFiles(folder).check()
        except UserError as error:
            return error.what, error.remedy
        return None

    return look
