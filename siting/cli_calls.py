"""Commands on calls for projects: those that are known, and those that a department writes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from siting import screen
from siting.cli_options import STOPPED, Overwrite
from siting.french import HELP_OPTIONS, FrenchCommand, FrenchGroup

calls_app = typer.Typer(
    cls=FrenchGroup,
    help="Les appels à projets connus, leurs exigences, et ceux que vous écrivez.",
    context_settings=HELP_OPTIONS,
    no_args_is_help=True,
)


@calls_app.command(name="list", cls=FrenchCommand)
def list_calls() -> None:
    """Lister les appels à projets connus."""
    from siting.sources.packs import list_packs, read_pack

    packs = [read_pack(call_id) for call_id in list_packs()]
    screen.show_table(
        ("appel", "publié", "territoire", "titre"),
        [
            (
                one.id,
                one.published or "sans date",
                ", ".join(one.departements) or "France entière",
                one.title,
            )
            for one in packs
        ],
    )


@calls_app.command(name="show", cls=FrenchCommand)
def show_call(
    call: Annotated[
        str, typer.Argument(metavar="APPEL", help="Identifiant de l'appel, ou fichier .toml.")
    ],
) -> None:
    """Montrer les exigences d'un appel : ce qui est mesuré, et qui a fixé chaque seuil."""
    from siting import reconciled, summary
    from siting.sources.packs import chosen_pack
    from siting.study.reconcile import reconciled_call

    pack = chosen_pack(call)
    screen.show_lines(summary.pack_lines(pack))
    screen.show_table(*summary.requirement_table(pack))
    if pack.listed_communes:
        screen.show_lines(["", *reconciled.reconciled_lines(reconciled_call(pack))])


@calls_app.command(name="check", cls=FrenchCommand)
def check_call(
    file: Annotated[
        Path, typer.Argument(metavar="FICHIER", help="Règles d'un appel, un fichier .toml.")
    ],
) -> None:
    """Vérifier les règles d'un appel que vous avez écrites : chaque erreur avec sa ligne."""
    from siting import summary
    from siting.sources.packs import check_pack

    checked = check_pack(file)
    screen.show_lines(summary.checked_pack_lines(file.name, checked.pack, checked.problems))
    if checked.pack is None:
        raise typer.Exit(STOPPED)


@calls_app.command(name="new", cls=FrenchCommand)
def new_call(
    call: Annotated[
        str,
        typer.Argument(
            metavar="IDENTIFIANT",
            help="Nom du nouvel appel : lettres sans accent, chiffres, tirets.",
        ),
    ],
    *,
    out: Annotated[Path, typer.Option("--out", metavar="FICHIER", help="Fichier .toml à écrire.")],
    overwrite: Overwrite = False,
) -> None:
    """Écrire un modèle commenté de règles, à compléter pour votre appel."""
    from siting import export
    from siting.errors import OptionError
    from siting.sources.packs import is_pack_file, pack_scaffold

    if not is_pack_file(str(out)):
        raise OptionError("--out : le nom du fichier d'un appel finit par .toml.")
    text = pack_scaffold(call)
    export.write_file(out, text.encode("utf-8"), overwrite=overwrite)
    screen.show_lines(
        [
            f"Modèle écrit : {out}",
            f"Complétez-le, puis : siting calls check {out}",
            f"Et pour une étude : siting study projets.csv --call {out} --out etude",
        ]
    )
