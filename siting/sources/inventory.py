"""The department's list of existing inclusive housing -> table INVENTORY."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from siting.declaration import declared_communes
from siting.errors import DataError
from siting.names import plain_key
from siting.sources.columns import Outline, column_list, recognised_columns
from siting.sources.inventory_cells import (
    common_room_cell,
    opening_cell,
    places_cell,
    readable,
)
from siting.sources.inventory_columns import FIELDS, column_texts, is_announced
from siting.sources.inventory_communes import UNSAID, Communes, Declared, Located, declared
from siting.sources.inventory_status import inventory_status, is_closed, status_at_opening
from siting.sources.project_columns import may_hold_projects
from siting.sources.projects import Projects, projects_of
from siting.sources.table_file import TableFile, read_table_file, row_list
from siting.tables import INVENTORY, CommuneCheck, InventoryStatus
from siting.twins import address_key, earliest

_PLACE_FIELDS = ("commune", "code_insee", "code_postal", "departement")
_FORMER = (CommuneCheck.SAME_AFTER_MERGE.value, CommuneCheck.ARRONDISSEMENT.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """
    Table `INVENTORY`, what the user should know of it (in French), and the file's SHA-256.

    Parameters
    ----------
    places
        Table `INVENTORY`, one row per row of the file.
    projects
        The same rows as projects, to be placed: `site_id` is `inventory_id`, and the code of the
        commune is the one found here.
    reading_notes
        What was put right or could not be read.
    sha256
        Fingerprint of the file.
    closed
        Ids of the places that have closed: they are homes no more.
    elsewhere
        Ids of those that say to be in another département than those asked for.
    by_name_alone
        Ids of those whose commune was found by a bare name.
    """

    places: pd.DataFrame
    projects: Projects
    reading_notes: tuple[str, ...]
    sha256: str
    closed: frozenset[str]
    elsewhere: frozenset[str]
    by_name_alone: tuple[str, ...]

    @property
    def is_unsaid(self) -> pd.Series:
        """If a row tells neither commune nor code, so that only its position can."""
        return self.places["issue"].fillna("").str.startswith(UNSAID)

    @property
    def unlocated(self) -> tuple[int, ...]:
        """
        Lines of the places, open or of unknown state, that are in no commune.

        They may lie in the territory: one of its communes may be served.
        """
        left_out = self.places.index.isin([*self.closed, *self.elsewhere])
        is_lost = (
            self.places["code_insee"].isna()
            & (self.places["status"] != InventoryStatus.PLANNED)
            & self.places["duplicate_of"].isna()
        )
        return line_numbers(self.places.index[is_lost & ~left_out])

    @property
    def notes(self) -> tuple[str, ...]:
        """What there is to say of the file and of its rows, in French."""
        return (*self.reading_notes, *self._count_notes())

    def _count_notes(self) -> Iterator[str]:
        uncounted = line_numbers(self.places.index[self.places["issue"].notna()])
        if uncounted:
            yield (
                f"Lignes de l'inventaire non comptées : {len(uncounted)} ({row_list(uncounted)}). "
                "La colonne « issue » de la feuille « inventaire » dit pourquoi."
            )
        unsure = line_numbers(self.by_name_alone)
        if unsure:
            yield (
                f"Lieux situés par le seul nom de la commune : {len(unsure)} "
                f"({row_list(unsure)}). Ajoutez « code_insee » ou « code_postal » pour en être sûr."
            )


def line_id(number: int) -> str:
    """Name a place after its row in the file."""
    return f"ligne-{number:04d}"


def line_numbers(ids: Sequence[str] | pd.Index) -> tuple[int, ...]:
    """Return the rows of the file of some places."""
    return tuple(int(one.rpartition("-")[2]) for one in ids)


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
    departement, else the one that the address names. A place whose commune or state cannot be
    told is kept, with the `issue` for which it is not counted; so is a closed one, without
    commune since none has it any more, and one that an earlier line has already: same name,
    commune, address and state. Addresses of one `ensemble` are never the same place.

    Parameters
    ----------
    path
        CSV or XLSX file, or layer of points, with a column `statut`, and `commune`,
        `code_insee`, `adresse` or `lon` and `lat`; see `inventory_columns.FIELDS` for others.
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
        The file cannot be read, or has no column for the state or for the place.
    """
    file = read_table_file(path)
    found = recognised_columns(file.header, FIELDS, columns={}, name=file.name)
    _require_columns(file, found.positions)
    cells = column_texts(file, found.positions)
    ids = [line_id(number) for number in file.row_numbers]
    projects = _renamed(projects_of(file, columns={}), ids)
    said = list(map(declared, *(cells[name] for name in _PLACE_FIELDS)))
    located = _located(
        said, projects, Communes.of(register, history), register, history, tuple(departements)
    )
    openings = readable(cells["ouverture"], opening_cell)
    statuses = [
        status_at_opening(
            cell,
            opened_on or "",
            is_announced=is_announced(found.positions, file.header),
            this_year=this_year,
        )
        for cell, opened_on in zip(cells["statut"], openings, strict=True)
    ]
    rooms = readable(cells["usage"], common_room_cell)
    table = pd.DataFrame(
        {
            "label": cells["nom"],
            "code_insee": [place.code_insee for place in located],
            "former_code_insee": [place.former_code_insee for place in located],
            "status": [status.value for status, _ in statuses],
            "n_places": pd.array(readable(cells["places"], places_cell), dtype="Int64"),
            "opened_on": openings,
            "public": cells["public"],
            "ensemble": cells["ensemble"],
            "is_common_room": pd.array(rooms, dtype="boolean"),
            "duplicate_of": "",
            "issue": [
                " ".join(filter(None, (place.issue, issue)))
                for place, (_, issue) in zip(located, statuses, strict=True)
            ],
        },
        index=pd.Index(ids, name="inventory_id"),
    )
    is_part = (table["ensemble"] != "") & ("usage" in found.positions)
    table["is_common_room"] = table["is_common_room"].where(is_part)
    is_over = pd.Series([is_closed(cell) for cell in cells["statut"]], table.index, dtype=bool)
    places = _without_closed(INVENTORY.conform(table), is_over, said)
    return Inventory(
        places=with_duplicates(places, earliest(_text_keys(places, projects.rows))),
        projects=_with_codes(projects, places),
        reading_notes=(
            *(*file.notes, *found.notes),
            *_unread_notes(cells, table, file.row_numbers),
            *_opened_note(cells["statut"], statuses, file.row_numbers, this_year=this_year),
        ),
        sha256=file.sha256,
        closed=frozenset(is_over.index[is_over]),
        elsewhere=frozenset(
            one for one, row in zip(ids, said, strict=True) if not row.may_be_in(departements)
        ),
        by_name_alone=tuple(
            one
            for one, row, code in zip(ids, said, places["code_insee"].notna(), strict=True)
            if code and row.name and not (row.code_insee or row.code_postal or row.departements)
        ),
    )


