"""YAML for cards and recipes that go to the Hub."""

from __future__ import annotations

from typing import Any

import yaml


class _Dumper(yaml.SafeDumper):
    """Writes every kind of dict: objects read from manifests are of a kind of their own."""


_Dumper.add_multi_representer(dict, yaml.SafeDumper.represent_dict)


def dump_yaml(value: Any, **options: Any) -> str:
    """A value as YAML, in the order in which it stands.

    Args:
        value: made of dicts, lists, texts and numbers.
        options: of `yaml.dump`, such as `width`.

    Example:
        >>> dump_yaml({"license": "mit", "tags": ["rag"]}, default_flow_style=True)
        '{license: mit, tags: [rag]}\\n'
    """
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, **options)
    return text
