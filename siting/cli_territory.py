"""The command on a territory: communes flagged, covered, ranked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from siting import screen
from siting.cli_options import (
    ALL_WELL,
    TO_REVIEW,
    AreaName,
    CallId,
    GeocoderUrl,
    InventoryFile,
    MaxAge,
    NoCache,
    Offline,
    OutFolder,
    Overwrite,
    PrivateNetwork,
    Rate,
    Resume,
    Reviewed,
    RuleFile,
    Walker,
    geocoder_options,
    parameters,
)
from siting.errors import OptionError

_PANEL = "Distances aux habitats inclusifs"

CandidatesFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FICHIER",
        help="Projets, CSV ou XLSX : combien d'habitants chacun rapprocherait d'un habitat.",
        rich_help_panel=_PANEL,
    ),
]
AddressFiles = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="FICHIER",
        help="Adresses du département (Base Adresse Nationale, .csv ou .csv.gz), entre lesquelles "
        "répartir les habitants ; répétable.",
        rich_help_panel=_PANEL,
    ),
]
NearMinutes = Annotated[
    float,
    typer.Option(
        metavar="MINUTES",
        help="Proche : marche au plus, avec --area.",
        min=1,
        max=120,
        rich_help_panel=_PANEL,
    ),
]
NearKilometres = Annotated[
    float,
    typer.Option(
        metavar="KM",
        help="Proche : distance à vol d'oiseau au plus, sans --area.",
        min=0.1,
        max=100,
        rich_help_panel=_PANEL,
    ),
]


def territory(  # noqa: PLR0913 - one parameter an option
    context: typer.Context,
    *,
    departement: Annotated[
        list[str] | None,
        typer.Option(metavar="CODE", help="Code du département (93, 2A, 974) ; répétable."),
    ] = None,
    france: Annotated[bool, typer.Option("--france", help="Tous les départements.")] = False,
    out: OutFolder,
    inventory: InventoryFile = None,
    projects: CandidatesFile = None,
    area: AreaName = None,
    addresses: AddressFiles = None,
    near_min: NearMinutes = 15.0,
    near_km: NearKilometres = 5.0,
    walker: Walker = "senior",
    geocoder: GeocoderUrl = None,
    reviewed: Reviewed = None,
    geocode_rule: RuleFile = None,
    resume: Resume = False,
    max_age: MaxAge = 30.0,
    no_cache: NoCache = False,
    rate: Rate = None,
    private_network: PrivateNetwork = False,
    offline: Offline = False,
    call: CallId = None,
    overwrite: Overwrite = False,
) -> None:
    """Repérer les communes non pourvues, listées par un appel, ou Petites villes de demain."""
    import siting.study as chain
    from siting import export, summary

    overwrite = overwrite or resume
    export.check_folder(out, overwrite=overwrite)
    asked = geocoder_options(
        geocoder="none" if inventory is None else geocoder,
        offline=offline,
        private_network=private_network,
        rate=rate,
        no_cache=no_cache,
        max_age=max_age,
        resume=resume,
        rule_file=geocode_rule,
    )
    if bool(departement) == france:
        raise OptionError("Dites où : --departement CODE (répétable), ou --france.")
    near = chain.Nearness(minutes=near_min, line_km=near_km)
    if inventory is None and (projects or area or addresses):
        raise OptionError(
            "--projects, --area et --addresses mesurent la distance aux habitats existants : "
            "ajoutez --inventory FICHIER."
        )
    told = parameters(context, rule=asked.rule)
    invocation = chain.Invocation.now("siting", "territory", parameters=told)
    with screen.stages() as report, chain.geocoding_session(asked) as session:
        report("Communes", 0, 0)
        result = chain.territory(
            chain.all_departements() if france else departement or (),
            inventory_file=inventory,
            geocoder=session,
            reviewed=tuple(reviewed or ()),
            call=call,
            projects=None if projects is None else chain.ProjectsFile(path=projects),
            options=chain.MaillageOptions(
                area=None if area is None else chain.kept_area(area).folder,
                addresses=tuple(addresses or ()),
                walker=walker,
                nearness=near,
            ),
            report=report,
        )
        names = chain.write_territory(result, out, invocation=invocation, overwrite=overwrite)
    screen.show_lines(summary.territory_lines(result))
    screen.show_files(out, names)
    raise typer.Exit(TO_REVIEW if result.needs_attention else ALL_WELL)