def with_duplicates(places: pd.DataFrame, duplicate_of: pd.Series) -> pd.DataFrame:
    """Mark the rows of INVENTORY that an earlier one has already: they are not counted."""
    is_twin = duplicate_of.notna()
    said = duplicate_of[is_twin].map(
        lambda first: f"Même habitat que la ligne {line_numbers([first])[0]} : compté une fois."
    )
    marked = places.copy()
    marked.loc[is_twin, "duplicate_of"] = duplicate_of[is_twin]
    marked.loc[is_twin, "issue"] = said.astype("str")
    return INVENTORY.conform(marked)


def may_be_twins(places: pd.DataFrame) -> pd.Series:
    """
    Tell the rows of INVENTORY that may be the same home as another one.

    Not those that are not counted anyway, nor the addresses of an `ensemble`, which are
    those of one home.
    """
    return places["issue"].isna() & places["ensemble"].isna() & places["code_insee"].notna()


def _require_columns(file: TableFile, positions: Collection[str]) -> None:
    outline = Outline(
        title="", header=file.header, has_rows=True, has_points=any(map(any, file.points))
    )
    if "statut" in positions and may_hold_projects(outline, {}):
        return
    raise DataError(
        f"{file.name} : l'inventaire doit avoir une colonne « statut » et une colonne « commune », "
        f"« code_insee » ou « adresse ». Colonnes lues sur la première ligne : "
        f"{column_list(file.header)}. Renommez les vôtres ainsi."
    )


def _renamed(projects: Projects, ids: Sequence[str]) -> Projects:
    """Name projects as the places of the inventory; what was said of their own ids is left out."""
    index = pd.Index(ids, name="site_id", dtype="str")
    return replace(
        projects, rows=projects.rows.set_axis(index), own=projects.own.set_axis(index), notes=()
    )


