"""Write datasets as Parquet shards, and the metadata of a card with which they load."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from datasets import Dataset, DatasetInfo, SplitDict, SplitInfo
from datasets.info import DatasetInfosDict
from datasets.utils.metadata import MetadataConfigs
from datasets.utils.py_utils import convert_file_size_to_int
from huggingface_hub import DatasetCardData

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.remade import remade

_SIZES = {1_000: "n<1K", 10_000: "1K<n<10K", 100_000: "10K<n<100K", 1_000_000: "100K<n<1M", 10_000_000: "1M<n<10M"}


def write_shards(dataset: Dataset, folder: Path, max_shard_size: str) -> list[Path]:
    """Write a dataset as `train-00000-of-0000N.parquet`, with its features in the metadata of each file.

    Args:
        dataset: the dataset, with at least one row.
        folder: the folder to write. Its earlier shards are removed.
        max_shard_size: size before compression such as "500MB". A row is never split.

    Raises:
        UserError: for an invalid size, or if the folder contains files that this function did not write.
    """
    try:
        largest = convert_file_size_to_int(max_shard_size)
    except ValueError:
        largest = 0
    if largest < 1:
        raise UserError(f"max_shard_size is {max_shard_size!r}", "write a size such as 500MB")
    count = min(len(dataset), -(-dataset.data.nbytes // largest))
    names = [f"train-{i:05d}-of-{count:05d}.parquet" for i in range(count)]
    with remade(folder) as staging:
        for i, name in enumerate(names):
            dataset.shard(count, i, contiguous=True).to_parquet(staging / name)
    return [folder / name for name in names]


def describe(configs: Mapping[str, Dataset], shards: Mapping[str, list[Path]], default: str) -> dict[str, Any]:
    """Make the metadata `configs` and `dataset_info` of a card, as `Dataset.push_to_hub` writes them.

    Args:
        configs: the datasets by configuration.
        shards: the files of each configuration, in a folder of its name.
        default: the configuration that loads if none is named.
    """
    data = DatasetCardData()
    DatasetInfosDict({name: _info(rows, shards[name]) for name, rows in configs.items()}).to_dataset_card_data(data)
    files = {name: {"data_files": [{"split": "train", "path": f"{name}/train-*"}]} for name in configs}
    MetadataConfigs(files | {default: files[default] | {"default": True}}).to_dataset_card_data(data)
    order = list(configs)
    return {
        key: sorted(data[key], key=lambda one: order.index(one["config_name"])) for key in ("configs", "dataset_info")
    }


def size_category(rows: int) -> str:
    """The Hub's size category for a number of rows.

    Example:
        >>> size_category(96), size_category(1_000), size_category(20_000_000)
        ('n<1K', '1K<n<10K', '10M<n<100M')
    """
    return next((name for limit, name in _SIZES.items() if rows < limit), "10M<n<100M")


def _info(dataset: Dataset, shards: list[Path]) -> DatasetInfo:
    split = SplitInfo("train", num_bytes=dataset.data.nbytes, num_examples=len(dataset))
    return DatasetInfo(
        features=dataset.features,
        splits=SplitDict({"train": split}),
        download_size=sum(path.stat().st_size for path in shards),
        dataset_size=dataset.data.nbytes,
    )
