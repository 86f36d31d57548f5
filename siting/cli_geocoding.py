"""Commands on addresses: `geocode`, `cache`, `geocoder`; and the options that `study` shares."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from siting import screen
from siting.errors import OptionError
from siting.french import HELP_OPTIONS, FrenchCommand, FrenchGroup

if TYPE_CHECKING:
    from siting.study import GeocoderOptions

_PANEL = "Géocodage"

Sheet = Annotated[
    str | None,
    typer.Option(
        "--sheet", metavar="NOM", help="Feuille du classeur, ou couche du fichier, à lire."
    ),
]
GeocoderUrl = Annotated[
    str | None,
    typer.Option(
        "--geocoder",
        metavar="URL|local|none",
        help="Géocodeur à interroger : une adresse (sans /search), local pour celui de cet "
        "ordinateur (siting geocoder start), none pour personne. Par défaut : la Géoplateforme.",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
Offline = Annotated[
    bool,
    typer.Option(
        "--offline",
        help="Ne contacter que cet ordinateur lui-même ; ce que le journal a déjà est utilisé.",
        rich_help_panel=_PANEL,
    ),
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Reprendre : rien de ce qui a été répondu, même il y a longtemps, n'est redemandé, et "
        "le résultat qui existe déjà est remplacé.",
        rich_help_panel=_PANEL,
    ),
]
Reviewed = Annotated[
    Path | None,
    typer.Option(
        "--reviewed",
        metavar="FICHIER",
        help="Fichier to_review.csv rempli par une personne : ses décisions sont appliquées.",
        rich_help_panel=_PANEL,
    ),
]
RuleFile = Annotated[
    Path | None,
    typer.Option(
        "--geocode-rule",
        metavar="FICHIER",
        help="Seuils de jugement des adresses trouvées (.toml), au lieu de ceux du programme.",
        rich_help_panel=_PANEL,
    ),
]
Rate = Annotated[
    float | None,
    typer.Option(
        "--rate",
        metavar="NOMBRE",
        help="Demandes par seconde au plus, 45 au maximum. Par défaut : 10.",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
MaxAge = Annotated[
    float,
    typer.Option(
        "--max-age",
        metavar="JOURS",
        help="Une réponse du journal plus ancienne est redemandée ; 0 pour tout redemander.",
        rich_help_panel=_PANEL,
    ),
]
NoCache = Annotated[
    bool,
    typer.Option(
        "--no-cache", help="Ne rien lire ni garder dans le journal.", rich_help_panel=_PANEL
    ),
]
PrivateNetwork = Annotated[
    bool,
    typer.Option(
        "--private-network",
        help="Accepter un géocodeur de votre réseau interne.",
        rich_help_panel=_PANEL,
    ),
]

cache_app = typer.Typer(
    cls=FrenchGroup,
    help="Le journal des adresses déjà demandées, sur cet ordinateur.",
    context_settings=HELP_OPTIONS,
    no_args_is_help=True,
)
geocoder_app = typer.Typer(
    cls=FrenchGroup,
    help="Un géocodeur sur cet ordinateur, pour qu'aucune adresse n'en sorte.",
    context_settings=HELP_OPTIONS,
    no_args_is_help=True,
)


def geocoder_options(  # noqa: PLR0913 - one parameter an option
    *,
    geocoder: str | None,
    offline: bool,
    private_network: bool,
    rate: float | None,
    no_cache: bool,
    max_age: float,
    resume: bool,
    rule_file: Path | None,
) -> GeocoderOptions:
    """Return whom to ask, as the options of a command say."""
    import siting.study as chain
    from siting.sources.rule_file import read_rule

    if max_age < 0:
        raise OptionError(f"--max-age {max_age:g} : donnez un nombre de jours, 0 ou plus.")
    return chain.GeocoderOptions(
        url=_local_url() if geocoder == "local" else geocoder,
        is_offline=offline,
        is_private_allowed=private_network,
        rate_per_s=rate,
        cache=None if no_cache else chain.cache_folder(),
        max_age_days=None if resume else max_age,
        **({} if rule_file is None else {"rule": read_rule(rule_file)}),
    )


def _local_url() -> str:
    from siting.sources.local_engine import status

    found = status()
    if not found.is_running:
        raise OptionError(
            "--geocoder local : aucun géocodeur ne tourne sur cet ordinateur. Lancez d'abord "
            "siting geocoder start."
        )
    return found.url
