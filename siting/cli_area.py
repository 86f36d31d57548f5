"""Commands on areas: streets and services of OpenStreetMap, built once and kept under a name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from siting import screen
from siting.cli_options import (
    MAP_PANEL,
    Contact,
    MaxAge,
    NoCache,
    Offline,
    OsmFiles,
    OutFolder,
    OverpassUrls,
    Overwrite,
    PrivateNetwork,
    RegisterFiles,
    RegisterMaps,
    TaxonomyFile,
    map_server,
    parameters,
)
from siting.errors import OptionError
from siting.french import HELP_OPTIONS, FrenchCommand, FrenchGroup

area_app = typer.Typer(
    cls=FrenchGroup,
    help="Les zones gardées : rues et services d'OpenStreetMap, construits une fois.",
    context_settings=HELP_OPTIONS,
    no_args_is_help=True,
)

Name = Annotated[
    str, typer.Argument(metavar="NOM", help="Nom de la zone : minuscules, chiffres, - et _.")
]


@area_app.command(name="add", cls=FrenchCommand)
def add_area(  # noqa: PLR0913 - one parameter an option
    name: Name,
    *,
    osm: OsmFiles = None,
    overpass: Annotated[
        bool,
        typer.Option(
            "--overpass",
            help="Demander la carte à Overpass, là où disent --commune et --around.",
            rich_help_panel=MAP_PANEL,
        ),
    ] = False,
    commune: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CODE|NOM",
            help="Avec --overpass : commune entière, par son code INSEE ou par son nom s'il est "
            "unique en France ; répétable.",
            rich_help_panel=MAP_PANEL,
        ),
    ] = None,
    around: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LON,LAT",
            help="Avec --overpass : point, en degrés (2.48,48.90) ; répétable.",
            rich_help_panel=MAP_PANEL,
        ),
    ] = None,
    radius_km: Annotated[
        float,
        typer.Option(
            metavar="KM",
            help="Distance gardée autour des communes et des points ; prenez plus que la plus "
            "longue marche.",
            rich_help_panel=MAP_PANEL,
        ),
    ] = 2.5,
    contact: Contact = "",
    overpass_url: OverpassUrls = None,
    offline: Offline = False,
    max_age: MaxAge = 30.0,
    no_cache: NoCache = False,
    private_network: PrivateNetwork = False,
    taxonomy: TaxonomyFile = None,
    ferries: Annotated[
        bool, typer.Option("--ferries", help="Compter les bacs comme des rues.")
    ] = False,
    overwrite: Overwrite = False,
) -> None:
    """Construire une zone à partir d'OpenStreetMap (fichiers, ou Overpass), et la garder."""
    import siting.study as chain
    from siting import summary

    _require_one_map(osm, overpass=overpass, where=[*(commune or ()), *(around or ())])
    notes: tuple[str, ...] = ()
    with screen.stages() as report:
        report("Lecture d'OpenStreetMap", 0, 0)
        if osm:
            kept = chain.add_area(
                name, osm, overwrite=overwrite, with_ferries=ferries, taxonomy=taxonomy
            )
        else:
            session = map_server(
                urls=overpass_url,
                contact=contact,
                offline=offline,
                private_network=private_network,
                no_cache=no_cache,
                max_age=max_age,
            )
            kept = chain.add_area_around(
                name,
                chain.around(around or (), commune or (), radius_km=radius_km),
                session=session,
                overwrite=overwrite,
                with_ferries=ferries,
                taxonomy=taxonomy,
            )
            notes = session.notes
    screen.show_lines(summary.area_lines(kept))
    screen.show_lines([f"• {note}" for note in notes])
    screen.show_lines([f"À utiliser avec : siting study PROJETS --area {name} --out DOSSIER"])


def _require_one_map(osm: Sequence[Path] | None, *, overpass: bool, where: Sequence[str]) -> None:
    if bool(osm) == overpass:
        raise OptionError(
            "Dites d'où vient la carte : --osm FICHIER, ou --overpass avec --commune CODE ou "
            "--around LON,LAT (l'un ou l'autre)."
        )
    if overpass and not where:
        raise OptionError("Dites où, après --overpass : --commune CODE ou --around LON,LAT.")
    if where and not overpass:
        raise OptionError("--commune et --around ne vont qu'avec --overpass.")


@area_app.command(name="list", cls=FrenchCommand)
def list_areas() -> None:
    """Lister les zones gardées : date de la carte, âge, taille."""
    import siting.study as chain
    from siting import summary

    areas = chain.kept_areas()
    if not areas:
        screen.show_lines(["Aucune zone : siting area add NOM --overpass --commune CODE."])
        return
    screen.show_table(*summary.area_rows(chain.area_table(areas)))


@area_app.command(name="show", cls=FrenchCommand)
def show_area(name: Name) -> None:
    """Montrer une zone : ses sources, sa date, ce qu'elle contient."""
    import siting.study as chain
    from siting import summary

    screen.show_lines(summary.area_lines(chain.kept_area(name)))


@area_app.command(name="report", cls=FrenchCommand)
def report_area(  # noqa: PLR0913 - one parameter an option
    context: typer.Context,
    name: Name,
    *,
    out: OutFolder,
    register: RegisterFiles = None,
    register_map: RegisterMaps = None,
    taxonomy: TaxonomyFile = None,
    overwrite: Overwrite = False,
) -> None:
    """Dire ce que vaut la carte d'une zone : communes et catégories où l'absence est prouvée."""
    import siting.study as chain
    from siting import export

    export.check_folder(out, overwrite=overwrite)
    invocation = chain.Invocation.now("siting", "area report", parameters=parameters(context))
    with screen.stages() as report:
        found = chain.area_report(
            name,
            registers=tuple(register or ()),
            mappings=tuple(register_map or ()),
            taxonomy_file=taxonomy,
            report=report,
        )
        names = chain.write_area_report(found, out, invocation=invocation, overwrite=overwrite)
    screen.show_lines(chain.report_lines(found))
    screen.show_files(out, names)


@area_app.command(name="remove", cls=FrenchCommand)
def remove_area(name: Name) -> None:
    """Effacer une zone."""
    import siting.study as chain

    folder = chain.forget_area(name)
    screen.show_lines([f"Zone « {name} » effacée ({folder})."])
