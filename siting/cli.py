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
    Columns,
    Contact,
    GeocoderUrl,
    MaxAge,
    NoCache,
    Offline,
    OsmFiles,
    OutFolder,
    OverpassUrls,
    Overwrite,
    PrivateNetwork,
    Projects,
    Rate,
    RegisterFiles,
    RegisterMaps,
    Resume,
    Reviewed,
    RuleFile,
    Sheet,
    TaxonomyFile,
    geocoder_options,
    map_server,
    pairs,
    parameters,
)
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

CallId = Annotated[
    str | None,
    typer.Option(
        "--call",
        metavar="APPEL|FICHIER",
        help="Appel à projets (voir : siting calls list), ou fichier .toml de ses règles.",
    ),
]
InventoryFile = Annotated[
    Path | None,
    typer.Option(
        "--inventory",
        metavar="FICHIER",
        help="Habitats inclusifs existants, CSV ou XLSX : statut, et adresse, commune ou "
        "code_insee ; places, date d'ouverture, public.",
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
    projects: Projects,
    *,
    out: OutFolder,
    osm: OsmFiles = None,
    area: AreaName = None,
    contact: Contact = "",
    overpass_url: OverpassUrls = None,
    call: CallId = None,
    walker: Annotated[
        str,
        typer.Option(
            metavar="PROFIL",
            help="Qui marche : senior, standard, canne, fauteuil, ou un fichier .toml.",
        ),
    ] = "senior",
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
    """Étudier les sites d'un fichier de projets : position, services à pied, communes, avis."""
    import siting.study as chain
    from siting import export, summary

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
    with screen.stages() as report, chain.geocoding_session(asked) as session:
        result = chain.study(
            chain.ProjectsFile(
                path=projects,
                columns=pairs(column, "--column CHAMP=NOM"),
                sheet=sheet,
                reviewed=tuple(reviewed or ()),
            ),
            geocoder=session,
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
        report("Écriture des résultats", 0, 0)
        names = chain.write_study(result, out, invocation=invocation, overwrite=overwrite)
    screen.show_lines(summary.study_lines(result))
    screen.show_files(out, names)
    raise typer.Exit(TO_REVIEW if result.needs_attention else ALL_WELL)


@app.command(cls=FrenchCommand)
def territory(  # noqa: PLR0913 - one parameter an option
    context: typer.Context,
    *,
    departement: Annotated[
        list[str],
        typer.Option(metavar="CODE", help="Code du département (93, 2A, 974) ; répétable."),
    ],
    out: OutFolder,
    inventory: InventoryFile = None,
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
    told = parameters(context, rule=asked.rule)
    invocation = chain.Invocation.now("siting", "territory", parameters=told)
    with screen.stages() as report, chain.geocoding_session(asked) as session:
        report("Communes", 0, 0)
        result = chain.territory(
            departement,
            inventory_file=inventory,
            geocoder=session,
            reviewed=tuple(reviewed or ()),
            call=call,
            report=report,
        )
        names = chain.write_territory(result, out, invocation=invocation, overwrite=overwrite)
    screen.show_lines(summary.territory_lines(result))
    screen.show_files(out, names)
    raise typer.Exit(TO_REVIEW if result.needs_attention else ALL_WELL)


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
