"""Layers that the requirements of a call need: priority quarters, density, establishments."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from siting.communes import departement_of
from siting.establishments import with_establishments
from siting.labels import date_text
from siting.places import CallLayer, CallTerritory
from siting.provenance import Provenance
from siting.rule_packs import Measure, RulePack
from siting.sources.installed import installed_file, read_density, read_qpv
from siting.sources.reference import layer_provenance
from siting.sources.register_file import read_register
from siting.study.inventory import LocatedInventory
from siting.study.locate import Located
from siting.study.registers import StudyRegisters
from siting.taxonomy import Taxonomy

_NOWHERE = frozenset({""})  # the area of a layer that does not say which one it knows
_FINESS = "finess"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallLayers:
    """
    The layers of `CallTerritory` that are installed, and where they come from.

    One that the call does not need is not read; `sources` has those that are.
    """

    qpv: Mapping[str, CallLayer] = field(default_factory=dict)
    density: CallLayer | None = None
    establishments: CallLayer | None = None
    sources: tuple[Provenance, ...] = ()


def call_layers(
    pack: RulePack | None,
    departements: Collection[str],
    *,
    taxonomy: Taxonomy,
    given: tuple[Path, ...] = (),
    registers: StudyRegisters | None = None,
) -> CallLayers:
    """
    Read the layers that a call needs, among those that are installed.

    Parameters
    ----------
    pack
        The call; None for none.
    departements
        Codes of those of the sites, and of those around.
    taxonomy
        Categories of service, completed here by the kinds of establishment.
    given, registers
        Files of registers that the user gives, and what was read of them: a FINESS file among
        them is used before the one that is installed.

    Raises
    ------
    DataError
        A layer is damaged, or a register cannot be read.
    """
    if pack is None:
        return CallLayers()
    sources = list[Provenance]()
    quarters = dict[str, CallLayer]()
    for vintage in dict.fromkeys(one.qpv_vintage for one in pack.requirements if one.qpv_vintage):
        installed = read_qpv(vintage)
        if installed is not None:
            area = _departements(installed.table)
            quarters[vintage] = _layer(installed.table, installed.provenance, area)
            sources.append(installed.provenance)
    density = None
    if pack.asks(Measure.RURAL_SERVED) or pack.asks(Measure.COMMUNE_RURAL):
        installed = read_density()
        if installed is not None:
            density = _layer(installed.table, installed.provenance, frozenset())
            sources.append(installed.provenance)
    establishments = None
    path = _finess(given, registers) if pack.asks(Measure.ESTABLISHMENT_APART) else None
    if path is not None:
        register = read_register(
            path,
            taxonomy=with_establishments(taxonomy),
            departements=frozenset(departements),
        )
        area = register.area or _NOWHERE
        establishments = _layer(register.table, register.provenance, area)
        if path not in given:
            sources.append(register.provenance)
    return CallLayers(
        qpv=quarters, density=density, establishments=establishments, sources=tuple(sources)
    )


def call_territory(
    located: Located, inventory: LocatedInventory | None, layers: CallLayers
) -> CallTerritory:
    """Gather what a call is told of the communes of located sites."""
    return CallTerritory(
        site_communes=located.site_communes,
        communes=located.communes,
        listed=located.listed,
        pvd_list_on=layer_provenance("pvd").data_timestamp,
        inventory=None if inventory is None else inventory.places,
        qpv=layers.qpv,
        density=layers.density,
        establishments=layers.establishments,
    )


def _layer(table: pd.DataFrame, provenance: Provenance, area: frozenset[str]) -> CallLayer:
    date = date_text(provenance.data_timestamp) or "date inconnue"
    said = provenance.source if date in provenance.source else f"{provenance.source}, {date}"
    return CallLayer(table=table, said=said, area=area)


def _departements(quarters: pd.DataFrame) -> frozenset[str]:
    """Tell the départements of quarters: by their communes, else by their codes (QN093..)."""
    communes = quarters["codes_insee"].dropna().str.split(";").explode()
    by_code = (
        quarters.index[quarters["codes_insee"].isna()].str[2:5].str.replace("^0", "", regex=True)
    )
    return frozenset([*map(departement_of, communes), *by_code]) or _NOWHERE


def _finess(given: tuple[Path, ...], registers: StudyRegisters | None) -> Path | None:
    """Find the file of FINESS that the user gives, else the one that is installed."""
    if registers is not None:
        for path, register in zip(given, registers.registers, strict=True):
            if register.name.startswith(_FINESS) and not register.mapped_by:
                return path
    return installed_file(_FINESS)
