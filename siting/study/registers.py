"""Second registers of a study: read for its départements, placed, compared with the map."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import geopandas as gpd
import pandas as pd
import shapely

from siting.completeness import Compared
from siting.crs import WGS84
from siting.declaration import declared_communes
from siting.errors import OptionError
from siting.geocode import geocode
from siting.provenance import Provenance
from siting.register_addresses import addresses_to_find, with_addresses
from siting.register_tables import SET_ASIDE, Register, RegisterMatch, RegisterStatus
from siting.register_words import in_register_only, register_remarks
from siting.registers import Joined, joined
from siting.sources.reference import (
    read_commune_history,
    read_commune_register,
    read_communes_around,
)
from siting.sources.register_file import (
    read_register,
    read_register_map,
    register_map_sha256,
    register_sha256,
)
from siting.sources.register_map import RegisterMap
from siting.study.ground import Ground
from siting.study.locate import Report, silent
from siting.study.session import GeocodingSession
from siting.taxonomy import Taxonomy

_CLOSED = "fermé selon le registre"
_LOST = "sans position, et sans équivalent sûr sur la carte"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterFiles:
    """
    Files of registers that a person gives, most trusted first, and mappings of their own.

    Parameters
    ----------
    paths
        Files, of any form that `siting.sources.register_file.read_register` reads.
    mappings
        Mappings of these files that the package does not recognise.
    inputs
        SHA-256 of each file and mapping, by its path.
    """

    paths: tuple[Path, ...] = ()
    mappings: tuple[RegisterMap, ...] = ()
    inputs: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRegisters:
    """
    Registers compared with the map of a study.

    Parameters
    ----------
    registers
        Each with the categories and the area that it covers, in the order given; a name given
        twice is numbered (`finess_2`).
    joined
        Services of the map and of registers, with table MATCHES, in the order of their
        identifiers.
    set_aside
        Table SET_ASIDE: rows that do not count, and match no service.
    notes
        What was read, and what became of it, in French: one sentence a register, then details.
    """

    registers: tuple[Register, ...]
    joined: Joined
    set_aside: pd.DataFrame
    notes: tuple[str, ...]

    @property
    def compared(self) -> Compared:
        """What completeness is told of them."""
        return Compared(
            registers=self.registers, matches=self.joined.matches, unplaced=self.joined.unplaced
        )

    @property
    def titles(self) -> dict[str, str]:
        """Title of each register, by its name."""
        return {one.name: one.title for one in self.registers}

    @property
    def remarks(self) -> pd.Series:
        """What registers say of each service, in French, by `service_id`."""
        return register_remarks(self.joined.matches, self.titles)

    @property
    def only_there(self) -> frozenset[str]:
        """Ids of the services that the map does not have."""
        return in_register_only(self.joined.matches)

    @property
    def sources(self) -> tuple[Provenance, ...]:
        """Where they come from."""
        return tuple(one.provenance for one in self.registers)

    @property
    def counts(self) -> dict[str, int]:
        """What was counted, for the manifest."""
        said = self.joined.matches["register_match"].value_counts()
        return {
            "services sur la carte et dans un registre": int(said.get(RegisterMatch.BOTH, 0)),
            "services dans un registre seulement": int(said.get(RegisterMatch.REGISTER_ONLY, 0)),
            "lignes de registre laissées de côté": len(self.set_aside),
        }


def register_files(
    paths: Sequence[Path], mappings: Sequence[Path], *, taxonomy: Taxonomy
) -> RegisterFiles | None:
    """
    Check, before anything long is done, the files of registers; None when there is none.

    Raises
    ------
    OptionError
        A mapping without register; a file given twice.
    DataError
        A file is missing, or a mapping cannot be used.
    """
    if not paths:
        if mappings:
            raise OptionError("--register-map décrit un registre : ajoutez --register FICHIER.")
        return None
    twice = [path for path, n in Counter(one.resolve() for one in paths).items() if n > 1]
    if twice:
        raise OptionError(f"--register {twice[0].name} est donné deux fois.")
    return RegisterFiles(
        paths=tuple(paths),
        mappings=tuple(read_register_map(path, taxonomy=taxonomy) for path in mappings),
        inputs={
            **{str(path): register_sha256(path) for path in paths},
            **{str(path): register_map_sha256(path) for path in mappings},
        },
    )


def study_registers(
    files: RegisterFiles | None,
    ground: Ground,
    *,
    taxonomy: Taxonomy,
    geocoder: GeocodingSession | None = None,
    report: Report = silent,
) -> StudyRegisters | None:
    """
    Read registers for the départements of the map, and compare their rows with its services.

    Rows without coordinates of the communes of the map are placed by their address, if there
    is a geocoder to ask.

    Parameters
    ----------
    files
        Files (`register_files`); None for no register.
    ground
        Streets, services of the map and their references.
    taxonomy
        Categories of service.
    geocoder
        Whom to ask for addresses; None for nobody.
    report
        Told of progress.

    Raises
    ------
    DataError
        A file cannot be read, or is not recognised.
    OptionError
        A mapping is of none of the files.
    SourceError
        The geocoder never answers.
    """
    if files is None:
        return None
    report("Registres", 0, 0)
    extent = gpd.GeoSeries([ground.network.extent], crs=ground.network.crs).to_crs(WGS84)
    communes = read_communes_around(extent)
    here = communes.index[shapely.intersects(extent.iloc[0], communes.geometry.to_numpy())]
    departements = sorted(set(communes["code_dep"]))
    read = [
        read_register(path, taxonomy=taxonomy, mappings=files.mappings, departements=departements)
        for path in files.paths
    ]
    _require_used(files, read)
    placed = tuple(
        _with_addresses(register, here, geocoder, report) for register in _named_apart(read)
    )
    report("Registres", 0, 0)
    found = joined(
        ground.services,
        placed,
        communes,
        taxonomy=taxonomy,
        extent=extent.iloc[0],
        references=ground.references,
    )
    found = replace(found, services=found.services.sort_index(), matches=found.matches.sort_index())
    return StudyRegisters(
        registers=placed,
        joined=found,
        set_aside=_set_aside(placed, found.matches),
        notes=tuple(_notes(placed, found, departements)),
    )


def _notes(registers: Sequence[Register], found: Joined, departements: Sequence[str]) -> list[str]:
    """Say what each register gave, then what was read of it; in French."""
    where = ", ".join(departements) or "aucun"
    counted = [
        note
        if len(one.table)
        else f"{one.title} : aucune ligne dans les départements de la carte ({where}), rien n'est "
        "comparé."
        for one, note in zip(registers, found.notes, strict=True)
    ]
    return [*counted, *(f"{one.title} : {note}" for one in registers for note in one.notes)]


def _require_used(files: RegisterFiles, read: Sequence[Register]) -> None:
    unused = [one.file for one in files.mappings if one.file not in {r.mapped_by for r in read}]
    if unused:
        raise OptionError(
            f"--register-map {Path(unused[0]).name} ne décrit aucun des registres donnés : "
            "des colonnes qu'il nomme n'y sont pas."
        )


def _named_apart(registers: Sequence[Register]) -> list[Register]:
    """Give a number to registers of a name given before: no two rows have one id."""
    n_before = Counter[str]()
    apart = []
    for register in registers:
        n_before[register.name] += 1
        number = n_before[register.name]
        apart.append(register if number == 1 else _renamed(register, f"{register.name}_{number}"))
    return apart


def _renamed(register: Register, name: str) -> Register:
    ids = name + register.table.index.str.removeprefix(register.name)
    return replace(register, name=name, table=register.table.set_axis(ids.rename("register_id")))


def _with_addresses(
    register: Register, communes: pd.Index, session: GeocodingSession | None, report: Report
) -> Register:
    """Place the rows of some communes that have an address alone."""
    asked = addresses_to_find(register)
    asked = asked[asked["code_insee"].isin(communes)]
    if asked.empty:
        return register
    session = session or GeocodingSession()
    stage = f"Adresses du registre {register.title}"
    register_of_communes, history = read_commune_register(), read_commune_history()
    found = geocode(
        asked,
        session.geocoder,
        declared=declared_communes(asked, register=register_of_communes, history=history),
        history=history,
        rule=session.rule,
        known=session.known,
        on_row=lambda n_done, n_all: report(stage, n_done, n_all),
    )
    return with_addresses(register, found.sites)


def _set_aside(registers: Sequence[Register], matches: pd.DataFrame) -> pd.DataFrame:
    """Gather the rows that are no service, are closed, or have no place and no match."""
    matched = {one for ids in matches["register_ids"].dropna() for one in ids.split(";")}
    tables = [SET_ASIDE.empty().reset_index()]
    for register in registers:
        table = register.table
        is_closed = (table["status"] == RegisterStatus.CLOSED).to_numpy()
        is_aside = ~table.index.isin(matched) & (is_closed | table["lon"].isna().to_numpy())
        rows = table[is_aside].rename_axis("row").reset_index()
        why = rows["note"].fillna(_LOST).mask(is_closed[is_aside], _CLOSED)
        left_out = register.left_out.reset_index()
        tables += [
            rows[["row", "name", "categories", "address", "code_insee"]].assign(aside=why),
            pd.DataFrame(
                {
                    "row": "ligne " + left_out["row_number"].astype("str"),
                    "name": left_out["name"],
                    "aside": left_out["reason"],
                }
            ),
        ]
        tables[-2:] = [one.assign(register=register.name) for one in tables[-2:]]
    return SET_ASIDE.conform(pd.concat(tables, ignore_index=True))
