"""Commands on areas: streets and services of OpenStreetMap, built once and kept under a name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from siting import screen
from siting.cli_options import Overwrite
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
def add_area(
    name: Name,
    *,
    osm: Annotated[
        list[Path],
        typer.Option(
            metavar="FICHIER",
            help="Fichier OpenStreetMap (.osm, .osm.gz, .osm.bz2, .osm.pbf) ; répétable.",
        ),
    ],
    ferries: Annotated[
        bool, typer.Option("--ferries", help="Compter les bacs comme des rues.")
    ] = False,
    overwrite: Overwrite = False,
) -> None:
    """Construire une zone à partir de fichiers OpenStreetMap, et la garder."""
    import siting.study as chain
    from siting import summary

    with screen.stages() as report:
        report("Lecture d'OpenStreetMap", 0, 0)
        kept = chain.add_area(name, osm, overwrite=overwrite, with_ferries=ferries)
    screen.show_lines(summary.area_lines(kept))
    screen.show_lines([f"À utiliser avec : siting study PROJETS --area {name} --out DOSSIER"])


@area_app.command(name="list", cls=FrenchCommand)
def list_areas() -> None:
    """Lister les zones gardées : date de la carte, âge, taille."""
    import siting.study as chain
    from siting import summary

    areas = chain.kept_areas()
    if not areas:
        screen.show_lines(["Aucune zone : siting area add NOM --osm FICHIER."])
        return
    screen.show_table(*summary.area_rows(chain.area_table(areas)))


@area_app.command(name="show", cls=FrenchCommand)
def show_area(name: Name) -> None:
    """Montrer une zone : ses sources, sa date, ce qu'elle contient."""
    import siting.study as chain
    from siting import summary

    screen.show_lines(summary.area_lines(chain.kept_area(name)))


@area_app.command(name="remove", cls=FrenchCommand)
def remove_area(name: Name) -> None:
    """Effacer une zone."""
    import siting.study as chain

    folder = chain.forget_area(name)
    screen.show_lines([f"Zone « {name} » effacée ({folder})."])
