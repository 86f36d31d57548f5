"""Levels of INSEE's density grid, as its files write them: words, or numbers of 3, 4 or 7."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from siting.errors import DataError
from siting.names import plain_key
from siting.sources.columns import Field, column_list, recognised_columns
from siting.sources.layer_table import LayerTable, layer_table
from siting.territory_layers import DENSITY_LABELS, FIRST_RURAL_CLASS

_LABEL = Field(
    "label", ("libdens7", "niveau densite", "libdens", "libelle densite"), must_be_sure=False
)
_NUMBER = Field(
    "number", ("dens7", "dens", "densite", "degre densite", "niveau"), must_be_sure=False
)
_BY_LABEL = {plain_key(label): number for number, label in DENSITY_LABELS.items()}
_MOST = max(DENSITY_LABELS)
_FIRST_RURAL = {3: 3, 4: 3, _MOST: FIRST_RURAL_CLASS}  # levels of the grid -> first rural one
_RURAL_WORDS = ("rural", "peu dense")
_URBAN_WORDS = ("urbain", "intermediaire", "dense")


def read_levels(path: Path, *, code: Field) -> tuple[LayerTable, pd.DataFrame, tuple[str, ...]]:
    """
    Read the level of each row of a density grid.

    Returns
    -------
    table
        The file, its column of codes recognised.
    levels
        `density_class`, `density_label`, `is_rural` of each row (table `DENSITY`).
    notes
        What the grid does not tell, in French.

    Raises
    ------
    DataError
        There is no column of codes or levels, or a level that INSEE does not have.
    """
    fields = (code, _LABEL, _NUMBER)

    def is_grid(header: Sequence[str]) -> bool:
        found = recognised_columns(header, fields, columns={}, name=path.name).positions
        return "code_insee" in found and bool({"label", "number"} & found.keys())

    table = layer_table(path, is_header=is_grid, fields=fields)
    if not is_grid(table.header):
        raise DataError(
            f"{path.name} : ce n'est pas une grille de densité, il manque la colonne des codes "
            "(codgeo, code_insee) ou celle des niveaux (libdens7, dens7, dens). Colonnes du "
            f"fichier : {column_list(table.header)}."
        )
    if "label" in table.positions:
        return table, *_from_labels(table.column("label"), name=path.name)
    return table, *_from_numbers(
        table.column("number"),
        is_seven=plain_key(table.header[table.positions["number"]]) == _NUMBER.aliases[0],
        name=path.name,
    )


def _from_labels(labels: Sequence[str], *, name: str) -> tuple[pd.DataFrame, tuple[str, ...]]:
    keys = [plain_key(label) for label in labels]
    numbers = [_BY_LABEL.get(key) for key in keys]
    rural = [
        number >= FIRST_RURAL_CLASS if number is not None else _is_rural(key, label, name)
        for number, key, label in zip(numbers, keys, labels, strict=True)
    ]
    notes = () if None not in numbers else (_fewer_levels(),)
    return _levels(numbers, labels, rural), notes


def _is_rural(key: str, label: str, name: str) -> bool:
    """Tell rural from the words of a grid of 3 or 4 levels."""
    if any(word in key for word in _RURAL_WORDS):
        return True
    if any(word in key for word in _URBAN_WORDS):
        return False
    raise DataError(f"{name} : « {label} » n'est pas un niveau de la grille de densité de l'INSEE.")


def _from_numbers(
    texts: Sequence[str], *, is_seven: bool, name: str
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    digits = {str(number): number for number in DENSITY_LABELS}
    odd = next((text for text in texts if text not in digits), None)
    if odd is not None:
        raise DataError(
            f"{name} : « {odd} » n'est pas un niveau de la grille de densité de l'INSEE (1 à 7)."
        )
    numbers = [digits[text] for text in texts]
    n_levels = _MOST if is_seven else max(numbers)
    if n_levels not in _FIRST_RURAL:
        raise DataError(
            f"{name} : on ne sait pas si ces niveaux, de 1 à {n_levels}, sont ceux de la grille à "
            "3, 4 ou 7 niveaux. Gardez la colonne de leurs libellés, ou nommez celle-ci dens7."
        )
    rural = [number >= _FIRST_RURAL[n_levels] for number in numbers]
    if n_levels == _MOST:
        return _levels(numbers, [DENSITY_LABELS[number] for number in numbers], rural), ()
    labels = [f"niveau {number} sur {n_levels}" for number in numbers]
    return _levels([None] * len(numbers), labels, rural), (_fewer_levels(),)


def _fewer_levels() -> str:
    return (
        "Cette grille n'a pas les 7 niveaux de l'INSEE : elle dit si une commune est rurale, sans "
        "classe de 1 à 7."
    )


def _levels(
    numbers: Sequence[int | None], labels: Sequence[str], rural: Sequence[bool]
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "density_class": pd.array(list(numbers), dtype="Int64"),
            "density_label": list(labels),
            "is_rural": pd.array(list(rural), dtype="boolean"),
        }
    )
