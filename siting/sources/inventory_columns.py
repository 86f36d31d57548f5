"""Which columns of an inventory, or of a project file, tell of a home and of its addresses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from siting.names import plain_key
from siting.sources.cells import plain_text
from siting.sources.columns import Field
from siting.sources.inventory_cells import common_room_cell
from siting.sources.project_columns import FIELDS as PROJECT_FIELDS
from siting.sources.table_file import TableFile

_ANNOUNCED = ("prev", "prevue", "prevu", "previsionnelle", "previsionnel", "annoncee")

ENSEMBLE_FIELDS = (
    Field(
        "ensemble",
        (
            *("ensemble", "groupe", "id ensemble", "nom de l ensemble", "nom ensemble"),
            *("habitat diffus", "ensemble diffus", "groupe d adresses", "identifiant ensemble"),
        ),
        must_be_sure=False,
    ),
    Field(
        "usage",
        (
            *("usage", "espace commun", "salle commune", "est espace commun", "usage du lieu"),
            *("usage de l adresse", "type d adresse", "nature de l adresse", "type de lieu"),
            *("espace partage", "espace de vie partagee", "is common room"),
        ),
        must_be_sure=False,
    ),
)
FIELDS = (
    Field(
        "statut",
        (
            *("statut", "etat", "avancement", "statut du projet", "situation"),
            *("statut de l habitat", "statut habitat", "etat du projet", "etat d avancement"),
            *("avancement du projet", "statut du lieu"),
        ),
    ),
    Field("departement", ("departement", "code departement", "dep", "code dep", "dept")),
    *(f for f in PROJECT_FIELDS if f.name in {"nom", "commune", "code_postal", "code_insee"}),
    Field(
        "places",
        (
            *("places", "n places", "nombre de places", "nombre places", "nb places"),
            *("nb de places", "nbre de places", "nbre places", "nombre total de places"),
            *("capacite", "capacite d accueil", "capacite totale", "capacite places"),
            *("capacite en places", "nombre de personnes", "nb de personnes", "nb personnes"),
        ),
        must_be_sure=False,
    ),
    Field(
        "ouverture",
        (
            *("date d ouverture", "date ouverture", "ouverture", "opened on", "ouvert le"),
            *("ouvert depuis", "annee d ouverture", "annee ouverture", "mise en service"),
            *("date de mise en service", "date mise en service"),
            *("date d ouverture prevue", "date ouverture prevue", "ouverture prevue"),
            *("date previsionnelle d ouverture", "date d ouverture previsionnelle"),
            *("ouverture previsionnelle", "date ouverture previsionnelle"),
        ),
        must_be_sure=False,
    ),
    Field(
        "public",
        (
            *("public", "publics", "public accueilli", "publics accueillis", "public cible"),
            *("public vise", "public concerne", "type de public", "population accueillie"),
            *("profil des habitants", "beneficiaires", "public s"),
        ),
        must_be_sure=False,
    ),
    *ENSEMBLE_FIELDS,
)


def column_texts(file: TableFile, positions: Mapping[str, int]) -> dict[str, list[str]]:
    """Return the cells of the column of each field as clean text; empty ones without column."""
    return {
        field.name: [plain_text(row[positions[field.name]]) for row in file.rows]
        if field.name in positions
        else [""] * len(file.rows)
        for field in FIELDS
    }


def is_announced(positions: Mapping[str, int], header: Sequence[str]) -> bool:
    """Tell if the column of days of opening says that they are announced ones."""
    at = positions.get("ouverture")
    return at is not None and any(word in _ANNOUNCED for word in plain_key(header[at]).split())


def project_ensembles(own: pd.DataFrame) -> pd.DataFrame:
    """
    Find which projects are addresses of one home, and which is its common room.

    Parameters
    ----------
    own
        The columns of a project file as text, by `site_id`.

    Returns
    -------
    ensembles
        `ensemble` (text) and `is_common_room` (boolean), by `site_id`; no row unless the file
        has both a column `ensemble` (or `groupe`) and a column `usage`: a group alone may be
        anything.
    """
    keys = [plain_key(str(column)) for column in own.columns]
    found = {
        field.name: [at for at, key in enumerate(keys) if key in field.aliases]
        for field in ENSEMBLE_FIELDS
    }
    if not all(found.values()):
        nothing = {"ensemble": pd.Series(dtype="str"), "is_common_room": common_rooms([])}
        return pd.DataFrame(nothing).rename_axis(own.index.name)
    cells = {field: own.iloc[:, at[0]].fillna("").map(plain_text) for field, at in found.items()}
    return pd.DataFrame(
        {
            "ensemble": cells["ensemble"],
            "is_common_room": common_rooms(cells["usage"].tolist()).set_axis(own.index),
        }
    )[cells["ensemble"] != ""]


def common_rooms(cells: Sequence[str]) -> pd.Series:
    """Read a column of uses; empty where a use is neither a common room nor housing."""
    return pd.Series([common_room_cell(cell) for cell in cells], dtype="boolean")
