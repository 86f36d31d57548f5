"""The department's list of existing inclusive housing -> table INVENTORY."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from siting.communes import Commune, CommuneNames, departements_of_postcode
from siting.errors import DataError
from siting.names import commune_key
from siting.sources.cells import insee_code, plain_text, postcode
from siting.sources.columns import Field, column_list, recognised_columns
from siting.sources.inventory_status import inventory_status, is_closed
from siting.sources.project_columns import FIELDS as PROJECT_FIELDS
from siting.sources.table_file import TableFile, read_table_file, row_list
from siting.tables import INVENTORY, InventoryStatus

FIELDS = (
    Field("statut", ("statut", "etat", "avancement", "statut du projet", "situation")),
    Field("departement", ("departement", "code departement", "dep", "code dep", "dept")),
    *(f for f in PROJECT_FIELDS if f.name in {"nom", "commune", "code_postal", "code_insee"}),
)

_DEPARTEMENT = re.compile(r"(97[1-8]|98[46-8]|2[AB]|[0-9]{1,2})(?![0-9A-Z])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """
    Table `INVENTORY`, what the user should know of it (in French), and the file's SHA-256.

    `unlocated` are the lines of places, open or of unknown state, that may lie in the
    territory but could not be located in any commune: one of its communes may be served.
    """

    places: pd.DataFrame
    notes: tuple[str, ...]
    sha256: str
    unlocated: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Declared:
    """Where a row says the place is."""

    name: str
    code_insee: str
    code_postal: str
    departements: tuple[str, ...]

    def may_be_in(self, departements: Collection[str]) -> bool:
        """Tell if the row does not say that the place is elsewhere."""
        said = self.departements or departements_of_postcode(self.code_postal)
        return not (departements and said) or not set(said).isdisjoint(departements)


@dataclass(frozen=True, slots=True)
class _Located:
    """Commune found, or why there is none."""

    code_insee: str = ""
    former_code_insee: str = ""
    issue: str = ""
    is_closed: bool = False


def read_inventory(
    path: Path,
    *,
    register: pd.DataFrame,
    history: pd.DataFrame,
    this_year: int,
    departements: Collection[str] = (),
) -> Inventory:
    """
    Read the list of existing inclusive-housing places and find the commune of each.

    The commune is the one of the INSEE code, brought to today's communes, else the one
    that the name designates (`communes.CommuneNames`) with that postal code or in that
    departement. A place whose commune or state cannot be told is kept, with the `issue` for
    which it is not counted; so is a closed one, without commune since none has it any more.

    Parameters
    ----------
    path
        CSV or XLSX file with a column `statut`, and `commune` or `code_insee`; `nom`,
        `code_postal` and `departement` help.
    register, history
        Tables `COMMUNE_REGISTER` and `COMMUNE_HISTORY`.
    this_year
        Year from which an announced opening is still to come.
    departements
        Where to look for a name, in a row that has neither code nor departement; the
        whole country by default.

    Raises
    ------
    DataError
        The file cannot be read, or has no column for the state or for the commune.
    """
    file = read_table_file(path)
    found = recognised_columns(file.header, FIELDS, columns={}, name=file.name)
    _require_columns(file, found.positions)

    def texts(field: str) -> list[str]:
        at = found.positions.get(field)
        return [""] * len(file.rows) if at is None else [plain_text(row[at]) for row in file.rows]

    columns = ("commune", "code_insee", "code_postal", "departement")
    declared = [_declared(*cells) for cells in zip(*map(texts, columns), strict=True)]
    communes = _Communes.of(register, history)
    cells = texts("statut")
    located = [
        _closed(place, row) if is_closed(cell) else place
        for row, cell in zip(declared, cells, strict=True)
        for place in [communes.located(row, within=tuple(departements))]
    ]
    statuses = [inventory_status(cell, this_year=this_year) for cell in cells]
    issues = [
        place.issue if place.is_closed else " ".join(filter(None, (place.issue, status_issue)))
        for place, (_, status_issue) in zip(located, statuses, strict=True)
    ]
    places = pd.DataFrame(
        {
            "inventory_id": [f"ligne-{number:04d}" for number in file.row_numbers],
            "label": texts("nom"),
            "code_insee": [place.code_insee for place in located],
            "former_code_insee": [place.former_code_insee for place in located],
            "status": [status.value for status, _ in statuses],
            "issue": issues,
        }
    )
    rows = list(zip(file.row_numbers, declared, located, statuses, strict=True))
    unsure = [
        number
        for number, row, place, _ in rows
        if place.code_insee and not (row.code_insee or row.code_postal or row.departements)
    ]
    unlocated = [
        number
        for number, row, place, (status, _) in rows
        if not (place.code_insee or place.is_closed)
        and status != InventoryStatus.PLANNED
        and row.may_be_in(departements)
    ]
    uncounted = [n for n, issue in zip(file.row_numbers, issues, strict=True) if issue]
    return Inventory(
        places=INVENTORY.conform(places),
        notes=(*file.notes, *found.notes, *_count_notes(uncounted, unsure)),
        sha256=file.sha256,
        unlocated=tuple(unlocated),
    )


def _require_columns(file: TableFile, positions: Collection[str]) -> None:
    if "statut" in positions and {"commune", "code_insee"} & set(positions):
        return
    raise DataError(
        f"{file.name} : l'inventaire doit avoir une colonne « statut » et une colonne « commune » "
        f"ou « code_insee ». Colonnes lues sur la première ligne : {column_list(file.header)}. "
        "Renommez les vôtres ainsi."
    )


def _declared(commune: str, code: str, code_postal: str, departement: str) -> _Declared:
    named = _DEPARTEMENT.match(departement.upper())
    # A code that is not one is shown as it is: it must not be silently left out.
    return _Declared(
        name=commune,
        code_insee=insee_code(code) or code,
        code_postal=postcode(code_postal),
        departements=(named[1].zfill(2),) if named else (),
    )


def _closed(place: _Located, row: _Declared) -> _Located:
    """Take a closed place out of its commune, and say which one it was."""
    where = " ".join(filter(None, (row.name, place.code_insee)))
    return _Located(issue=f"Fermé : non compté{f' ({where})' if where else ''}.", is_closed=True)


def _count_notes(uncounted: Sequence[int], unsure: Sequence[int]) -> list[str]:
    notes = []
    if uncounted:
        notes.append(
            f"Lignes de l'inventaire non comptées : {len(uncounted)} ({row_list(uncounted)}). "
            "La colonne « issue » de la feuille « inventaire » dit pourquoi."
        )
    if unsure:
        notes.append(
            f"Lieux situés par le seul nom de la commune : {len(unsure)} ({row_list(unsure)}). "
            "Ajoutez « code_insee » ou « code_postal » pour en être sûr."
        )
    return notes


@dataclass(frozen=True, slots=True)
class _Communes:
    """Communes by code and by name, today's and former ones."""

    official: Mapping[str, str]
    departements: Mapping[str, str]
    current_codes: Mapping[str, str]
    names: CommuneNames

    @classmethod
    def of(cls, register: pd.DataFrame, history: pd.DataFrame) -> _Communes:
        """Index both tables."""
        return cls(
            official=register["nom"].to_dict(),
            departements=register["code_dep"].to_dict(),
            current_codes=history["code_insee"].to_dict(),
            names=CommuneNames.of(register, history),
        )

    def located(self, row: _Declared, *, within: tuple[str, ...]) -> _Located:
        """Find the commune of a row by its code, else by its name."""
        if row.code_insee:
            return self._by_code(row)
        if row.name:
            return self._by_name(row, within=within)
        return _Located(issue="Ni commune ni code INSEE : ajoutez l'un ou l'autre.")

    def _by_code(self, row: _Declared) -> _Located:
        code = row.code_insee
        current = code if code in self.official else self.current_codes.get(code, "")
        if not current:
            return _Located(
                issue=f"Code INSEE « {code} » inconnu : corrigez-le ou laissez-le vide."
            )
        named = self.names.designated(row.name, departements=(self.departements[current],)).commune
        if self._is_another(row.name, current, named):
            return _Located(
                issue=f"Le code INSEE {code} n'est pas celui de « {row.name} » "
                f"mais de « {self.official[current]} » : corrigez l'un ou l'autre."
            )
        return _Located(current, code if code != current else _former_code(named))

    def _is_another(self, name: str, code: str, named: Commune | None) -> bool:
        """Tell if a name is that of another commune: a neighbour, else one far away."""
        if named is not None:
            return named.code_insee != code
        bearers = self.names.bearers(name)
        words, official = (set(commune_key(text).split()) for text in (name, self.official[code]))
        is_short = words <= official or official <= words
        return bool(bearers) and not is_short and all(one.code_insee != code for one in bearers)

    def _by_name(self, row: _Declared, *, within: tuple[str, ...]) -> _Located:
        departements = row.departements or (() if row.code_postal else within)
        meant = self.names.designated(row.name, postcode=row.code_postal, departements=departements)
        if meant.commune is not None:
            return _Located(meant.commune.code_insee, _former_code(meant.commune))
        if meant.several:
            return _Located(
                issue=f"Plusieurs communes peuvent s'appeler « {row.name} ». {meant.question} "
                "Ajoutez le code INSEE ou le code postal."
            )
        said = departements or departements_of_postcode(row.code_postal)
        where = f" dans le département {' ou '.join(said)}" if said else ""
        mend = meant.question or "Corrigez le nom, ou ajoutez le code INSEE ou le code postal."
        return _Located(issue=f"Commune « {row.name} » inconnue{where}. {mend}")


def _former_code(commune: Commune | None) -> str:
    """Return the code of a former commune; empty for a commune of today."""
    return commune.code if commune is not None and commune.is_former else ""
