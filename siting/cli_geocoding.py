"""Commands on addresses: `geocode`, `cache`, `geocoder`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from siting import screen
from siting.cli_options import (
    ALL_WELL,
    TO_REVIEW,
    Columns,
    GeocoderUrl,
    MaxAge,
    NoCache,
    Offline,
    Overwrite,
    PrivateNetwork,
    Projects,
    Rate,
    Resume,
    Reviewed,
    RuleFile,
    Sheet,
    geocoder_options,
    pairs,
    parameters,
)
from siting.errors import OptionError
from siting.french import HELP_OPTIONS, FrenchCommand, FrenchGroup

cache_app = typer.Typer(
    cls=FrenchGroup,
    help="Les réponses gardées sur cet ordinateur : adresses et cartes déjà demandées.",
    context_settings=HELP_OPTIONS,
    no_args_is_help=True,
)
geocoder_app = typer.Typer(
    cls=FrenchGroup,
    help="Un géocodeur sur cet ordinateur, pour qu'aucune adresse n'en sorte.",
    context_settings=HELP_OPTIONS,
    no_args_is_help=True,
)


def geocode(  # noqa: PLR0913 - one parameter an option
    context: typer.Context,
    projects: Projects,
    *,
    out: Annotated[
        Path, typer.Option(metavar="FICHIER", help="Fichier de résultat, .csv ou .xlsx.")
    ],
    geocoder: GeocoderUrl = None,
    column: Columns = None,
    sheet: Sheet = None,
    reviewed: Reviewed = None,
    geocode_rule: RuleFile = None,
    offline: Offline = False,
    resume: Resume = False,
    max_age: MaxAge = 30.0,
    no_cache: NoCache = False,
    rate: Rate = None,
    private_network: PrivateNetwork = False,
    overwrite: Overwrite = False,
) -> None:
    """Trouver la position et la commune des projets d'un fichier, rien de plus."""
    import siting.study as chain
    from siting import summary

    if out.suffix.lower() not in (".csv", ".xlsx"):
        raise OptionError(f"--out {out} : donnez un nom de fichier en .csv ou .xlsx.")
    if out.resolve() == projects.resolve():
        raise OptionError(f"--out {out} est votre fichier de projets : donnez un autre nom.")
    overwrite = overwrite or resume
    chain.check_geocoding(out, overwrite=overwrite)
    options = geocoder_options(
        geocoder=geocoder,
        offline=offline,
        private_network=private_network,
        rate=rate,
        no_cache=no_cache,
        max_age=max_age,
        resume=resume,
        rule_file=geocode_rule,
    )
    told = parameters(context, rule=options.rule)
    invocation = chain.Invocation.now("siting", "geocode", parameters=told)
    with screen.stages() as report, chain.geocoding_session(options) as session:
        result = chain.geocode(
            chain.ProjectsFile(
                path=projects,
                columns=pairs(column, "--column CHAMP=NOM"),
                sheet=sheet,
                reviewed=tuple(reviewed or ()),
            ),
            geocoder=session,
            report=report,
        )
        names = chain.write_geocoding(result, out, invocation=invocation, overwrite=overwrite)
    screen.show_lines(summary.geocode_lines(result))
    screen.show_lines([f"Résultat : {out} (et {', '.join(names)})"])
    raise typer.Exit(TO_REVIEW if chain.needs_attention(result.sites).any() else ALL_WELL)


@cache_app.command(name="show", cls=FrenchCommand)
def show_cache() -> None:
    """Montrer les réponses gardées : adresses par géocodeur, cartes d'Overpass, dates, taille."""
    import siting.study as chain
    from siting import summary

    with chain.open_journal() as journal:
        screen.show_lines(summary.journal_lines(journal.path, journal.summary()))
        if journal.note:
            screen.show_lines([f"• {journal.note}"])
    maps = chain.open_map_cache()
    screen.show_lines(summary.map_cache_lines(maps.folder, maps.summary()))


@cache_app.command(name="purge", cls=FrenchCommand)
def purge_cache(
    *,
    older_than: Annotated[
        float | None,
        typer.Option(
            metavar="JOURS",
            help="Seulement les réponses plus anciennes. Par défaut : toutes.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Effacer pour de bon les réponses gardées : adresses, et cartes des environs des sites."""
    import siting.study as chain
    from siting.labels import counted

    if older_than is not None and older_than < 0:
        raise OptionError(f"--older-than {older_than:g} : donnez un nombre de jours, 0 ou plus.")
    before = None if older_than is None else datetime.now(UTC) - timedelta(days=older_than)
    with chain.open_journal() as journal:
        n_removed = journal.purge(before=before)
        screen.show_lines(
            [f"{counted(n_removed, 'réponse effacée', 'réponses effacées')} de {journal.path}"]
        )
    maps = chain.open_map_cache()
    n_removed = maps.purge(before=before)
    screen.show_lines(
        [
            f"{counted(n_removed, 'réponse effacée', 'réponses effacées')} de {maps.folder}",
            *(f"• {note}" for note in maps.notes),
        ]
    )


@geocoder_app.command(name="load", cls=FrenchCommand)
def load_geocoder(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FICHIERS...",
            help="Fichiers de la Base Adresse Nationale d'un ou de plusieurs départements : "
            "adresses-35.csv.gz, ou adresses-addok-35.ndjson.gz.",
        ),
    ],
    *,
    overwrite: Overwrite = False,
) -> None:
    """Charger des adresses dans le géocodeur de cet ordinateur."""
    from siting import summary
    from siting.sources.engine_load import load_engine
    from siting.sources.local_engine import default_engine_folder

    with screen.stages() as report:
        report("Chargement des adresses", 0, 0)
        loaded = load_engine(files, default_engine_folder(), overwrite=overwrite)
    screen.show_lines(summary.engine_lines(loaded))
    screen.show_lines(["Lancez-le avec : siting geocoder start"])


@geocoder_app.command(name="start", cls=FrenchCommand)
def start_geocoder(
    *,
    port: Annotated[
        int,
        typer.Option(metavar="NUMÉRO", help="Port de cet ordinateur ; 0 pour un port libre."),
    ] = 0,
) -> None:
    """Lancer le géocodeur de cet ordinateur ; il tourne jusqu'à stop."""
    from siting.sources.local_engine import default_engine_folder, start_engine

    with screen.stages() as report:
        report("Démarrage du géocodeur", 0, 0)
        url = start_engine(default_engine_folder(), port=port)
    screen.show_lines([f"Le géocodeur tourne : {url}", "À utiliser avec : --geocoder local"])


@geocoder_app.command(name="stop", cls=FrenchCommand)
def stop_geocoder() -> None:
    """Arrêter le géocodeur de cet ordinateur."""
    from siting.sources.local_engine import default_engine_folder, stop_engine

    was_running = stop_engine(default_engine_folder())
    screen.show_lines(
        ["Le géocodeur est arrêté." if was_running else "Aucun géocodeur ne tournait."]
    )


@geocoder_app.command(name="status", cls=FrenchCommand)
def show_geocoder() -> None:
    """Dire si le géocodeur de cet ordinateur tourne, et ce qu'il contient."""
    from siting import summary
    from siting.sources.local_engine import default_engine_folder, engine_status

    screen.show_lines(summary.engine_status_lines(engine_status(default_engine_folder())))
