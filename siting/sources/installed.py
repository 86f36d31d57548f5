"""Layers that a person installed: what is there, and how it is read.

A reader gives None when the layer is not installed: the caller then says so, and how to
install it. A layer that is installed but damaged is an error, never nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from siting.communes import CommuneNames
from siting.errors import DataError
from siting.provenance import Provenance
from siting.sources.installed_files import (
    Description,
    damaged_layer,
    file_of,
    read_description,
)
from siting.sources.layer_files import LayerFile, read_layer_file
from siting.sources.layer_kinds import LayerContent, LayerKind, layer_kind, layer_kinds
from siting.sources.shipped import read_reference_csv, reference_layer
from siting.tables import COMMUNE_HISTORY, COMMUNE_REGISTER
from siting.territory_layers import density_today, programme_today

_DAY = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])")
_Today = Callable[..., pd.DataFrame]


@dataclass(frozen=True, slots=True)
class InstalledLayer:
    """A layer as it is used: its contract table, by codes of today, and where it comes from."""

    table: pd.DataFrame
    provenance: Provenance


def installed_layers() -> pd.DataFrame:
    """
    Return what is installed, and whether each file is the one that was.

    Returns
    -------
    layers
        One row per `layer`: `title`, `vintage` ("" when unknown), `n_rows`, `sha256`,
        `retrieved_on`, `licence`, `origin`, `state` ("intact" or "abîmé").
    """
    columns = ["layer", "title", "vintage", "n_rows", "sha256", "retrieved_on", "licence"]
    rows = []
    for kind in layer_kinds().values():
        try:
            described = read_description(kind.name)
        except DataError:
            rows.append((kind.name, kind.title, "", 0, "", "", kind.licence, "", "abîmé"))
            continue
        if described is not None:
            state = "intact" if _is_intact(described) else "abîmé"
            rows.append(
                (
                    *(kind.name, kind.title, described.vintage, described.n_rows),
                    *(described.sha256, described.retrieved_on, kind.licence, described.origin),
                    state,
                )
            )
    return pd.DataFrame(rows, columns=[*columns, "origin", "state"]).set_index("layer")


def read_programme(name: str) -> InstalledLayer | None:
    """
    Read an installed list of communes, by the communes of today.

    Parameters
    ----------
    name
        "pvd", "acv" (Action cœur de ville) or "villages_avenir".

    Returns
    -------
    programme
        Table `PROGRAMME`; None when the layer is not installed.

    Raises
    ------
    OptionError
        There is no such layer.
    DataError
        The layer is damaged.
    """
    return _read(layer_kind(name), LayerContent.PROGRAMME, programme_today)


def read_density() -> InstalledLayer | None:
    """
    Read the installed density grid, by the communes of today.

    Returns
    -------
    density
        Table `DENSITY`; None when the layer is not installed.

    Raises
    ------
    DataError
        The layer is damaged.
    """
    return _read(layer_kind("densite"), LayerContent.DENSITY, density_today)


def read_qpv(vintage: str) -> InstalledLayer | None:
    """
    Read the installed priority quarters of a generation.

    Parameters
    ----------
    vintage
        "2015" (calls before 2024) or "2024".

    Returns
    -------
    quarters
        Table `QPV`, codes of communes as in the file; None when the layer is not installed.

    Raises
    ------
    OptionError
        There is no such generation.
    DataError
        The layer is damaged.
    """
    return _read(layer_kind(f"qpv_{vintage}"), LayerContent.QPV, None)


def installed_file(layer: str) -> Path | None:
    """
    Return the file of an installed register, to be read like one that the user gives.

    Parameters
    ----------
    layer
        "finess" or "france_services"; any other layer too.

    Returns
    -------
    path
        None when the layer is not installed.

    Raises
    ------
    OptionError
        There is no such layer.
    DataError
        The layer is damaged.
    """
    described = read_description(layer_kind(layer).name)
    return None if described is None else file_of(described)


def installed_provenance(layer: str) -> Provenance | None:
    """Return where an installed layer comes from; None when it is not installed."""
    kind = layer_kind(layer)
    described = read_description(kind.name)
    return None if described is None else provenance_of(kind, described)


def newer_pvd() -> InstalledLayer | None:
    """
    Return the installed list of Petites villes de demain if it is newer than the shipped one.

    Raises
    ------
    DataError
        The installed list is damaged.
    """
    return None if newer_pvd_provenance() is None else read_programme("pvd")


def newer_pvd_provenance() -> Provenance | None:
    """
    Return where the list of `newer_pvd` comes from, without reading it.

    Raises
    ------
    DataError
        Its description is damaged.
    """
    described = read_description("pvd")
    if described is None or not is_newer_pvd(described.vintage):
        return None
    return provenance_of(layer_kind("pvd"), described)


def is_newer_pvd(vintage: str) -> bool:
    """Tell if a list of Petites villes de demain is of a later day than the shipped one."""
    return is_day(vintage) and vintage > reference_layer("pvd").vintage


def is_day(text: str) -> bool:
    """Tell if a text is a day, as AAAA-MM-JJ."""
    return _DAY.fullmatch(text) is not None


def read_installed_file(kind: LayerKind) -> LayerFile | None:
    """
    Read an installed layer as its file has it, to compare it; None when it is not installed.

    Raises
    ------
    DataError
        The layer is damaged.
    """
    described = read_description(kind.name)
    if described is None:
        return None
    path = file_of(described)
    try:
        return read_layer_file(kind, path, names=commune_names)
    except DataError as error:  # it was read when it was installed
        raise damaged_layer(kind.name) from error


def commune_names() -> CommuneNames:
    """Return the names of the communes of today and of the former ones."""
    communes = read_reference_csv("communes")
    communes["population"] = pd.to_numeric(communes["population"]).astype("Int64")
    return CommuneNames.of(
        COMMUNE_REGISTER.conform(communes.drop(columns="population_year")),
        COMMUNE_HISTORY.conform(read_reference_csv("commune_history")),
    )


def provenance_of(kind: LayerKind, described: Description) -> Provenance:
    """Return the provenance of an installed layer, for a manifest."""
    return Provenance(
        source=f"{kind.producer} : {kind.title}",
        url=described.url or kind.page,
        licence=kind.licence,
        attribution=kind.attribution,
        retrieved_on=described.retrieved_on,
        data_timestamp=described.vintage,
        sha256=described.sha256,
        note=" ; ".join([described.origin, *described.notes]),
    )


def _read(kind: LayerKind, content: LayerContent, today: _Today | None) -> InstalledLayer | None:
    described = read_description(kind.name)
    read = read_installed_file(kind)
    if described is None or read is None or read.table is None or kind.kind is not content:
        return None
    table = read.table
    if today is not None:
        history = read_reference_csv("commune_history")
        table = today(
            table,
            history=dict(zip(history["code_insee_old"], history["code_insee"], strict=True)),
            current=frozenset(read_reference_csv("communes")["code_insee"]),
        )
    return InstalledLayer(table, provenance_of(kind, described))


def _is_intact(described: Description) -> bool:
    try:
        file_of(described)
    except DataError:
        return False
    return True
