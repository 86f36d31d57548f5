"""The department's list of existing inclusive housing -> table INVENTORY."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from siting.errors import DataError
from siting.names import commune_key, plain_key
from siting.sources.cells import insee_code, plain_text, postcode
from siting.sources.columns import Field, column_list, recognised_columns
from siting.sources.project_columns import FIELDS as PROJECT_FIELDS
from siting.sources.table_file import TableFile, read_table_file, row_list
from siting.tables import INVENTORY, InventoryStatus

FIELDS = (
    Field("statut", ("statut", "etat", "avancement", "statut du projet", "situation")),
    Field("departement", ("departement", "code departement", "dep", "code dep", "dept")),
    *(f for f in PROJECT_FIELDS if f.name in {"nom", "commune", "code_postal", "code_insee"}),
)

_OPEN = ("ouvert", "en service", "actif", "active", "en activité", "en fonctionnement")
_PLANNED = (
    *("conventionné", "projet", "en projet", "en cours", "programmé", "prévu", "planifié"),
    *("en construction", "en travaux", "à venir"),
)
_ENDING = re.compile(r"e*s?$")  # feminine and plural: ouvertes, conventionnée
_DEPARTEMENT = re.compile(r"(97[1-8]|98[46-8]|2[AB]|[0-9]{1,2})(?![0-9A-Z])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """Table `INVENTORY`, what the user should know of it (in French), and the file's SHA-256."""

    places: pd.DataFrame
    notes: tuple[str, ...]
    sha256: str


