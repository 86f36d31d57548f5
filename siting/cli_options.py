"""Options that several commands share, and what their values mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from siting.errors import OptionError

if TYPE_CHECKING:
    from siting.export.manifest import Parameter
    from siting.matching import GeocodeRule
    from siting.sources.overpass import OverpassSession
    from siting.study import GeocoderOptions

ALL_WELL, STOPPED, WRONG_USAGE, TO_REVIEW = 0, 1, 2, 3  # exit codes

_PANEL = "Géocodage"
_REGISTERS = "Registres"
MAP_PANEL = "OpenStreetMap"
_ASKED_PANEL = "Serveurs interrogés, réponses gardées"
_UNWRITTEN = frozenset({"contact"})  # who asks is told to servers of Overpass, and to nobody else

Projects = Annotated[
    Path,
    typer.Argument(
        metavar="PROJETS", help="Fichier des projets, CSV ou XLSX : une ligne par projet."
    ),
]
OutFolder = Annotated[
    Path, typer.Option("--out", metavar="DOSSIER", help="Dossier des résultats, vide ou nouveau.")
]
TaxonomyFile = Annotated[
    Path | None,
    typer.Option(
        "--taxonomy",
        metavar="FICHIER",
        help="Vos propres catégories de services (.toml), ajoutées à celles du programme ou à leur "
        "place.",
    ),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Remplacer des résultats qui existent déjà.")
]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        metavar="CHAMP=NOM",
        help="Nom d'une colonne du fichier, si elle n'est pas reconnue : adresse=LIB_VOIE. "
        "Champs : adresse, code_postal, commune, code_insee, lon, lat, nom, id.",
    ),
]
Sheet = Annotated[
    str | None,
    typer.Option(
        "--sheet", metavar="NOM", help="Feuille du classeur, ou couche du fichier, à lire."
    ),
]
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
Walker = Annotated[
    str,
    typer.Option(
        metavar="PROFIL",
        help="Qui marche : senior, standard, canne, fauteuil, ou un fichier .toml.",
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
        help="Ne contacter que cet ordinateur lui-même ; ce qui a déjà été répondu est utilisé.",
        rich_help_panel=_ASKED_PANEL,
    ),
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Reprendre : rien de ce qui a été répondu, même il y a longtemps, n'est redemandé, et "
        "le résultat qui existe déjà est remplacé.",
        rich_help_panel=_ASKED_PANEL,
    ),
]
Reviewed = Annotated[
    list[Path] | None,
    typer.Option(
        "--reviewed",
        metavar="FICHIER",
        help="Fichier to_review (.xlsx ou .csv) rempli par une personne : ses décisions sont "
        "appliquées. Répétable, le dernier en date à la fin.",
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
        help="Une réponse gardée depuis plus longtemps est redemandée ; 0 pour tout redemander.",
        rich_help_panel=_ASKED_PANEL,
    ),
]
NoCache = Annotated[
    bool,
    typer.Option(
        "--no-cache",
        help="Ne lire ni garder aucune réponse sur cet ordinateur.",
        rich_help_panel=_ASKED_PANEL,
    ),
]
PrivateNetwork = Annotated[
    bool,
    typer.Option(
        "--private-network",
        help="Accepter des serveurs de votre réseau interne.",
        rich_help_panel=_ASKED_PANEL,
    ),
]
OsmFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--osm",
        metavar="FICHIER",
        help="Fichier OpenStreetMap du secteur (.osm, .osm.gz, .osm.bz2, .osm.pbf, .json "
        "d'Overpass) ; répétable.",
        rich_help_panel=MAP_PANEL,
    ),
]
AreaName = Annotated[
    str | None,
    typer.Option(
        "--area",
        metavar="NOM",
        help="Zone gardée (voir : siting area list), au lieu de --osm. Sans l'une ni l'autre, la "
        "carte des environs des sites est demandée à Overpass.",
        rich_help_panel=MAP_PANEL,
    ),
]
Contact = Annotated[
    str,
    typer.Option(
        "--contact",
        metavar="COURRIEL",
        envvar="SITING_CONTACT",
        show_envvar=False,
        show_default=False,
        help="E-mail ou page web où vous joindre, exigé pour demander la carte à un serveur public "
        "Overpass, et envoyé à lui seul. On peut aussi le mettre une fois pour toutes dans la "
        "variable SITING_CONTACT.",
        rich_help_panel=MAP_PANEL,
    ),
]
OverpassUrls = Annotated[
    list[str] | None,
    typer.Option(
        "--overpass-url",
        metavar="URL",
        help="Serveur Overpass (adresse en /api), au lieu du serveur public. Répétable : les "
        "suivants ne servent que si le premier est en panne.",
        show_default=False,
        rich_help_panel=MAP_PANEL,
    ),
]


def map_server(
    *,
    urls: Sequence[str] | None,
    contact: str,
    offline: bool,
    private_network: bool,
    no_cache: bool,
    max_age: float | None,
) -> OverpassSession:
    """Return whom to ask for the map, as the options of a command say."""
    import siting.study as chain

    return chain.overpass_session(
        chain.OverpassOptions(
            url=urls[0] if urls else None,
            contact=contact,
            mirrors=tuple(urls[1:]) if urls else (),
            is_offline=offline,
            is_private_allowed=private_network,
            max_age_days=None if max_age is None else _days(max_age),
        ),
        cache=None if no_cache else chain.cache_folder(),
    )


RegisterFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--register",
        metavar="FICHIER",
        help="Registre officiel à comparer à la carte : FINESS, France services, La Poste, "
        "annuaire de l'éducation, gares, ou votre propre liste ; répétable, le plus sûr d'abord.",
        rich_help_panel=_REGISTERS,
    ),
]
RegisterMaps = Annotated[
    list[Path] | None,
    typer.Option(
        "--register-map",
        metavar="FICHIER",
        help="Description (.toml) des colonnes d'un registre qui n'est pas reconnu ; répétable.",
        rich_help_panel=_REGISTERS,
    ),
]


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

    days = _days(max_age)
    return chain.GeocoderOptions(
        url=geocoder,
        is_offline=offline,
        is_private_allowed=private_network,
        rate_per_s=rate,
        cache=None if no_cache else chain.cache_folder(),
        max_age_days=None if resume else days,
        **({} if rule_file is None else {"rule": read_rule(rule_file)}),
    )


def _days(max_age: float) -> float:
    if not max_age >= 0:
        raise OptionError(f"--max-age {max_age:g} : donnez un nombre de jours, 0 ou plus.")
    return max_age


def pairs(given: Sequence[str] | None, form: str) -> dict[str, str]:
    """Return the options of the form NAME=VALUE as a dict."""
    pairs = {}
    for text in given or ():
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise OptionError(f"« {text} » n'est pas de la forme {form}.")
        if name in pairs:
            raise OptionError(f"« {name} » est donné deux fois ({form}).")
        pairs[name] = value
    return pairs


def parameters(context: typer.Context, *, rule: GeocodeRule | None = None) -> dict[str, Parameter]:
    """
    Return the options of a command as the manifest writes them, thresholds by their values.

    Who asks Overpass is left out: a manifest goes with its results, wherever they go.
    """
    given: dict[str, Parameter] = {
        name: [str(item) for item in value]
        if isinstance(value, list)
        else str(value)
        if isinstance(value, Path)
        else value
        for name, value in context.params.items()
        if name not in _UNWRITTEN
    }
    return given if rule is None else given | {"geocode_rule": asdict(rule)}
