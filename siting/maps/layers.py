"""What the script of a study page draws: sites, services, walks, as GeoJSON with safe texts."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
import shapely

from siting.labels import counted, minutes_text
from siting.maps.isochrones import (
    ISOCHRONE_COLOUR,
    ISOCHRONE_OPACITY,
    MAX_ISOCHRONE_POINTS,
    MAX_SITES_AT_ONCE,
    limit_style,
)
from siting.maps.page import map_text, osm_link
from siting.maps.view import StudyView, commune_text, located, position_text
from siting.taxonomy import Taxonomy

MAX_MARKERS = 1_000  # beyond, sites are dots on a canvas: a browser stays quick
MAX_WALK_POINTS = 150_000  # about 3 MB of coordinates

_DECIMALS = 6  # about a decimetre
_LINK_MIN_M = 1.0  # a shorter gap between site and street cannot be seen
_MAX_SERVED = 10  # sites named in the popup of a service
_SAME_PLACE = 4  # decimals of a degree: markers nearer than about 10 m are drawn side by side

# Colours: Okabe and Ito (2008), Color Universal Design, told apart in all forms of colour
# vision; shapes, letters and dashes tell them apart in grey.
KIND_COLOURS = {"sure": "#0072B2", "review": "#F0E442", "doubt": "#D55E00", "off": "#ffffff"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyStyle:
    """How a family is drawn: its colour, and what tells it without colour (`width` in pixels)."""

    colour: str
    shape: str
    letter: str
    dash: str
    width: int


_STYLES = {
    "commerces": FamilyStyle(colour="#E69F00", shape="square", letter="C", dash="16 5", width=6),
    "transports": FamilyStyle(colour="#56B4E9", shape="circle", letter="T", dash="4 4", width=4),
    "services_publics": FamilyStyle(
        colour="#CC79A7", shape="house", letter="P", dash="12 4 3 4", width=5
    ),
    "sante_social": FamilyStyle(
        colour="#009E73", shape="hexagon", letter="S", dash="none", width=8
    ),
}
_OTHER_STYLE = FamilyStyle(colour="#ffffff", shape="square", letter="+", dash="8 8", width=3)

_FLAGS = {
    "is_pvd": "Petite ville de demain",
    "is_listed_unserved": "Listée par l'appel comme sans habitat inclusif",
}


def family_styles(taxonomy: Taxonomy) -> list[dict[str, object]]:
    """Return the French name and the style of each family, in order."""
    return [
        {"label": map_text(family.label), **asdict(_style(family.id))}
        for family in taxonomy.families
    ]


def _style(family: str) -> FamilyStyle:
    return _STYLES.get(family, _OTHER_STYLE)


def has_walks(view: StudyView) -> bool:
    """Tell if walks are few enough to be drawn."""
    return bool(shapely.get_num_coordinates(view.walks.geometry).sum() <= MAX_WALK_POINTS)


def has_isochrones(view: StudyView) -> bool:
    """Tell if there are isochrones, few enough to be drawn."""
    n_points = shapely.get_num_coordinates(view.light_isochrones.geometry).sum()
    return bool(0 < n_points <= MAX_ISOCHRONE_POINTS)


def shows_all_isochrones(view: StudyView) -> bool:
    """Tell if sites are few enough for all isochrones to be shown when the page opens."""
    sites = view.light_isochrones.index.unique(level="site_id")
    return has_isochrones(view) and len(sites) <= MAX_SITES_AT_ONCE


def study_data(view: StudyView) -> dict[str, object]:
    """Return what the script draws; texts are HTML that `map_text` made safe."""
    reached = view.nearest[view.nearest["service_id"].notna()].reset_index()
    shown = list(dict.fromkeys(reached["service_id"]))
    at = {service_id: position for position, service_id in enumerate(shown)}
    walked = has_walks(view)
    return {
        "canvas": len(view.sites) > MAX_MARKERS,
        "wide": view.tells_fitness,
        "colours": KIND_COLOURS,
        "families": family_styles(view.taxonomy),
        "sites": _collection(_site_features(view, at)),
        "services": _collection(_service_features(view, reached)),
        "walks": _collection(_walk_features(view) if walked else []),
        "links": _collection(_link_features(view) if walked else []),
        "isochrones": _isochrones(view) if has_isochrones(view) else None,
    }


def _isochrones(view: StudyView) -> dict[str, object]:
    """Return the polygons with the number of their site and the place of their time."""
    features = []
    for (site_id, minutes), shape in view.light_isochrones.geometry.items():
        properties = {"site": view.number[site_id], "level": view.times.index(minutes)}
        rings = [
            [shapely.get_coordinates(ring).tolist() for ring in (part.exterior, *part.interiors)]
            for part in shapely.get_parts(shape)
        ]
        geometry = {"type": "MultiPolygon", "coordinates": rings}
        features.append({"type": "Feature", "properties": properties, "geometry": geometry})
    return {
        "colour": ISOCHRONE_COLOUR,
        "opacity": ISOCHRONE_OPACITY,
        "limits": [asdict(limit_style(level)) for level in range(len(view.times))],
        "features": features,
    }


def _collection(features: Sequence[Mapping[str, object]]) -> dict[str, object]:
    return {"type": "FeatureCollection", "features": list(features)}


def _feature(kind: str, coordinates: object, properties: Mapping[str, object]) -> dict[str, object]:
    geometry = None
    if coordinates is not None:
        rounded = np.round(np.asarray(coordinates, dtype=np.float64), _DECIMALS)
        geometry = {"type": kind, "coordinates": rounded.tolist()}
    return {"type": "Feature", "properties": dict(properties), "geometry": geometry}


def _site_features(view: StudyView, at: Mapping[str, int]) -> list[dict[str, object]]:
    """Return one point per located site; `shift` counts the sites before it at the same place."""
    features = []
    placed = view.sites.geometry[located(view.sites)]
    places = shapely.get_coordinates(placed)
    kinds = view.kinds.to_dict()
    shift = pd.DataFrame(places.round(_SAME_PLACE)).groupby([0, 1]).cumcount().tolist()
    for site_id, place, before in zip(placed.index, places, shift, strict=True):
        near = [view.nearest_service(site_id, family) for family in view.families]
        properties = {
            "number": view.number[site_id],
            "label": map_text(view.label[site_id]),
            "kind": kinds[site_id],
            "shift": before,
            "rows": [[map_text(name), map_text(cell)] for name, cell in _site_rows(view, site_id)],
            "id": map_text(site_id),
            "verdicts": [
                [map_text(name), map_text(cell)] for name, cell in _verdict_rows(view, site_id)
            ],
            "near": [
                [at.get(one.service_id, -1), map_text(view.walk_in_full(site_id, family))]
                for family, one in zip(view.families, near, strict=True)
            ],
        }
        features.append(_feature("Point", place, properties))
    return features


def _site_rows(view: StudyView, site_id: Hashable) -> list[tuple[str, str]]:
    site = view.record[site_id]
    rows = [("Commune", commune_text(site)), ("Position", position_text(site))]
    if isinstance(site["address"], str):
        rows.insert(0, ("Adresse", site["address"]))
    flags = [(words, site[name]) for name, words in _FLAGS.items() if pd.notna(site[name])]
    rows += [(words, "oui" if flag else "non") for words, flag in flags]
    return [*rows, (view.area_header, view.reached_area(site_id))] if view.times else rows


def _verdict_rows(view: StudyView, site_id: Hashable) -> list[tuple[str, str]]:
    """Word the verdicts on near services, with their thresholds."""
    return [
        (
            f"Avis, {one.label}",
            f"{view.verdict_word(site_id, one)} (seuil : {minutes_text(one.threshold_min or 0)})",
        )
        for one in view.near_requirements
    ]


def _service_features(view: StudyView, reached: pd.DataFrame) -> list[dict[str, object]]:
    """Return one feature per nearest service, where the first walk to it ends."""
    places = _service_places(view)
    features = []
    for service_id, rows in reached.groupby("service_id", sort=False):
        first = (rows["site_id"].iloc[0], rows["family"].iloc[0])
        properties = {
            "name": map_text(view.near[first].service),
            "link": map_text(osm_link(str(service_id))),
            "alone": service_id in view.in_register_only,
            "source": map_text(" ".join(filter(None, _known_from(view, service_id)))),
            "families": sorted({view.families.index(family) for family in rows["family"]}),
            "sites": [map_text(text) for text in _served_sites(view, rows)],
        }
        features.append(_feature("Point", places.get(service_id), properties))
    return features


def _known_from(view: StudyView, service_id: Hashable) -> Iterator[str]:
    """Tell where a service is known from, and if that is old, in sentences; some are empty."""
    remark = view.register_remark(service_id)
    if service_id in view.in_register_only:
        source = view.services.loc[service_id, "source"]
        yield f"Registre seulement, absent de la carte. Source : {source}."
    elif remark:
        yield f"{remark[0].upper()}{remark[1:]}."
    yield view.confirm_text(service_id)


def _service_places(view: StudyView) -> dict[Hashable, object]:
    """Return a point of each service: the end of a walk, else a point of its geometry."""
    shapes = view.services.geometry[located(view.services)]
    inside = shapely.get_coordinates(shapes.representative_point())
    places: dict[Hashable, object] = dict(zip(shapes.index, inside.tolist(), strict=True))
    ends = shapely.get_coordinates(shapely.get_point(view.walks.geometry.to_numpy(), -1))
    places.update(zip(view.walks["service_id"], ends.tolist(), strict=True))
    return places


def _served_sites(view: StudyView, rows: pd.DataFrame) -> list[str]:
    """Word the walk from each site that a service is the nearest of, by number of site."""
    pairs = sorted(
        zip(rows["site_id"], rows["family"], strict=True), key=lambda pair: view.number[pair[0]]
    )
    texts = list(
        dict.fromkeys(f"Site {view.named(pair[0])} : {view.near[pair].walk}" for pair in pairs)
    )
    left_out = len(texts) - _MAX_SERVED
    if left_out > 0:
        texts[_MAX_SERVED:] = [f"et {counted(left_out, 'autre site', 'autres sites')}"]
    return texts


def _walk_features(view: StudyView) -> list[dict[str, object]]:
    """Return the walks, wide lines first: walks that share a street all stay visible."""
    features = []
    for family in sorted(view.families, key=lambda one: _style(one).width, reverse=True):
        lines = view.walks.geometry[view.walks.index.get_level_values("family") == family]
        for (site_id, _), line in lines.items():
            near = view.nearest_service(site_id, family)
            properties = {
                "family": view.families.index(family),
                "text": map_text(f"Site {view.number[site_id]} → {near.sentence}"),
            }
            features.append(_feature("LineString", shapely.get_coordinates(line), properties))
    return features


def _link_features(view: StudyView) -> list[dict[str, object]]:
    """Return the straight line from each site to the street where its walks start."""
    snap_m = view.access["snap_m"].groupby(level="site_id").first()
    first = view.walks.geometry.groupby(level="site_id").first()
    features = []
    for site_id, line in first.items():
        if not snap_m.get(site_id, 0.0) >= _LINK_MIN_M:
            continue
        walk = shapely.get_coordinates(line)
        site = shapely.get_coordinates(view.sites.geometry[site_id])[0]
        starts_at_site = np.allclose(walk[0], site, atol=1e-6, rtol=0)
        features.append(_feature("LineString", [site, walk[1 if starts_at_site else 0]], {}))
    return features