@dataclass(frozen=True, slots=True)
class _Declared:
    """Where a row says the place is."""

    name: str
    code_insee: str
    code_postal: str
    departements: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Located:
    """Commune found, or why there is none."""

    code_insee: str = ""
    former_code_insee: str = ""
    issue: str = ""


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A commune that bears a name: `former` is its old code if it is no longer one."""

    code_insee: str
    former: str
    code_dep: str
    codes_postaux: str


def read_inventory(
    path: Path,
    *,
    register: pd.DataFrame,
    history: pd.DataFrame,
    departements: Collection[str] = (),
) -> Inventory:
    """
    Read the list of existing inclusive-housing places and find the commune of each.

    The commune is the one of the INSEE code, brought to today's communes, else the one of
    that name with that postal code or in that departement. A place whose commune or state
    cannot be told is kept, with the `issue` for which it is not counted.

    Parameters
    ----------
    path
        CSV or XLSX file with a column `statut`, and `commune` or `code_insee`; `nom`,
        `code_postal` and `departement` help.
    register, history
        Tables `COMMUNE_REGISTER` and `COMMUNE_HISTORY`.
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
    located = [communes.located(row, within=tuple(departements)) for row in declared]
    statuses = [_status(cell) for cell in texts("statut")]
    issues = [
        " ".join(filter(None, (place.issue, status_issue)))
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
    unsure = [
        number
        for number, row, place in zip(file.row_numbers, declared, located, strict=True)
        if place.code_insee and not (row.code_insee or row.code_postal or row.departements)
    ]
    uncounted = [n for n, issue in zip(file.row_numbers, issues, strict=True) if issue]
    return Inventory(
        places=INVENTORY.conform(places),
        notes=(*file.notes, *found.notes, *_count_notes(uncounted, unsure)),
        sha256=file.sha256,
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
    post = postcode(code_postal)
    if named:
        departements: tuple[str, ...] = (named[1].zfill(2),)
    elif post.startswith("20"):
        departements = ("2A", "2B")
    else:
        departements = (post[: 3 if post.startswith(("97", "98")) else 2],) if post else ()
    # A code that is not one is shown as it is: it must not be silently left out.
    return _Declared(commune, insee_code(code) or code, post, departements)


def _stem(status: str) -> str:
    return _ENDING.sub("", plain_key(status))


_STATUSES = {
    **{_stem(word): InventoryStatus.OPEN for word in _OPEN},
    **{_stem(word): InventoryStatus.PLANNED for word in _PLANNED},
}


def _status(cell: str) -> tuple[InventoryStatus, str]:
    """Read the state of a place, and why it is unknown when it is."""
    status = _STATUSES.get(_stem(cell), InventoryStatus.UNKNOWN)
    if status != InventoryStatus.UNKNOWN:
        return status, ""
    if not cell:
        return status, "Statut non renseigné : écrivez « ouvert » ou « en projet »."
    return status, f"Statut « {cell} » : ni ouvert ni en projet, le lieu n'est pas compté."


def _count_notes(uncounted: Sequence[int], unsure: Sequence[int]) -> list[str]:
    notes = []
    if uncounted:
        notes.append(
            f"{len(uncounted)} lieu(x) de l'inventaire non compté(s) ({row_list(uncounted)}) : "
            "voir la colonne « issue »."
        )
    if unsure:
        notes.append(
            f"{len(unsure)} lieu(x) situé(s) par le seul nom de la commune ({row_list(unsure)}) : "
            "ajoutez « code_insee » ou « code_postal » pour en être sûr."
        )
    return notes


@dataclass(frozen=True, slots=True)
class _Communes:
    """Communes by code and by name, today's and former ones."""

    names: dict[str, str]
    departements: dict[str, str]
    current_codes: dict[str, str]
    by_name: dict[str, list[_Candidate]]

    @classmethod
    def of(cls, register: pd.DataFrame, history: pd.DataFrame) -> _Communes:
        """Index both tables; a former commune has the departement and post of today's."""
        departements = register["code_dep"].to_dict()
        posts = register["codes_postaux"].fillna("").to_dict()
        named = history.dropna(subset=["nom"])
        bearers = [
            *((nom, code, "") for code, nom in register["nom"].items()),
            *zip(named["nom"], named["code_insee"], named.index, strict=True),
        ]
        by_name: dict[str, list[_Candidate]] = {}
        for nom, code, former in bearers:
            one = _Candidate(code, former, departements.get(code, ""), posts.get(code, ""))
            by_name.setdefault(commune_key(nom), []).append(one)
        return cls(
            names=register["nom"].to_dict(),
            departements=departements,
            current_codes=history["code_insee"].to_dict(),
            by_name=by_name,
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
        current = code if code in self.departements else self.current_codes.get(code, "")
        if not current:
            return _Located(
                issue=f"Code INSEE « {code} » inconnu : corrigez-le ou laissez-le vide."
            )
        same_name = self.by_name.get(commune_key(row.name), [])
        bearers = [one for one in same_name if one.code_insee == current]
        if same_name and not bearers and not self._is_short_for(row.name, current, same_name):
            return _Located(
                issue=f"Le code INSEE {code} n'est pas celui de « {row.name} » "
                f"mais de « {self.names[current]} » : corrigez l'un ou l'autre."
            )
        return _Located(current, code if code != current else _only_former(bearers))

    def _is_short_for(self, name: str, code: str, same_name: Sequence[_Candidate]) -> bool:
        """Tell if a name that other communes bear may still mean this one: Saint-Ouen, 93070."""
        words = set(commune_key(name).split())
        official = set(commune_key(self.names[code]).split())
        departement = self.departements[code]
        is_neighbour = any(one.code_dep == departement for one in same_name)
        return not is_neighbour and (words <= official or official <= words)

    def _by_name(self, row: _Declared, *, within: tuple[str, ...]) -> _Located:
        same_name = self.by_name.get(commune_key(row.name), [])
        departements = row.departements or within
        posted = [
            one
            for one in same_name
            if row.code_postal and row.code_postal in one.codes_postaux.split(";")
        ]
        near = posted or [
            one for one in same_name if not departements or one.code_dep in departements
        ]
        bearers = [one for one in near if not one.former] or near
        codes = sorted({one.code_insee for one in bearers})
        if len(codes) == 1:
            return _Located(codes[0], _only_former(bearers))
        if codes:
            return _Located(
                issue=f"Plusieurs communes s'appellent « {row.name} » ({', '.join(codes)}) : "
                "ajoutez le code INSEE ou le code postal."
            )
        where = f" dans le département {' ou '.join(departements)}" if departements else ""
        return _Located(
            issue=f"Commune « {row.name} » inconnue{where} : "
            "corrigez le nom ou ajoutez le code INSEE."
        )


def _only_former(bearers: Sequence[_Candidate]) -> str:
    """Return the former commune that is meant, if it can only be one and no current one."""
    formers = {one.former for one in bearers}
    return formers.pop() if len(formers) == 1 else ""
