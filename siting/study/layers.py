"""Layers that a person installs: imported, downloaded, compared with what was there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from siting.errors import DataError, OptionError
from siting.export import csv_bytes
from siting.labels import date_text
from siting.list_changes import LIST_CHANGES, KnownCommunes, list_changes
from siting.sources import installed_files
from siting.sources.installed import (
    commune_names,
    installed_layers,
    is_day,
    is_newer_pvd,
    read_installed_file,
)
from siting.sources.installed_files import Description, Staged
from siting.sources.layer_download import download_layer
from siting.sources.layer_files import LayerFile, programme_listing, read_layer_file
from siting.sources.layer_kinds import LayerContent, LayerKind, layer_kind, layer_kinds
from siting.sources.shipped import read_reference_csv, reference_layer
from siting.territory_layers import PROGRAMME

__all__ = [
    "LayerDifference",
    "LayerInstalled",
    "compare_layer",
    "import_layer",
    "installed_layers",
    "layer_changes_csv",
    "online_layers",
    "remove_layer",
    "update_layer",
]

_OF_COMMUNES = (LayerContent.PROGRAMME, LayerContent.DENSITY)
_LEAST_SHARE = 0.5  # a download with fewer rows than that of the former one looks cut short
_LONGEST_VINTAGE = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerDifference:
    """
    What a file would change, or has changed.

    Parameters
    ----------
    kind
        The layer.
    former
        What it is compared with, in French; "" when there was nothing.
    changes
        Table `LIST_CHANGES`; None when there was nothing.
    n_before, n_after
        Rows of the former list, 0 when there was none, and of the file.
    vintage
        Date or year of the file; "" when unknown.
    notes
        What of the file could not be used, in French.
    """

    kind: LayerKind
    former: str
    changes: pd.DataFrame | None
    n_before: int
    n_after: int
    vintage: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerInstalled:
    """
    A layer that has just been installed.

    Parameters
    ----------
    difference
        With what was there before.
    description
        What is kept of it.
    was_there
        If the same file was already installed.
    is_unused
        If it is kept but not used: a list of Petites villes de demain that is older than the
        one of the package.
    """

    difference: LayerDifference
    description: Description
    was_there: bool
    is_unused: bool


def online_layers() -> list[str]:
    """Return the layers that have an official address."""
    return [kind.name for kind in layer_kinds().values() if kind.is_online]


def compare_layer(layer: str, path: Path) -> LayerDifference:
    """
    Compare a file with the layer that is installed, or for `pvd` shipped; install nothing.

    Raises
    ------
    OptionError
        There is no such layer.
    DataError
        The file is not that layer, or what is installed is damaged.
    """
    kind = layer_kind(layer)
    return _difference(kind, read_layer_file(kind, path, names=commune_names), vintage="")


def import_layer(layer: str, path: Path, *, vintage: str = "") -> LayerInstalled:
    """
    Install the file of a layer in the place of what was there.

    Parameters
    ----------
    layer, path
        Layer, and file of it.
    vintage
        Date or year of the data; by default that of the file or of its name.

    Raises
    ------
    OptionError
        There is no such layer, or no date is known of a list that needs one.
    DataError
        The file is not that layer; what is installed stays.
    OutputError
        The folder of layers cannot be written.
    """
    kind = layer_kind(layer)
    staged = installed_files.stage(kind.name, path.name, path)
    description = Description(
        layer=kind.name,
        name=staged.path.name,
        sha256=staged.sha256,
        n_rows=0,
        vintage=_vintage(vintage),
        retrieved_on=_today(),
        origin=f"fichier {path.name}",
    )
    return _installed(kind, staged, description, fallback="", is_trusted=True)


def update_layer(
    layer: str, *, url: str | None = None, vintage: str = "", allow_private: bool = False
) -> LayerInstalled:
    """
    Download the file of a layer and install it in the place of what was there.

    A file that has less than half the rows of the former one is refused: it looks cut short,
    and a person can still import it.

    Parameters
    ----------
    layer
        Layer.
    url
        Address of the file, instead of the official one.
    vintage
        As for `import_layer`; by default also the day on which the file was published.
    allow_private
        If the server may stand in a private network.

    Raises
    ------
    OptionError
        There is no such layer, it has no official address, or the one given cannot be used.
    SourceError
        The file cannot be downloaded.
    DataError
        What was downloaded is not that layer; what is installed stays.
    OutputError
        The folder of layers cannot be written.
    """
    kind = layer_kind(layer)
    given = _vintage(vintage)
    found = download_layer(kind, url=url, allow_private=allow_private)
    staged = installed_files.stage(kind.name, found.name, found.content)
    checked = " (somme annoncée vérifiée)" if found.is_sum_checked else ""
    description = Description(
        layer=kind.name,
        name=staged.path.name,
        sha256=staged.sha256,
        n_rows=0,
        vintage=given,
        retrieved_on=_today(),
        origin=f"téléchargé de {found.url}{checked}",
        url=found.url,
    )
    return _installed(kind, staged, description, fallback=found.changed_on, is_trusted=False)


def remove_layer(layer: str) -> Path:
    """
    Remove an installed layer for good; return its folder.

    Raises
    ------
    OptionError, DataError
        There is no such layer, or it is not installed.
    OutputError
        It cannot be removed.
    """
    return installed_files.remove(layer_kind(layer).name)


def layer_changes_csv(difference: LayerDifference) -> bytes:
    """Return the differences as a CSV file, as `siting.export.csv_bytes` writes them."""
    changes = difference.changes
    return csv_bytes(LIST_CHANGES.empty() if changes is None else changes, LIST_CHANGES)


def _installed(
    kind: LayerKind, staged: Staged, described: Description, *, fallback: str, is_trusted: bool
) -> LayerInstalled:
    """Read a staged file, compare it, and install it; on any failure nothing has changed."""
    try:
        read = read_layer_file(kind, staged.path, names=commune_names)
        vintage = _vintage_of(kind, described.vintage, (read.vintage, fallback, kind.vintage))
        difference = _difference(kind, read, vintage=vintage)
        _require_likely(kind, read)
        if not is_trusted:
            _require_whole(difference)
        former = installed_files.read_description_or_none(kind.name)
        complete = replace(
            described, vintage=vintage, n_rows=len(read.listing), notes=difference.notes
        )
        installed_files.install(staged, complete)
    except BaseException:
        installed_files.discard(staged)
        raise
    return LayerInstalled(
        difference=difference,
        description=complete,
        was_there=former is not None and former.sha256 == complete.sha256,
        is_unused=kind.name == "pvd" and not is_newer_pvd(vintage),
    )


def _difference(kind: LayerKind, read: LayerFile, *, vintage: str) -> LayerDifference:
    before, former = _former(kind)
    changes = None
    if before is not None:
        communes = _known_communes() if kind.kind in _OF_COMMUNES else None
        changes = list_changes(before, read.listing, communes=communes)
    return LayerDifference(
        kind=kind,
        former=former,
        changes=changes,
        n_before=0 if before is None else len(before),
        n_after=len(read.listing),
        vintage=vintage or read.vintage,
        notes=read.notes,
    )


def _former(kind: LayerKind) -> tuple[pd.DataFrame | None, str]:
    """Return the listing that is replaced, and what it is: installed, or shipped."""
    described = installed_files.read_description_or_none(kind.name)
    if described is not None:
        try:
            read = read_installed_file(kind)
        except DataError:  # it is there to be replaced
            return None, ""
        if read is not None:
            return (
                read.listing,
                f"la liste installée ({date_text(described.vintage) or 'date inconnue'})",
            )
    if kind.name != "pvd":
        return None, ""
    listed = read_reference_csv("pvd").rename(columns={"date_signature": "signed_on"})
    listed = PROGRAMME.conform(listed.drop(columns="id_pvd").assign(nom=""))
    return programme_listing(
        listed
    ), f"la liste du programme ({date_text(reference_layer('pvd').vintage)})"


def _known_communes() -> KnownCommunes:
    communes, history = read_reference_csv("communes"), read_reference_csv("commune_history")
    return KnownCommunes(
        names=dict(zip(communes["code_insee"], communes["nom"], strict=True)),
        today=dict(zip(history["code_insee_old"], history["code_insee"], strict=True)),
    )


def _vintage(given: str) -> str:
    text = " ".join(given.split())
    if len(text) > _LONGEST_VINTAGE:
        raise OptionError(f"--vintage : « {text[:_LONGEST_VINTAGE]}… » est trop long.")
    return text


def _vintage_of(kind: LayerKind, given: str, told: tuple[str, ...]) -> str:
    """
    Return the vintage given, else the first that is told.

    A list of Petites villes de demain needs a day: it decides which list is used.
    """
    if kind.name != "pvd":
        return given or next(filter(None, told), "")
    found = given or next(filter(is_day, told), "")
    if not is_day(found):
        what = f"« {given} » n'est pas un jour" if given else "le fichier ne dit pas son jour"
        raise OptionError(
            f"Liste Petites villes de demain : {what}. Donnez-le : --vintage AAAA-MM-JJ (de cette "
            "liste et de celle du programme, la plus récente sert)."
        )
    return found


def _require_whole(difference: LayerDifference) -> None:
    if difference.n_after < _LEAST_SHARE * difference.n_before:
        raise DataError(
            f"La liste « {difference.kind.name} » téléchargée n'a que {difference.n_after} lignes, "
            f"contre {difference.n_before} dans {difference.former} : elle paraît tronquée, et "
            "n'est pas installée. Si elle est juste, téléchargez-la vous-même "
            f"({difference.kind.page}), puis siting data import {difference.kind.name} FICHIER."
        )


def _require_likely(kind: LayerKind, read: LayerFile) -> None:
    """Refuse as Petites villes de demain a list that is partial, or one of something else."""
    if kind.name != "pvd":
        return
    shipped = set(read_reference_csv("pvd")["code_insee"])
    n_shared = len(shipped & set(read.listing.index))
    if n_shared < _LEAST_SHARE * max(len(shipped), len(read.listing)):
        raise DataError(
            "Ce n'est sans doute pas la liste nationale des Petites villes de demain : "
            f"{len(read.listing)} communes, dont {n_shared} des {len(shipped)} de celle du "
            "programme. Une liste partielle ôterait le programme aux autres communes."
        )


def _today() -> str:
    return datetime.now(UTC).date().isoformat()