def _located(
    said: Sequence[Declared],
    projects: Projects,
    communes: Communes,
    register: pd.DataFrame,
    history: pd.DataFrame,
    within: tuple[str, ...],
) -> list[Located]:
    """Find communes by code or name, else by what the address says."""
    located = [communes.located(row, within=within) for row in said]
    unsaid = [at for at, place in enumerate(located) if place.issue == UNSAID]
    rows = projects.rows.iloc[unsaid]
    if rows["address"].isna().all():
        return located
    by_address = declared_communes(rows, register=register, history=history)
    is_former = by_address["relation"].isin(_FORMER)
    former = by_address["declared_code"].where(is_former).fillna("")
    for at, code, old in zip(unsaid, by_address["code_insee"], former, strict=True):
        if pd.notna(code):
            located[at] = Located(code, old)
    return located


def _without_closed(
    places: pd.DataFrame, is_over: pd.Series, said: Sequence[Declared]
) -> pd.DataFrame:
    """Take closed places out of their communes, and say which these were."""
    names = pd.Series([row.name for row in said], index=places.index, dtype="str")
    where = (names + " " + places["code_insee"].fillna("")).str.strip()
    issue = ("Fermé : non compté (" + where + ").").mask(where == "", "Fermé : non compté.")
    return INVENTORY.conform(
        places.assign(
            code_insee=places["code_insee"].mask(is_over),
            former_code_insee=places["former_code_insee"].mask(is_over),
            issue=places["issue"].mask(is_over, issue),
        )
    )


def _text_keys(places: pd.DataFrame, projects: pd.DataFrame) -> pd.Series:
    """
    Write what makes two rows the same home: name, commune, address and state.

    A row without name or without address is like another one if all that they say is the same;
    without both it is like no other, nor is one that has coordinates and no address.
    """
    names = twin_names(places).tolist()
    shared = places.assign(name=names).duplicated(["name", "code_insee", "status"], keep=False)
    texts = projects[["address", "code_postal", "commune"]].fillna("")
    address = [
        address_key(text, postcode=code, commune=commune) if text and is_shared else ""
        for (text, code, commune), is_shared in zip(
            texts.itertuples(index=False, name=None), shared, strict=True
        )
    ]
    said = places[["code_insee", "status", "n_places", "opened_on", "public"]].astype("object")
    has_point = projects["lon"].notna()
    keys = [
        "|".join((name, where, *(str(cell) for cell in row[: 2 if name and where else None])))
        if where or (name and not is_placed)
        else None
        for name, where, is_placed, row in zip(
            names, address, has_point, said.itertuples(index=False, name=None), strict=True
        )
    ]
    return pd.Series(keys, index=places.index, dtype="object").where(may_be_twins(places))


def twin_names(places: pd.DataFrame) -> pd.Series:
    """Reduce the names of homes to what is compared."""
    return places["label"].fillna("").map(plain_key).astype("str")


def _with_codes(projects: Projects, places: pd.DataFrame) -> Projects:
    """Give projects the code of the commune that was found, the former one where it is one."""
    code = places["former_code_insee"].fillna(places["code_insee"])
    return replace(projects, rows=projects.rows.assign(code_insee=code.to_numpy()))


def _unread_notes(
    cells: Mapping[str, Sequence[str]], table: pd.DataFrame, row_numbers: Sequence[int]
) -> Iterator[str]:
    """Say which cells could not be read, and what becomes of them."""
    words = {
        ("places", "n_places"): "Nombre de places illisible, laissé vide",
        ("ouverture", "opened_on"): "Date d'ouverture illisible, laissée vide",
        ("usage", "is_common_room"): "Usage ni logement ni espace commun, laissé vide",
    }
    for (field, column), said in words.items():
        unread = [
            number
            for number, cell, is_empty in zip(
                row_numbers, cells[field], table[column].isna(), strict=True
            )
            if cell and is_empty
        ]
        if unread:
            yield f"{said} ({row_list(unread)})."


def _opened_note(
    cells: Sequence[str],
    statuses: Sequence[tuple[InventoryStatus, str]],
    row_numbers: Sequence[int],
    *,
    this_year: int,
) -> Iterator[str]:
    """Say which places are counted as open for their day of opening, not for their state."""
    opened = [
        number
        for number, cell, (status, _) in zip(row_numbers, cells, statuses, strict=True)
        if status is InventoryStatus.OPEN
        and inventory_status(cell, this_year=this_year)[0] is not InventoryStatus.OPEN
    ]
    if opened:
        yield (
            "Lieux conventionnés comptés comme ouverts, leur date d'ouverture étant passée : "
            f"{len(opened)} ({row_list(opened)})."
        )
