"""The command line: each command reads, calls the library once, writes."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from siting import __version__, screen
from siting.cli_area import area_app
from siting.cli_calls import calls_app
from siting.cli_data import data_app
from siting.cli_geocoding import cache_app, geocode, geocoder_app
from siting.cli_options import (
    ALL_WELL,
    STOPPED,
    TO_REVIEW,
    WRONG_USAGE,
    AreaName,
    CallId,
    Columns,
    Contact,
    GeocoderUrl,
    InventoryFile,
    MaxAge,
    NoCache,
    Offline,
    OsmFiles,
    OutFolder,
    OverpassUrls,
    Overwrite,
    PrivateNetwork,
    Rate,
    RegisterFiles,
    RegisterMaps,
    Resume,
    Reviewed,
    RuleFile,
    Sheet,
    TaxonomyFile,
    Walker,
    geocoder_options,
    map_server,
    pairs,
    parameters,
)
from siting.cli_territory import territory
from siting.errors import OptionError, SitingError
from siting.french import HELP_OPTIONS, FrenchCommand, FrenchGroup, run_in_french

app = typer.Typer(
    cls=FrenchGroup,
    help="Juger où implanter un habitat inclusif : adresses, services à pied, communes, appels.",
    context_settings=HELP_OPTIONS,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
app.add_typer(calls_app, name="calls")
app.add_typer(area_app, name="area")
app.add_typer(cache_app, name="cache")
app.add_typer(geocoder_app, name="geocoder")
app.add_typer(data_app, name="data")


StudiedProjects = Annotated[
    Path | None,
    typer.Argument(
        metavar="[PROJETS]", help="Fichier des projets, CSV ou XLSX : une ligne par projet."
    ),
]
SectorFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FICHIER",
        help="Secteur envisagé, sans adresse : polygones (.geojson, .gpkg), étudiés par cellules.",
    ),
]
SectorCommunes = Annotated[
    list[str] | None,
    typer.Option(
        "--commune",
        metavar="CODE",
        help="Commune entière (code INSEE) comme secteur ; répétable.",
    ),
]


@app.callback(invoke_without_command=True)
def siting(
    *,
    version: Annotated[bool, typer.Option("--version", help="Affiche la version.")] = False,
) -> None:
    """Juger où implanter un habitat inclusif : adresses, services à pied, communes, appels."""
    if version:
        screen.show_lines([f"siting {__version__}"])
        raise typer.Exit


@app.command(cls=FrenchCommand)
def study(  # noqa: PLR0913 - one parameter an option
    context: typer.Context,
    projects: StudiedProjects = None,
    *,
    out: OutFolder,
    sector: SectorFile = None,
    commune: SectorCommunes = None,
    osm: OsmFiles = None,
    area: AreaName = None,
    contact: Contact = "",
    overpass_url: OverpassUrls = None,
    call: CallId = None,
    walker: Walker = "senior",
    geocoder: GeocoderUrl = None,
    column: Columns = None,
    sheet: Sheet = None,
    reviewed: Reviewed = None,
    geocode_rule: RuleFile = None,
    resume: Resume = False,
    max_age: MaxAge = 30.0,
    no_cache: NoCache = False,
    rate: Rate = None,
    private_network: PrivateNetwork = False,
    register: RegisterFiles = None,
    register_map: RegisterMaps = None,
    inventory: InventoryFile = None,
    threshold: Annotated[
        list[str] | None,
        typer.Option(
            metavar="EXIGENCE=MINUTES",
            help="Durée de marche choisie pour une exigence de l'appel : commerces=10.",
        ),
    ] = None,
    cutoff_min: Annotated[
        float, typer.Option(metavar="MINUTES", help="Marche la plus longue cherchée.")
    ] = 30.0,
    heights: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FICHIER|DOSSIER",
            help="Hauteurs du terrain (RGE ALTI ou BD ALTI de l'IGN en .asc, .tif, .hgt), pour "
            "compter les pentes ; répétable.",
        ),
    ] = None,
    taxonomy: TaxonomyFile = None,
    offline: Offline = False,
    overwrite: Overwrite = False,
) -> None:
    """Étudier les sites d'un fichier de projets, ou un secteur : services à pied, avis."""
    import siting.study as chain
    from siting import export, summary

    if sum((projects is not None, sector is not None, bool(commune))) != 1:
        raise OptionError(
            "Dites quoi étudier : un fichier PROJETS, ou --sector FICHIER, ou --commune CODE (l'un "
            "des trois)."
        )
    has_map = bool(osm) or area is not None
    if has_map and overpass_url:
        raise OptionError("--overpass-url ne sert que sans --osm ni --area : retirez-le.")
    overwrite = overwrite or resume
    export.check_folder(out, overwrite=overwrite)
    asked = geocoder_options(
        geocoder=geocoder,
        offline=offline,
        private_network=private_network,
        rate=rate,
        no_cache=no_cache,
        max_age=max_age,
        resume=resume,
        rule_file=geocode_rule,
    )
    overpass = (
        None
        if has_map
        else map_server(
            urls=overpass_url,
            contact=contact,
            offline=offline,
            private_network=private_network,
            no_cache=no_cache,
            max_age=None if resume else max_age,
        )
    )
    told = parameters(context, rule=asked.rule)
    invocation = chain.Invocation.now("siting", "study", parameters=told)
    area_studied = None
    if projects is None:
        area_studied = (
            chain.sector_of_communes(commune or ())
            if sector is None
            else chain.sector_of_file(sector)
        )
    with screen.stages() as report, chain.geocoding_session(asked) as session:
        result = chain.study(
            area_studied.cells
            if area_studied is not None
            else chain.ProjectsFile(
                path=projects or Path(),
                columns=pairs(column, "--column CHAMP=NOM"),
                sheet=sheet,
                reviewed=tuple(reviewed or ()),
            ),
            geocoder=session if area_studied is None else None,
            overpass=overpass,
            options=chain.StudyOptions(
                osm=tuple(osm or ()),
                area=None if area is None else chain.kept_area(area).folder,
                call=call,
                walker=walker,
                thresholds=_minutes(threshold),
                cutoff_min=cutoff_min,
                inventory=inventory,
                heights=tuple(heights or ()),
                taxonomy=taxonomy,
                registers=tuple(register or ()),
                register_maps=tuple(register_map or ()),
            ),
            report=report,
        )
        if area_studied is not None:
            result = chain.with_sector(result, area_studied)
        report("Écriture des résultats", 0, 0)
        names = chain.write_study(result, out, invocation=invocation, overwrite=overwrite)
    screen.show_lines(summary.study_lines(result))
    screen.show_files(out, names)
    raise typer.Exit(TO_REVIEW if result.needs_attention else ALL_WELL)


