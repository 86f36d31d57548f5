"""Commands on the data that the package knows: `data list|import|update|diff|remove`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from siting import screen
from siting.cli_options import ALL_WELL, STOPPED, Overwrite, PrivateNetwork
from siting.errors import DataError, OptionError, SitingError
from siting.french import HELP_OPTIONS, FrenchCommand, FrenchGroup

if TYPE_CHECKING:
    from siting.study.layers import LayerDifference

data_app = typer.Typer(
    cls=FrenchGroup,
    help="Les données officielles : celles du programme, et celles que vous installez.",
    context_settings=HELP_OPTIONS,
    invoke_without_command=True,
)

Layer = Annotated[
    str,
    typer.Argument(
        metavar="COUCHE",
        help="pvd, acv, villages_avenir, qpv_2015, qpv_2024, densite, finess ou france_services.",
    ),
]
LayerPath = Annotated[
    Path, typer.Argument(metavar="FICHIER", help="Fichier de la couche, tel qu'il est publié.")
]
Vintage = Annotated[
    str,
    typer.Option(
        "--vintage",
        metavar="DATE",
        help="Date ou année des données (2026-06-02, COG 2026). Par défaut : celle du fichier ou "
        "de son nom.",
        show_default=False,
    ),
]


@data_app.callback()
def data(context: typer.Context) -> None:
    """Montrer les données officielles (comme siting data list), ou les installer."""
    if context.invoked_subcommand is None:
        list_data()


@data_app.command(name="list", cls=FrenchCommand)
def list_data() -> None:
    """Montrer les données du programme et celles installées : millésimes, licences, intégrité."""
    from siting import layer_words, summary
    from siting.sources.reference import reference_layers
    from siting.study.layers import installed_layers

    layers = reference_layers()
    screen.show_table(*summary.layer_table(layers))
    installed = installed_layers()
    screen.show_lines([""])
    if installed.empty:
        screen.show_lines(["Aucune couche installée : siting data import, siting data update."])
    else:
        screen.show_table(*layer_words.installed_table(installed))
    if not layers["is_intact"].all():
        raise DataError(
            "Des données de référence sont abîmées : réinstallez siting "
            "(pip install --force-reinstall)."
        )
    damaged = list(installed.index[installed["state"] != "intact"])
    if damaged:
        raise DataError(
            f"Des couches installées sont abîmées ({', '.join(damaged)}) : réinstallez-les, ou "
            "retirez-les avec siting data remove."
        )


@data_app.command(name="import", cls=FrenchCommand)
def import_data(layer: Layer, path: LayerPath, *, vintage: Vintage = "") -> None:
    """Installer une liste officielle prise d'un fichier, et montrer ce qu'elle change."""
    from siting import layer_words
    from siting.study.layers import import_layer

    result = import_layer(layer, path, vintage=vintage)
    screen.show_lines(layer_words.installed_lines(result))
    _show(result.difference)


@data_app.command(name="update", cls=FrenchCommand)
def update_data(
    layers: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="COUCHE...",
            help="Couches à télécharger. Par défaut : toutes celles qui ont une adresse connue.",
            show_default=False,
        ),
    ] = None,
    *,
    url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Adresse du fichier, au lieu de l'adresse officielle (une seule couche).",
            show_default=False,
        ),
    ] = None,
    vintage: Vintage = "",
    private_network: PrivateNetwork = False,
) -> None:
    """Télécharger les listes officielles, les installer et montrer ce qu'elles changent."""
    from siting import layer_words
    from siting.study.layers import online_layers, update_layer

    wanted = list(dict.fromkeys(layers or online_layers()))
    if (url or vintage) and len(wanted) != 1:
        raise OptionError("--url et --vintage vont avec une seule couche : nommez-la.")
    failures = []
    for layer in wanted:
        try:
            with screen.stages() as report:
                report(f"Téléchargement de {layer}", 0, 0)
                result = update_layer(
                    layer, url=url, vintage=vintage, allow_private=private_network
                )
        except SitingError as error:
            if len(wanted) == 1:
                raise
            failures.append(layer)
            screen.show_error(str(error))
            continue
        screen.show_lines(layer_words.installed_lines(result))
        _show(result.difference)
        screen.show_lines([""])
    if failures:
        screen.show_lines([f"Couches qui n'ont pas été mises à jour : {', '.join(failures)}."])
    raise typer.Exit(STOPPED if failures else ALL_WELL)


@data_app.command(name="diff", cls=FrenchCommand)
def compare_data(
    layer: Layer,
    path: LayerPath,
    *,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FICHIER", help="Toutes les différences, en .csv.", show_default=False
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Montrer ce qu'un fichier changerait, sans rien installer."""
    from siting import export
    from siting.study.layers import compare_layer, layer_changes_csv

    if out is not None:
        if out.suffix.lower() != ".csv":
            raise OptionError(f"--out {out} : donnez un nom de fichier en .csv.")
        export.check_file(out, overwrite=overwrite)
    difference = compare_layer(layer, path)
    _show(difference)
    if out is not None:
        export.write_file(out, layer_changes_csv(difference), overwrite=overwrite)
        screen.show_lines([f"Différences écrites dans {out}"])


@data_app.command(name="remove", cls=FrenchCommand)
def remove_data(layer: Layer) -> None:
    """Retirer une couche installée."""
    from siting.study.layers import remove_layer

    folder = remove_layer(layer)
    screen.show_lines([f"Couche « {folder.name} » retirée ({folder})."])


def _show(difference: LayerDifference) -> None:
    """Show what differs, and how many differences are not shown."""
    from siting import layer_words

    screen.show_lines(layer_words.difference_lines(difference))
    if difference.changes is None or difference.changes.empty:
        return
    table, n_more = layer_words.change_table(difference.changes)
    screen.show_table(*table)
    if n_more:
        screen.show_lines([f"… et {n_more} autres (toutes : siting data diff --out FICHIER.csv)."])
