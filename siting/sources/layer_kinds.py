"""Layers that a person may install: title, licence, official address, as data."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from typing import Any

from siting.errors import OptionError
from siting.names import plain_key


class LayerContent(StrEnum):
    """What a layer holds."""

    PROGRAMME = "programme"
    DENSITY = "density"
    QPV = "qpv"
    REGISTER = "register"


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerKind:
    """
    One layer of `layers.toml`, whose head says what each entry means.

    `dataset` (with `resource` or `file`) or `url` is the official address; both are empty
    when none is known, and the layer is then taken from a file only.
    """

    name: str
    title: str
    kind: LayerContent
    producer: str
    licence: str
    attribution: str
    page: str
    largest_mb: int
    also: tuple[str, ...] = ()
    dataset: str = ""
    resource: str = ""
    file: str = ""
    url: str = ""
    member: str = ""
    hosts: tuple[str, ...] = ()
    vintage: str = ""
    seen_on: str = ""
    remark: str = ""

    @property
    def is_online(self) -> bool:
        """Tell if the layer has an official address."""
        return bool(self.dataset or self.url)


def layer_kinds() -> dict[str, LayerKind]:
    """Return the layers that may be installed, by name."""
    text = resources.files("siting.sources").joinpath("layers.toml").read_text("utf-8")
    return {name: _kind(name, facts) for name, facts in tomllib.loads(text).items()}


def layer_kind(name: str) -> LayerKind:
    """
    Return a layer by its name, hyphens or spaces and case as one likes.

    Raises
    ------
    OptionError
        There is no such layer.
    """
    kinds = layer_kinds()
    wanted = plain_key(name)
    spelled = {plain_key(text): one for one in kinds.values() for text in (one.name, *one.also)}
    if wanted in spelled:
        return spelled[wanted]
    near = [one for one in kinds if wanted and one.startswith(wanted.replace(" ", "_"))]
    near = near or [spelled[key].name for key in difflib.get_close_matches(wanted, spelled, n=2)]
    meant = f" Vouliez-vous dire {' ou '.join(dict.fromkeys(near))} ?" if near else ""
    raise OptionError(f"Couche inconnue : « {name} ».{meant} Couches : {', '.join(kinds)}.")


def _kind(name: str, facts: Mapping[str, Any]) -> LayerKind:
    lists = {key: tuple(facts[key]) for key in ("also", "hosts") if key in facts}
    return LayerKind(**{**facts, **lists, "name": name, "kind": LayerContent(facts["kind"])})
