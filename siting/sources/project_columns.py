"""Which columns of the planner's file tell the name, the address and the place of a project."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from siting.errors import DataError
from siting.names import plain_key
from siting.sources.cells import (
    decimal_number,
    has_two_numbers,
    insee_code,
    plain_text,
    postcode,
)
from siting.sources.columns import Field, Outline, column_list, recognised_columns
from siting.sources.coordinates import are_degrees, metric_systems
from siting.sources.table_file import TableFile

FIELDS = (
    Field(
        "adresse",
        (
            *("adresse", "adresse complete", "adresse postale", "adresse projet"),
            *("adresse du projet", "adresse du site", "adresse du lieu", "adresse du logement"),
            *("adresse de l habitat", "adresse du programme", "adresse d implantation"),
            *("adresse site", "adresse 1", "libelle adresse", "address"),
        ),
    ),
    Field("code_postal", ("code postal", "cp", "codepostal", "code post", "postcode")),
    Field(
        "commune",
        (
            *("commune", "ville", "localite", "nom commune", "nom de la commune", "municipalite"),
            *("commune du projet", "ville du projet", "commune d implantation"),
            *("libelle commune", "lib com", "nom com", "city"),
        ),
    ),
    Field(
        "code_insee",
        (
            *("code insee", "insee", "code commune", "codeinsee", "codecommune", "codgeo"),
            *("code insee commune", "code insee de la commune", "code commune insee"),
            *("insee com", "com insee", "code com", "depcom", "citycode"),
        ),
    ),
    Field("lon", ("lon", "longitude", "lng", "long")),
    Field("lat", ("lat", "latitude")),
    Field(
        "nom",
        (
            *("nom", "nom du projet", "nom projet", "projet", "intitule", "intitule du projet"),
            *("nom du site", "nom du lieu", "nom de l operation", "operation", "denomination"),
            *("designation", "libelle", "titre", "name"),
        ),
        must_be_sure=False,
    ),
    Field(
        "id",
        (
            *(
                "id",
                "identifiant",
                "n",
                "no",
                "num",
                "ref",
                "reference",
                "id projet",
                "id site",
                "site id",
            ),
            *("code projet", "numero projet", "numero du projet", "n projet", "n du projet"),
            *("numero dossier", "n dossier", "n de dossier", "numero de dossier", "numero"),
        ),
        must_be_sure=False,
    ),
)
# An address in several columns, in the order they are written (names of the BAN exports first).
_ADDRESS_PARTS = tuple(
    Field(name, aliases, must_be_sure=False)
    for name, aliases in (
        ("numero", ("numero", "numero voie", "numero de voie", "n voie", "n de voie", "n", "no")),
        ("rep", ("rep", "indice de repetition", "indice repetition", "repetition", "suffixe")),
        ("type_voie", ("type voie", "type de voie", "nature voie")),
        ("voie", ("nom voie", "voie", "nom de voie", "nom de la voie", "libelle voie", "rue")),
    )
)
_XY = (Field("lon", ("x",)), Field("lat", ("y",)))
_NO_NUMBER = "99999"  # the BAN's number of a place that has none

_LOOKED_AT = 100  # rows that tell what a column holds

_WHOLE = re.compile(r"^([0-9]+)\.0+$")  # a number that went through a column of decimals

_PLACES = ("adresse", "commune", "code_insee", "lon")  # any of them tells where a project is


@dataclass(frozen=True, slots=True)
class ProjectColumns:
    """
    Where each field of a file of projects is.

    Parameters
    ----------
    positions
        Field of `FIELDS` -> position of its column.
    parts
        Positions of the columns an address is joined from, the street last; empty if
        there is a column of addresses, or none at all.
    notes
        Remarks in French.
    """

    positions: Mapping[str, int]
    parts: tuple[int, ...]
    notes: tuple[str, ...]

    def named(self, header: Sequence[str]) -> dict[str, str]:
        """Name the column of each field, `numero + voie` for an address that is joined."""
        names = {field: header[at] for field, at in self.positions.items()}
        if self.parts:
            names["adresse"] = " + ".join(header[at] for at in self.parts)
        return names


def may_hold_projects(outline: Outline, columns: Mapping[str, str]) -> bool:
    """Tell if a sheet or layer has what says where projects are, and the columns the user names."""
    keys = {plain_key(column) for column in outline.header}
    has_named = all(plain_key(column) in keys for column in columns.values())
    aliases = {alias for field in FIELDS if field.name in _PLACES for alias in field.aliases} | set(
        _ADDRESS_PARTS[-1].aliases
    )
    is_told = bool(keys & aliases) or not columns.keys().isdisjoint(_PLACES)
    return has_named and not outline.is_drawn and (outline.has_points or is_told)


def project_columns(file: TableFile, columns: Mapping[str, str]) -> ProjectColumns:
    """
    Find the columns of a file of projects, by their usual names or as the user says.

    Without a column of addresses, one is joined from number, suffix and street; without
    `lon` and `lat`, X and Y are taken if they are degrees. The points of a layer are its
    positions: none of its columns is.

    Parameters
    ----------
    file
        The file as text.
    columns
        Field of `FIELDS` -> name of its column, as the user says.

    Raises
    ------
    DataError
        A column named is not there, two columns could be the same field, or no column
        tells where the projects are.
    """
    found = recognised_columns(file.header, FIELDS, columns=columns, name=file.name)
    positions = dict(found.positions)
    parts = () if "adresse" in positions else _address_parts(file, positions, columns)
    located, coordinate_notes = _coordinate_columns(file, positions)
    positions = {
        field: at
        for field, at in positions.items()
        if at not in parts and field not in {"lon", "lat"}
    } | located
    if not parts and not file.points and positions.keys().isdisjoint(_PLACES):
        raise DataError(
            f"{file.name} : aucune colonne ne dit où sont les projets. Colonnes lues sur la "
            f"première ligne : {column_list(file.header)}. Si cette ligne est un titre, "
            "supprimez-la. Nommez les colonnes « adresse », « commune », « code_postal », "
            "« code_insee », « lon » et « lat », ou dites par exemple "
            "--column adresse=NOM_DE_VOTRE_COLONNE."
            + "".join(f" {note}" for note in coordinate_notes)
        )
    return ProjectColumns(positions, parts, (*found.notes, *coordinate_notes))


def joined_address(file: TableFile, parts: Sequence[int]) -> list[str]:
    """Join the columns `parts`, the street last; a row without street has no address."""
    *before, street = parts
    addresses = []
    for row in file.rows:
        front = [_WHOLE.sub(r"\1", plain_text(row[at])) for at in before]
        name = plain_text(row[street])
        words = [word for word in front if word and word != _NO_NUMBER]
        addresses.append(" ".join([*words, name]) if name else "")
    return addresses


def shifted_rows(file: TableFile, found: ProjectColumns) -> frozenset[int]:
    """
    Tell which rows have cells that may stand under the wrong name.

    A row of a text file with more cells than the header has one that was cut by a separator
    inside of it, and all that follows is shifted. Cells are known to be at their place up to
    the last code that reads as one, if none of the codes before it is something else: the
    row is sound if that covers its places. A commune just after the code is at its
    place too, be it cut. All other long rows may be shifted.

    Parameters
    ----------
    file
        The file as text, its long rows kept.
    found
        Its columns.

    Returns
    -------
    positions
        Of the rows in `file.rows`.
    """
    codes = {"code_postal": postcode, "code_insee": insee_code}
    read = {found.positions[one]: codes[one] for one in codes if one in found.positions}
    commune = found.positions.get("commune", -1)
    places = {at for field, at in found.positions.items() if field not in {"id", "nom"}}
    last = max(places | set(found.parts), default=0)
    numbers = set(file.long_rows)
    shifted = []
    for position, (number, row) in enumerate(zip(file.row_numbers, file.rows, strict=True)):
        if number not in numbers:
            continue
        filled = [at for at in read if row[at].strip()]
        is_wrong = any(not read[at](row[at]) for at in filled)
        is_wrong |= commune >= 0 and bool(row[commune].strip()) and not _has_letter(row[commune])
        sure_to = max(filled, default=-1)
        sure_to += commune == sure_to + 1
        if is_wrong or sure_to < last:
            shifted.append(position)
    return frozenset(shifted)


def _has_letter(cell: str) -> bool:
    return any(letter.isalpha() for letter in cell)


def _address_parts(
    file: TableFile, positions: Mapping[str, int], columns: Mapping[str, str]
) -> tuple[int, ...]:
    """Find the columns of number, suffix and street; none if there is no street."""
    # A column `N°` beside a street is the number of the house, unless the user says otherwise.
    taken = {at for field, at in positions.items() if field != "id" or field in columns}
    free = ["" if at in taken else name for at, name in enumerate(file.header)]
    found = recognised_columns(free, _ADDRESS_PARTS, columns={}, name=file.name).positions
    if "voie" not in found:
        return ()
    return tuple(found[part.name] for part in _ADDRESS_PARTS if part.name in found)


def _coordinate_columns(
    file: TableFile, positions: Mapping[str, int]
) -> tuple[dict[str, int], tuple[str, ...]]:
    """Find both coordinates, or none; X and Y are taken if they are degrees."""
    found = {field: positions[field] for field in ("lon", "lat") if field in positions}
    if file.points:
        names = column_list([file.header[at] for at in found.values()])
        note = f"Positions prises à la géométrie de la couche, pas aux colonnes {names}."
        return {}, (note,) if found else ()
    if len(found) == len(_XY):
        return found, ()
    if found:
        (alone,) = found
        other = "lat" if alone == "lon" else "lon"
        note = (
            f"Colonne « {alone} » sans colonne « {other} » : les coordonnées ne sont pas lues. "
            f"Nommez-la : --column {other}=NOM."
        )
        return {}, (note,)
    return _degree_columns(file)


def _degree_columns(file: TableFile) -> tuple[dict[str, int], tuple[str, ...]]:
    """Find X and Y if they are degrees; if not, say what they, or cells of two numbers, are."""
    xy = dict(recognised_columns(file.header, _XY, columns={}, name=file.name).positions)
    if len(xy) < len(_XY):
        return {}, _paired_columns(file)
    x, y = (np.array([decimal_number(row[xy[c]]) for row in file.rows]) for c in ("lon", "lat"))
    is_given = np.isfinite(x) & np.isfinite(y)
    if not is_given.any():
        return {}, ()
    if int(are_degrees(x, y).sum()) * 2 > int(is_given.sum()):
        return xy, ()
    ((system, _),) = Counter(metric_systems(x[is_given], y[is_given])).most_common(1)
    note = (
        "Les colonnes X et Y ne sont pas en degrés"
        + (f", sans doute en {system}" if system else "")
        + " : elles ne sont pas utilisées. Ajoutez, si vous les avez, des colonnes « lon » et "
        "« lat » en degrés (WGS84, EPSG:4326)."
    )
    return {}, (note,)


def _paired_columns(file: TableFile) -> tuple[str, ...]:
    """Say which columns hold two coordinates in each cell, as `48.9, 2.4`: they are not read."""
    found = []
    for at, column in enumerate(file.header):
        cells = [row[at] for row in file.rows[:_LOOKED_AT] if row[at].strip()]
        if cells and sum(map(has_two_numbers, cells)) * 2 > len(cells):
            found.append(column)
    if not found:
        return ()
    note = (
        f"Deux nombres par case ({column_list(found)}) : si ce sont des coordonnées, partagez-les "
        "en deux colonnes, « lon » et « lat »."
    )
    return (note,)
