"""What a result comes down to, in a few lines of French for the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import pandas as pd

from siting.calls import RulePack
from siting.labels import LABELS, counted, date_text
from siting.rule_packs import MEASURE_LABELS
from siting.sources.engine_files import LoadedEngine
from siting.sources.journal import JournalSummary
from siting.sources.local_engine import EngineStatus
from siting.sources.osm_cache import CacheSummary
from siting.study import KeptArea, Located, Study, TerritoryStudy, id_list
from siting.study.areas import STALE_DAYS
from siting.tables import CommuneCheck, GeocodeReason, GeocodeStatus, RequirementKind, Verdict

TextTable = tuple[Sequence[str], Sequence[Sequence[str]]]  # header, rows

_MAX_NOTES = 12
_NOT_REMARKS = (GeocodeReason.MATCHED, GeocodeReason.COORDINATES_GIVEN)


def study_lines(study: Study) -> Iterator[str]:
    """Yield what to know of a study: sites by status, remarks, verdicts."""
    yield from _site_lines(study.sites)
    yield from _notes(study.notes)
    if study.sector is not None:
        yield from _sector_lines(study.sector)
        return
    if study.verdicts is not None and study.pack is not None:
        yield ""
        counts = study.verdicts["verdict"].value_counts()
        title = f"Avis sur {study.pack.id} ({len(study.pack.requirements)} exigences par site)"
        yield from _counts(title, Verdict, counts)


def _sector_lines(sector: pd.DataFrame) -> Iterator[str]:
    """Yield the share of the cells that meet each requirement that is measured."""
    measured = sector[sector["share_declaratif"] < 1]
    if len(measured):
        yield ""
        yield "Part des cellules du secteur : remplie, à vérifier, non remplie"
    width = max((len(str(name)) for name in measured.index), default=0)
    for name, row in measured.iterrows():
        shares = (row["share_rempli"], row["share_a_verifier"], row["share_non_rempli"])
        yield f"  {name!s:<{width}}  " + "  ".join(f"{100 * share:3.0f} %" for share in shares)


def geocode_lines(located: Located) -> Iterator[str]:
    """Yield what to know of a geocoding: sites by status, remarks on the file."""
    yield from _site_lines(located.sites)
    yield from _notes(located.notes)


def territory_lines(study: TerritoryStudy) -> Iterator[str]:
    """Yield what to know of a territory: its communes, those flagged."""
    communes, coverage = study.communes, study.coverage
    yield f"{study.place} : {counted(len(communes), 'commune')}"
    yield f"  Petites villes de demain : {int(communes['is_pvd'].sum())}"
    listed = coverage["is_listed_unserved"].dropna()
    if len(listed) and study.pack is not None:
        yield f"  Listées non pourvues par {study.pack.id} : {int(listed.sum())}"
        for code, former in coverage["delegated_listed"].dropna().items():
            yield f"  {communes.loc[code, 'nom']} n'est listée qu'en partie : {former}"
    if study.inventory is not None:
        served = coverage["is_served"].astype("object").map({True: "oui", False: "non"})
        counts = served.fillna("indéterminé").value_counts()
        yield "  Pourvues selon l'inventaire : " + ", ".join(
            f"{answer} {counts.get(answer, 0)}" for answer in ("oui", "non", "indéterminé")
        )
    yield from _notes(study.notes)


def _site_lines(sites: pd.DataFrame) -> Iterator[str]:
    yield from _counts("Sites", GeocodeStatus, sites["geocode_status"].value_counts())
    remarks = sites.loc[~sites["geocode_reason"].isin(_NOT_REMARKS), "geocode_reason"]
    for reason, ids in remarks.groupby(remarks).groups.items():
        yield f"• {id_list(ids)} : {LABELS[GeocodeReason][GeocodeReason(reason)]}"
    outside = sites.index[sites["commune_check"] == CommuneCheck.OUTSIDE_FRANCE]
    if len(outside):
        yield f"• {id_list(outside)} : hors de toute commune française"


def _counts(title: str, closed: type[StrEnum], counts: Mapping[str, int]) -> Iterator[str]:
    """Lay counts out in the order of a closed list, with their sum."""
    shown = {LABELS[closed][member]: int(counts.get(member, 0)) for member in closed}
    width = max(map(len, shown))
    yield title
    for label, count in shown.items():
        if count:
            yield f"  {label:<{width}} {count:>6}"
    yield f"  {'total':<{width}} {sum(shown.values()):>6}"


def _notes(notes: tuple[str, ...]) -> Iterator[str]:
    for note in notes[:_MAX_NOTES]:
        yield f"• {note}"
    if len(notes) > _MAX_NOTES:
        yield f"• … et {len(notes) - _MAX_NOTES} autres remarques, dans la carte"


def pack_lines(pack: RulePack) -> Iterator[str]:
    """Yield what a call is."""
    yield f"{pack.id} : {pack.title}"
    yield f"{pack.issuer}, publié : {pack.published or 'sans date'}. {pack.source}"
    where = ", ".join(pack.departements) or "France entière"
    yield f"Territoire : {where}. Aucun avis n'est donné ailleurs."
    authors = dict.fromkeys(one.threshold_author for one in pack.requirements)
    if any(authors):
        yield f"Seuils fixés par : {' ; '.join(filter(None, authors))}."
    if pack.listed_communes:
        yield f"Communes listées ({len(pack.listed_communes)}) : {', '.join(pack.listed_communes)}"
    yield ""


def requirement_table(pack: RulePack) -> TextTable:
    """Lay the requirements of a call out: header and rows."""
    rows = [
        (
            one.id,
            LABELS[RequirementKind][one.kind],
            one.article,
            one.label,
            ", ".join(filter(None, (MEASURE_LABELS[one.measure], one.limit_text))),
            one.threshold_author,
        )
        for one in pack.requirements
    ]
    header = ("exigence", "nature", "article", "objet", "mesure et seuil", "fixé par")
    return header, rows


def checked_pack_lines(name: str, pack: RulePack | None, problems: Sequence[str]) -> Iterator[str]:
    """Yield what is wrong in a rule pack, line by line, or what it holds."""
    if pack is None:
        yield f"{name} : {counted(len(problems), 'erreur')}"
        yield from (f"  {problem}" for problem in problems)
        return
    yield f"{name} : aucune erreur."
    yield from pack_lines(pack)
    counts = Counter(one.measure for one in pack.requirements)
    yield f"Exigences : {len(pack.requirements)}"
    for measure, label in MEASURE_LABELS.items():
        if counts[measure]:
            yield f"  {label} : {counts[measure]}"


def layer_table(layers: pd.DataFrame) -> TextTable:
    """Lay the reference layers out: header and rows."""
    rows = [
        (
            str(name),
            str(layer["n_rows"]),
            layer["vintage"],
            layer["licence"],
            layer["origin"],
            "intact" if layer["is_intact"] else "ABÎMÉ",
        )
        for name, layer in layers.iterrows()
    ]
    return ("couche", "lignes", "millésime", "licence", "origine", "état"), rows


def area_lines(kept: KeptArea) -> Iterator[str]:
    """Yield what an area holds, and how old its map is."""
    yield f"Zone « {kept.name} » : {kept.folder}"
    if kept.area is None:
        yield kept.problem
        return
    area = kept.area
    yield (
        f"  {counted(area.network.n_edges, 'tronçon de rue', 'tronçons de rue')}, "
        f"{counted(len(area.services), 'service')}"
    )
    if area.own_file:
        yield f"  avec vos catégories, à redonner avec --taxonomy {area.own_file}"
    for source in area.provenance:
        day = date_text(source.data_timestamp) or "date inconnue"
        yield f"  {source.source} : état au {day}, {source.licence}"
        if source.note:
            yield f"  {source.note}"
    age_days = kept.age_days(datetime.now(UTC).date())
    if age_days is not None and age_days > STALE_DAYS:
        yield f"• Cette carte a {age_days} jours : une plus récente dit peut-être autre chose."
    if area.n_broken:
        told = ", ".join(f"{count} {kind}" for kind, count in area.n_broken.items())
        yield f"• Objets OpenStreetMap incomplets, lus autant que possible : {told}."


def area_rows(areas: pd.DataFrame) -> TextTable:
    """Lay areas out: header and rows."""
    rows = [
        (
            str(name),
            date_text(one["mapped_on"]) or "inconnue",
            "" if pd.isna(one["age_days"]) else str(one["age_days"]),
            str(one["n_streets"]),
            str(one["n_services"]),
            f"{one['size_bytes'] / 1e6:.1f}".replace(".", ","),
            one["problem"] or "utilisable",
        )
        for name, one in areas.iterrows()
    ]
    header = ("zone", "carte du", "âge (jours)", "tronçons", "services", "Mo", "état")
    return header, rows


def journal_lines(path: Path, summary: JournalSummary) -> Iterator[str]:
    """Yield what a journal of answers holds."""
    yield f"Journal : {path} ({summary.size_bytes // 1000} ko)"
    yield f"Réponses gardées : {summary.n_answers}"
    for endpoint, n_answers in summary.n_by_endpoint.items():
        yield f"  {endpoint} : {n_answers}"
    if summary.n_answers:
        yield f"De {date_text(summary.oldest)} à {date_text(summary.newest)}"
        yield "Il contient des adresses : effacez-le avec siting cache purge."


def map_cache_lines(folder: Path, summary: CacheSummary) -> Iterator[str]:
    """Yield what is kept of the map."""
    yield f"Cartes reçues d'Overpass : {folder} ({summary.size_bytes // 1000} ko)"
    yield f"Réponses gardées : {summary.n_answers}"
    if summary.n_answers:
        yield f"De {date_text(summary.oldest)} à {date_text(summary.newest)}"
        yield "Elles disent où sont vos projets : effacez-les avec siting cache purge."


def engine_lines(loaded: LoadedEngine) -> Iterator[str]:
    """Yield what a geocoder of this computer holds."""
    yield (
        f"Adresses chargées : {loaded.n_addresses} "
        f"({loaded.n_documents} voies, lieux-dits et communes)"
    )
    for file in loaded.files:
        yield f"  {file.name} : {counted(file.n_rows, 'ligne')}, du {date_text(file.modified_on)}"
        for reason, n_rows in file.left_out.items():
            yield f"    {counted(n_rows, 'ligne laissée', 'lignes laissées')} : {reason}"


def engine_status_lines(status: EngineStatus) -> Iterator[str]:
    """Yield the state of the geocoder of this computer."""
    if status.loaded is None:
        yield "Aucune adresse n'est chargée : siting geocoder load FICHIER."
    else:
        yield from engine_lines(status.loaded)
    if status.is_running:
        yield f"Il tourne : {status.url} ({status.memory_mib:.0f} Mio de mémoire)"
    else:
        yield "Il ne tourne pas."
    if status.note:
        yield f"• {status.note}"


def demo_lines(out: Path, territories: Iterable[str]) -> Iterator[str]:
    """Yield where the results of the demonstration are."""
    yield ""
    yield f"Résultats dans {out}. À ouvrir dans un navigateur :"
    yield f"  {out / 'etude' / 'map.html'} (les sites et leurs services)"
    for departement in territories:
        yield f"  {out / f'territoire-{departement}' / 'map.html'} (les communes)"
    yield f"À ouvrir dans un tableur : {out / 'etude' / 'study.xlsx'}"


def check_lines(differences: Sequence[str]) -> Iterator[str]:
    """Yield if the sample gave what it must."""
    if not differences:
        yield "L'exemple donne le résultat attendu."
        return
    yield "L'exemple ne donne PAS le résultat attendu :"
    yield from (f"  {difference}" for difference in differences)