app.command(cls=FrenchCommand)(territory)
app.command(cls=FrenchCommand)(geocode)


@app.command(cls=FrenchCommand)
def demo(
    context: typer.Context,
    *,
    out: Annotated[
        Path, typer.Option(metavar="DOSSIER", help="Dossier des résultats, vide ou nouveau.")
    ] = Path("demo-siting"),
    overwrite: Overwrite = False,
) -> None:
    """Étudier l'exemple fourni (autour de Monaco) et deux départements, hors ligne."""
    import siting.study as chain
    from siting import export, summary

    export.check_folder(out, overwrite=overwrite)
    invocation = chain.Invocation.now("siting", "demo", parameters=parameters(context))
    example = chain.sample()
    with screen.stages() as report:
        result = chain.study(
            chain.ProjectsFile(path=example.projects), options=example.options, report=report
        )
        chain.write_study(result, out / "etude", invocation=invocation, overwrite=overwrite)
        territories = {
            departement: chain.territory([departement], call=call)
            for departement, call in chain.DEMO_TERRITORIES.items()
        }
        for departement, flagged in territories.items():
            folder = out / f"territoire-{departement}"
            chain.write_territory(flagged, folder, invocation=invocation, overwrite=overwrite)
    screen.show_lines(summary.study_lines(result))
    for flagged in territories.values():
        screen.show_lines(["", *summary.territory_lines(flagged)])
    screen.show_lines(summary.demo_lines(out, territories))
    differences = chain.unexpected(result, example.expected)
    screen.show_lines(summary.check_lines(differences))
    raise typer.Exit(STOPPED if differences else ALL_WELL)


def _minutes(given: Sequence[str] | None) -> dict[str, float]:
    form = "--threshold EXIGENCE=MINUTES"
    texts = pairs(given, form)
    try:
        return {name: float(value.replace(",", ".")) for name, value in texts.items()}
    except ValueError as error:
        raise OptionError(f"{form} : donnez un nombre de minutes, comme commerces=10.") from error


def main() -> None:
    """Run the command line and exit with its code."""
    screen.accept_any_text()
    try:
        code = run_in_french(app, on_usage_error=screen.show_usage_error)
    except OptionError as error:
        screen.show_usage_error(str(error))
        code = WRONG_USAGE
    except SitingError as error:
        screen.show_error(str(error))
        code = STOPPED
    except (KeyboardInterrupt, typer.Abort):
        screen.show_error("interrompu ; rien n'a été écrit à moitié.")
        code = STOPPED
    except Exception as error:  # the last door: a planner never meets a traceback
        if os.environ.get("SITING_TRACE"):
            raise
        screen.show_error(
            f"défaut de siting, et non de vos fichiers ({type(error).__name__} : {error}). "
            "Signalez-le avec la commande utilisée ; avec SITING_TRACE=1 le détail s'affiche."
        )
        code = STOPPED
    sys.exit(code)
