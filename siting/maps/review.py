"""The map of the rows that a person must look at, with the places proposed for each."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass

import folium
import numpy as np
import pandas as pd
import shapely

from siting.labels import bound_spaces, count_text, counted
from siting.maps.page import (
    MAX_ROWS,
    MapNotes,
    PagePart,
    TableTwin,
    drawn_bounds,
    map_page,
    map_text,
    script_json,
    sentence,
)
from siting.review import N_PROPOSED, REVIEW

CREDIT = "Adresses : Base Adresse Nationale, Licence Ouverte 2.0"

_MAX_LISTED = 10  # rows listed beside the map
_DECIMALS = 6  # about a decimetre
_SAME_PLACE = 4  # decimals of a degree: markers nearer than about 10 m are drawn side by side

_KINDS = ("première proposition", "deuxième", "troisième")
_ANSWERS = (
    (
        "Dans le fichier to_review, écrivez 1, 2 ou 3 dans la colonne « choix », ou « aucune » : "
        "le site reste alors sans position."
    ),
    (
        "Ou donnez la position (« lon_retenue » et « lat_retenue », en degrés), ou l'adresse juste "
        "(« adresse_corrigee ») : elle sera cherchée."
    ),
    (
        "Enregistrez le fichier, puis relancez la commande en ajoutant --reviewed et son nom. Une "
        "ligne sans réponse reste à vérifier."
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Proposal:
    """A place proposed for a row."""

    number: int
    label: str
    commune: str
    lon: float
    lat: float
    score: float

    @property
    def words(self) -> str:
        """Address, commune and position, as the table says them."""
        parts = [self.label, self.commune, self.position]
        return " ; ".join(filter(None, [*parts, f"note {self.note}" if self.note else ""]))

    @property
    def position(self) -> str:
        """Longitude and latitude, as a French spreadsheet writes them."""
        return f"lon {self.lon:.6f}, lat {self.lat:.6f}".replace(".", ",").replace(", ", " / ")

    @property
    def note(self) -> str:
        """Score of the geocoder; empty without one."""
        return "" if np.isnan(self.score) else f"{self.score:.2f}".replace(".", ",")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A row to review, its missing texts empty; `key` tells it in the page."""

    key: str
    site_id: str
    line: str
    texts: dict[str, str]
    proposals: tuple[_Proposal, ...]

    @property
    def name(self) -> str:
        """Name of the project, else its identifier."""
        return self.texts["nom"] or self.site_id

    @property
    def result(self) -> str:
        """What became of the address, and why a person must look at it."""
        return " : ".join(filter(None, (self.texts["statut"], self.texts["motif"])))


def review_map(review: pd.DataFrame, *, notes: MapNotes) -> folium.Map:
    """
    Map the places proposed for the rows that a person must look at.

    Each proposal has a symbol and its number, and under it the row of the user's file; those
    of one row are linked. A row without proposal is in the table only, which says the same as
    the map. The first `MAX_ROWS` rows are shown.

    Parameters
    ----------
    review
        Table `REVIEW`.
    notes
        Sources and remarks.

    Raises
    ------
    DataError
        The table breaks its contract.
    """
    table = REVIEW.conform(review)
    rows = list(_rows(table.head(MAX_ROWS)))
    places = [(one.lon, one.lat) for row in rows for one in row.proposals]
    return map_page(
        title=_title(table),
        bounds=drawn_bounds(shapely.points(np.array(places).reshape(-1, 2))),
        credit=CREDIT,
        notes=notes,
        table=_twin(rows, n_rows=len(table)),
        layers=PagePart("review.html.j2", _content(rows, notes, n_rows=len(table))),
    )


def _rows(table: pd.DataFrame) -> Iterator[_Row]:
    texts = table.select_dtypes("str").fillna("").to_dict("index")
    lines = table["ligne"].astype("str").fillna("").to_dict()
    for number, (site_id, cells) in enumerate(table.to_dict("index").items(), start=1):
        yield _Row(
            key=str(number),
            site_id=str(site_id),
            line=lines[site_id],
            texts=texts[site_id],
            proposals=tuple(_proposals(cells, texts[site_id])),
        )


def _proposals(cells: dict[Hashable, float], texts: dict[str, str]) -> Iterator[_Proposal]:
    for number in range(1, N_PROPOSED + 1):
        lon, lat = cells[f"lon_{number}"], cells[f"lat_{number}"]
        if not (np.isnan(lon) or np.isnan(lat)):
            yield _Proposal(
                number=number,
                label=texts[f"proposition_{number}"],
                commune=texts[f"commune_{number}"],
                lon=lon,
                lat=lat,
                score=cells[f"score_{number}"],
            )


