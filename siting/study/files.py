"""The files that a study leaves: which tables, maps and remarks go where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import folium
import geopandas as gpd
import pandas as pd

from siting.absence import ABSENCE
from siting.calls import RulePack
from siting.census import UNKNOWN_WORDS, marked
from siting.completeness import COMPLETENESS
from siting.export import (
    COMMUNE_COVERAGE,
    SERVICE_MATCHES,
    Sheet,
    communes_with_coverage,
    csv_bytes,
    gpkg_bytes,
    html_bytes,
    services_with_matches,
    xlsx_bytes,
)
from siting.maps import (
    MOST_COMMUNES,
    MapNotes,
    call_name,
    completeness_map,
    country_map,
    review_map,
    study_map,
    territory_map,
)
from siting.provenance import Provenance
from siting.register_tables import SET_ASIDE
from siting.review import REVIEW
from siting.sources.packs import is_pack_file
from siting.sources.reference import read_departements
from siting.study.commune_lists import list_sheets
from siting.study.given import call_sources, inventory_sources
from siting.study.inventory_files import diffus_sheets, home_layers, inventory_sheets
from siting.study.locate import Located
from siting.study.maillage_files import MAILLAGE_TITLES, maillage_sheets
from siting.study.projects import Study
from siting.study.remarks import kmh_text, map_dates, pace_remarks
from siting.study.sector import sector_sheets
from siting.study.territory import TerritoryStudy
from siting.tables import ACCESS, EXCLUDED, GEOCODING, REACH, SITES, VERDICTS
from siting.taxonomy import Taxonomy, read_taxonomy

# A workbook of 200,000 lines weighs 10 MB and opens; one of two million does not.
WORKBOOK_ROWS = 200_000


def study_files(study: Study) -> dict[str, bytes]:
    """
    Return the content of the files of a study, by name, its manifest excepted.

    The same study gives the same bytes.
    """
    sources = _study_sources(study)
    sheets = _study_sheets(study)
    files = {f"{sheet.title}.csv": csv_bytes(sheet.frame, sheet.table) for sheet in sheets}
    layers = {
        "sites": study.sites,
        "services": _known_services(study).assign(**_marks(study)),
        "walks": study.walks,
        **({} if study.isochrones is None else {"isochrones": study.isochrones}),
    }
    files |= _review_files(study.review, study.sources, stem="to_review")
    files["study.gpkg"] = gpkg_bytes(layers, sources=sources)
    files["study.xlsx"] = xlsx_bytes(
        [sheet for sheet in sheets if len(sheet.frame) <= WORKBOOK_ROWS],
        title="Étude de sites",
        sources=sources,
        left_out=[sheet for sheet in sheets if len(sheet.frame) > WORKBOOK_ROWS],
    )
    doubts = {"completeness.html": html_bytes(doubts_page(study))}
    return files | {"map.html": html_bytes(study_page(study))} | doubts


def _study_sheets(study: Study) -> list[Sheet]:
    sheets = [
        _sites_sheet(study.sites),
        _requests_sheet(study.requests),
        Sheet(
            title="access",
            note=f"Les trois services les plus proches par catégorie ({study.profile.label}).",
            frame=study.access,
            table=ACCESS,
            words=service_words(study.taxonomy),
        ),
        Sheet(
            title="reach",
            note="Combien de services à 5, 10 et 15 minutes à pied.",
            frame=study.reach,
            table=REACH,
        ),
        *_strict_sheets(study),
        *_worth_sheets(study),
        Sheet(
            title="excluded",
            note="Ce qui est sur la carte sans être compté comme service, et pourquoi.",
            frame=study.excluded,
            table=EXCLUDED,
            words=[*service_words(study.taxonomy), UNKNOWN_WORDS],
        ),
        *_register_sheets(study),
        *diffus_sheets(study.diffus),
    ]
    sheets += sector_sheets(study)
    if study.verdicts is None or study.pack is None:
        return sheets
    verdicts = Sheet(
        title="verdicts",
        note=f"Ce que l'on peut dire de chaque exigence de l'appel {study.pack.id}.",
        frame=study.verdicts,
        table=VERDICTS,
        words=[("requirement_id", one.id, one.label) for one in study.pack.requirements],
    )
    return [*sheets, verdicts]


def _worth_sheets(study: Study) -> list[Sheet]:
    """Lay out what finding no service is worth, by site and by commune."""
    words = service_words(study.taxonomy)
    return [
        Sheet(
            title="absence",
            note="Ce que vaut de ne trouver aucun service à portée d'un site : prouvé, ou non.",
            frame=study.worth.absence,
            table=ABSENCE,
            words=words,
        ),
        Sheet(
            title="completeness",
            note="Ce que la carte montre dans chaque commune à portée, et ce qu'elle devrait.",
            frame=study.worth.completeness,
            table=COMPLETENESS,
            words=words,
        ),
    ]


def _strict_sheets(study: Study) -> list[Sheet]:
    """Lay out what is reached by ways known to be fit alone, for who avoids what is unfit."""
    if study.strict is None:
        return []
    limits = "par les seules voies que la carte dit praticables"
    return [
        Sheet(
            title="access_strict",
            note=f"Comme access, mais {limits} ({study.profile.label}).",
            frame=study.strict.access,
            table=ACCESS,
            words=service_words(study.taxonomy),
        ),
        Sheet(
            title="reach_strict",
            note=f"Comme reach, mais {limits}.",
            frame=study.strict.reach,
            table=REACH,
        ),
    ]


def _known_services(study: Study) -> gpd.GeoDataFrame:
    """Return the services, with what registers say of each where some were given."""
    if study.registers is None:
        return study.services
    return services_with_matches(study.services, study.registers.joined.matches)


def _marks(study: Study) -> Mapping[str, pd.Series]:
    return marked(study.services, taxonomy=study.taxonomy, mapped_on=study.mapped_on)


def _register_sheets(study: Study) -> list[Sheet]:
    """Lay out what registers say of each service, and their rows that do not count."""
    if study.registers is None:
        return []
    return [
        Sheet(
            title="services",
            note="Tous les services de la carte et des registres, et où chacun est connu.",
            frame=_known_services(study),
            table=SERVICE_MATCHES,
            words=service_words(study.taxonomy),
        ),
        Sheet(
            title="registers_left_out",
            note="Les lignes des registres qui ne comptent pas comme services, et pourquoi.",
            frame=study.registers.set_aside,
            table=SET_ASIDE,
        ),
    ]


def service_words(taxonomy: Taxonomy) -> list[tuple[str, str, str]]:
    """Give the French words of families and categories."""
    families = {family.id: family.label for family in taxonomy.families}
    categories = [
        (
            "category",
            category.id,
            f"{category.label} ({' ; '.join(families[one] for one in category.families)})",
        )
        for category in taxonomy.categories
    ]
    return [*(("families", one, label) for one, label in families.items()), *categories]


def study_page(study: Study) -> folium.Map:
    """Return the map of a study, with its remarks and sources."""
    known = study.registers
    return study_map(
        study.sites,
        study.services,
        study.access,
        study.walks,
        notes=MapNotes(
            sources=_study_sources(study),
            remarks=_study_remarks(study),
            pack=study.pack,
            verdicts=study.verdicts,
        ),
        taxonomy=study.taxonomy,
        isochrones=study.isochrones,
        access_strict=None if study.strict is None else study.strict.access,
        profile=study.profile,
        register_remarks=None if known is None else known.remarks,
        in_register_only=frozenset() if known is None else known.only_there,
        mapped_on=study.mapped_on,
    )


def doubts_page(study: Study) -> folium.Map:
    """Return the map of what finding no service is worth, commune by commune."""
    return completeness_map(
        study.worth.completeness,
        study.worth.communes,
        taxonomy=study.taxonomy,
        notes=MapNotes(
            sources=_study_sources(study), remarks=tuple(map_dates(study.sources)), pack=None
        ),
    )


def territory_page(study: TerritoryStudy) -> folium.Map:
    """Return the map of a territory study, with its remarks and sources."""
    notes = MapNotes(
        sources=_territory_sources(study),
        remarks=(*_call_remarks(study.pack), *study.notes),
        pack=study.pack,
    )
    if len(study.communes) > MOST_COMMUNES:
        return country_map(
            study.communes,
            study.coverage,
            place=study.place,
            departements=read_departements(),
            notes=notes,
        )
    return territory_map(
        study.communes, study.coverage, place=study.place, notes=notes, former=study.former
    )


def territory_files(study: TerritoryStudy) -> dict[str, bytes]:
    """Return the content of the files of a territory study, by name, its manifest excepted."""
    communes = communes_with_coverage(study.communes, study.coverage)
    sheets = [
        Sheet(
            title="communes",
            note=" ".join([f"Les communes : {study.place}.", *_call_remarks(study.pack)]),
            frame=communes,
            table=COMMUNE_COVERAGE,
        )
    ]
    sheets += maillage_sheets(study.maillage, read_taxonomy())
    sheets += [*inventory_sheets(study.located, study.diffus), *list_sheets(study.lists)]
    sources = _territory_sources(study)
    return {
        "communes.csv": csv_bytes(communes, COMMUNE_COVERAGE),
        "territory.gpkg": gpkg_bytes(
            {"communes": communes, **home_layers(study.located)}, sources=sources
        ),
        "territory.xlsx": xlsx_bytes(sheets, title=study.place, sources=sources),
        **{
            f"{sheet.title}.csv": csv_bytes(sheet.frame, sheet.table)
            for sheet in sheets
            if sheet.title in MAILLAGE_TITLES
        },
        "map.html": html_bytes(territory_page(study)),
        **_review_files(study.review, study.sources, stem="to_review"),
    }


def geocoding_files(located: Located, *, stem: str, suffix: str) -> dict[str, bytes]:
    """
    Return the content of the files of a geocoding, by name, its manifest excepted.

    Parameters
    ----------
    located
        Sites placed.
    stem, suffix
        Name and kind (`.csv` or `.xlsx`) of the main file.
    """
    sheets = [_sites_sheet(located.sites_as_given), _requests_sheet(located.requests)]
    to_review = _review_files(located.review, located.sources, stem=f"{stem}.to_review")
    if suffix == ".xlsx":
        book = xlsx_bytes(sheets, title="Géocodage", sources=undated(located.sources))
        return {f"{stem}.xlsx": book, **to_review}
    sites, requests = sheets
    return {
        f"{stem}.csv": csv_bytes(sites.frame, sites.table),
        f"{stem}.geocoding.csv": csv_bytes(requests.frame, requests.table),
        **to_review,
    }


def _review_files(
    review: pd.DataFrame, sources: Sequence[Provenance], *, stem: str
) -> dict[str, bytes]:
    """Lay out what a person must look at: as CSV, as a workbook to fill in, as a map."""
    if review.empty:
        return {}
    known = undated(sources)
    note = "Les lignes à vérifier. Remplissez « choix », la position ou l'adresse corrigée."
    sheet = Sheet(title="to_review", note=note, frame=review, table=REVIEW)
    page = review_map(review, notes=MapNotes(sources=known, remarks=()))
    return {
        f"{stem}.csv": csv_bytes(review, REVIEW),
        f"{stem}.xlsx": xlsx_bytes([sheet], title="Lignes à vérifier", sources=known),
        f"{stem}.html": html_bytes(page),
    }


def _sites_sheet(sites: pd.DataFrame) -> Sheet:
    note = "Où est chaque projet, et ce que vaut sa position."
    return Sheet(title="sites", note=note, frame=sites, table=SITES)


def _requests_sheet(requests: pd.DataFrame) -> Sheet:
    note = "Ce qui a été demandé au géocodeur pour chaque site, et ce qu'il a répondu."
    return Sheet(title="geocoding", note=note, frame=requests, table=GEOCODING)


def undated(sources: Sequence[Provenance]) -> tuple[Provenance, ...]:
    """
    Leave out the day on which a live service was asked: it is in the manifest.

    Other files depend on their inputs alone. A layer shipped with the package keeps its
    date of retrieval, which does not change from run to run.
    """
    return tuple(
        source if source.sha256 else replace(source, retrieved_on="") for source in sources
    )


def _study_remarks(study: Study) -> tuple[str, ...]:
    profile = study.profile
    limits = (
        f"Services cherchés jusqu'à {study.options.cutoff_min:g} minutes à pied, par les voies "
        "praticables d'OpenStreetMap."
    )
    walker = f"Marche : {profile.label}, {kmh_text(profile.speed_kmh)} ({profile.reference})."
    return (
        *map_dates(study.sources),
        walker,
        *pace_remarks(profile, has_heights=bool(study.options.heights)),
        limits,
        *study.notes,
    )


def _call_remarks(pack: RulePack | None) -> list[str]:
    if pack is None:
        return []
    name = call_name(pack)
    return [f"{name[0].upper()}{name[1:]} : {pack.title} ({pack.issuer})."]


def _study_sources(study: Study) -> tuple[Provenance, ...]:
    inventory = study.options.inventory
    given = {} if inventory is None else {str(inventory): study.inputs.get(str(inventory), "")}
    call = call_sources(study.pack, study.inputs.get(study.options.call or "", ""))
    return (*undated(study.sources), *call, *inventory_sources(given))


def _territory_sources(study: TerritoryStudy) -> tuple[Provenance, ...]:
    held = "" if study.located is None else study.located.sha256
    given = {path: sha256 for path, sha256 in study.inputs.items() if sha256 == held}
    call = next((sha256 for path, sha256 in study.inputs.items() if is_pack_file(path)), "")
    return (*undated(study.sources), *call_sources(study.pack, call), *inventory_sources(given))