def _title(table: pd.DataFrame) -> str:
    if table.empty:
        return "Aucune ligne à vérifier"
    is_proposed = pd.concat(
        [table[f"lon_{number}"].notna() for number in range(1, N_PROPOSED + 1)], axis="columns"
    ).any(axis="columns")
    n_with = int(is_proposed.sum())
    return (
        f"{counted(len(table), 'ligne')} à vérifier : {count_text(n_with)} avec des propositions, "
        f"{count_text(len(table) - n_with)} sans"
    )


def _content(rows: list[_Row], notes: MapNotes, *, n_rows: int) -> dict[str, object]:
    counts = [
        sum(one.number == number for row in rows for one in row.proposals)
        for number in range(1, N_PROPOSED + 1)
    ]
    remarks = list(notes.remarks)
    if n_rows > len(rows):
        remarks.append(f"Seules les {len(rows)} premières lignes sont sur la carte.")
    return {
        "proposals": [
            (number, words, count_text(count))
            for number, (words, count) in enumerate(zip(_KINDS, counts, strict=True), start=1)
            if count
        ],
        "without": [sentence(text) for text in _without(rows)],
        "answers": [sentence(text) for text in _ANSWERS],
        "remarks": [sentence(text) for text in remarks],
        "data": script_json({"rows": _data(rows)}),
    }


def _without(rows: list[_Row]) -> list[str]:
    """Word the rows without proposal, with the reason."""
    texts = [
        f"Ligne {row.line}, {row.name} : {row.texts['motif']}" for row in rows if not row.proposals
    ]
    left_out = len(texts) - _MAX_LISTED
    if left_out > 0:
        texts[_MAX_LISTED:] = [f"et {counted(left_out, 'autre')}, dans le tableau"]
    return texts


def _data(rows: list[_Row]) -> list[dict[str, object]]:
    """Return what the script draws; texts are HTML that `map_text` made safe."""
    drawn = [row for row in rows if row.proposals]
    places = [
        (round(one.lon, _SAME_PLACE), round(one.lat, _SAME_PLACE))
        for row in drawn
        for one in row.proposals
    ]
    shifts = iter(
        pd.DataFrame(places, columns=["lon", "lat"]).groupby(["lon", "lat"]).cumcount().tolist()
    )
    return [
        {
            "key": row.key,
            "line": map_text(row.line),
            "name": map_text(f"Ligne {row.line} : {row.name}"),
            "asked": _safe(_asked(row)),
            "proposals": [
                {
                    "number": one.number,
                    "at": [round(one.lat, _DECIMALS), round(one.lon, _DECIMALS)],
                    "shift": next(shifts),
                    "name": map_text(f"Ligne {row.line}, proposition {one.number} : {one.label}"),
                    "rows": _safe(_found(one)),
                }
                for one in row.proposals
            ],
        }
        for row in drawn
    ]


def _asked(row: _Row) -> list[tuple[str, str]]:
    return [
        ("Identifiant", row.site_id),
        ("Adresse donnée", row.texts["adresse"]),
        ("Commune déclarée", row.texts["commune_declaree"]),
        ("Adresse envoyée", row.texts["adresse_envoyee"]),
        ("Résultat", row.result),
    ]


def _found(proposal: _Proposal) -> list[tuple[str, str]]:
    return [
        (f"Proposition {proposal.number}", proposal.label),
        ("Commune", proposal.commune),
        ("Position", proposal.position),
        ("Note du géocodeur", proposal.note),
    ]


def _safe(rows: list[tuple[str, str]]) -> list[list[str]]:
    return [[map_text(name), map_text(cell)] for name, cell in rows if cell]


def _twin(rows: list[_Row], *, n_rows: int) -> TableTwin:
    proposed = [f"Proposition {number}" for number in range(1, N_PROPOSED + 1)]
    return TableTwin(
        caption=(
            "Les lignes à vérifier, et pour chacune les places proposées, la meilleure d'abord "
            "selon le géocodeur."
        ),
        header=(
            *("Ligne", "Site", "Identifiant", "Adresse donnée", "Commune déclarée"),
            *("Adresse envoyée", "Résultat", *proposed),
        ),
        rows=[(row.key if row.proposals else "", _cells(row)) for row in rows],
        n_rows=n_rows,
    )


def _cells(row: _Row) -> tuple[str, ...]:
    words = {one.number: one.words for one in row.proposals}
    asked = (row.texts[name] for name in ("adresse", "commune_declaree", "adresse_envoyee"))
    proposed = (words.get(number, "") for number in range(1, N_PROPOSED + 1))
    ours = map(bound_spaces, (row.result, *proposed))
    return (row.line, row.name, row.site_id, *asked, *ours)
