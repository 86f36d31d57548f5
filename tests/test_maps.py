"""Map pages: what a reader sees, and that no text of others can run in them."""

from __future__ import annotations

import functools
import hashlib
import html
import itertools
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from conftest import points
from hypothesis import given, settings
from hypothesis import strategies as st

from siting import export
from siting.errors import CrsError, DataError
from siting.graph import walk_graph
from siting.maps import MapNotes, map_text, study_map, territory_map
from siting.maps.isochrones import (
    MAX_ISOCHRONE_POINTS,
    MAX_SITES_AT_ONCE,
    legend_opacity,
    light_isochrones,
)
from siting.maps.layers import MAX_MARKERS
from siting.maps.page import osm_link, script_json
from siting.maps.territory import simplified
from siting.maps.view import nearest_by_family
from siting.network import WalkNetwork
from siting.provenance import Provenance
from siting.reached import REACH_M, isochrones
from siting.selectors import Condition, Selector
from siting.tables import ACCESS, COMMUNES, COVERAGE, ISOCHRONES, SERVICES, SITES, WALKS
from siting.taxonomy import Category, Family, Taxonomy
from siting.walkers import walk_profile

BREAD = (Selector((Condition("shop", frozenset({"bakery"})),)),)
TAXONOMY = Taxonomy(
    families=(Family("commerces", "Commerces"), Family("sante_social", "Santé et social")),
    categories=(
        Category(
            id="boulangerie",
            label="Boulangerie",
            families=("commerces",),
            counts_for=("commerces",),
            selectors=BREAD,
        ),
        Category(
            id="pharmacie",
            label="Pharmacie",
            families=("commerces", "sante_social"),
            counts_for=("commerces", "sante_social"),
            selectors=BREAD,
        ),
        Category(id="banque", label="Banque", families=("commerces",), selectors=BREAD),
    ),
)
NOTES = MapNotes(
    sources=(
        Provenance(
            source="OpenStreetMap",
            licence="ODbL 1.0",
            attribution="© les contributeurs d'OpenStreetMap",
            data_timestamp="2023-12-25",
            retrieved_on="2026-01-02",
        ),
    ),
    remarks=("Marcheur : personne âgée, 2,88 km/h.",),
)
PAYLOADS = [
    '<img src=x onerror="globalThis.pwned=1">',
    "</script><script>globalThis.pwned=1</script>",
    "${globalThis.pwned=1}",
    "`;globalThis.pwned=1;`",
    "';globalThis.pwned=1;//",
    '";globalThis.pwned=1;//',
    "\\u003cimg src=x onerror=globalThis.pwned=1\\u003e",
    "{{ 7*7 }}{% raw %}{# x",
    "--><svg/onload=globalThis.pwned=1>",
    "javascript:globalThis.pwned=1",
    "\u2028globalThis.pwned=1\x00",
]
HERE = shapely.Point(2.0, 48.0)


def a_study(
    text: str = "",
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame, pd.DataFrame, gpd.GeoDataFrame]:
    """Four sites (sure, to review, off the network, without position), two services, two walks."""
    ids = [f"s{at}{text}" for at in range(1, 5)]
    sites = gpd.GeoDataFrame(
        {
            "site_id": ids,
            "label": [f"L'Œillet{text}", f"Deux{text}", f"Trois{text}", f"Quatre{text}"],
            "address": f"1 rue A{text}",
            "geocode_status": ["ok", "review", "provided", "skipped"],
            "geocode_reason": ["MATCHED", "LOW_SCORE", "COORDINATES_GIVEN", "OFFLINE"],
            "geocode_precision": "housenumber",
            "geocode_score": [0.9, 0.5, None, None],
            "matched_label": f"1 Rue A{text}",
            "code_insee": f"06012{text}",
            "commune": f"Beausoleil{text}",
            "commune_check": ["same", "different", "undeclared", "undeclared"],
            "is_pvd": [True, False, None, None],
            "is_listed_unserved": [None, True, None, None],
        },
        geometry=[HERE, HERE, shapely.Point(2.1, 48.0), None],
        crs=4326,
    )
    services = gpd.GeoDataFrame(
        {
            "service_id": [f"node/1{text}", "way/2"],
            "categories": f"boulangerie{text}",
            "name": [f"Au bon pain{text}", None],
            "merged_ids": text or None,
            "source": f"OpenStreetMap{text}",
            "observed_on": "2023-01-01",
            "observed_by": "edited",
            "wheelchair": "unknown",
        },
        geometry=[shapely.Point(2.005, 48.0), shapely.box(2.0, 48.01, 2.001, 48.011)],
        crs=4326,
    )
    families = {
        "boulangerie": "commerces",
        "pharmacie": "commerces;sante_social",
        "banque": "commerces",
    }
    rows = [
        (number, site_id, category, rank, families[category])
        for number, site_id in enumerate(ids, start=1)
        for category in families
        for rank in (1, 2, 3)
    ]
    access = pd.DataFrame(rows, columns=["n", "site_id", "category", "rank", "families"])
    access = access.assign(
        service_id=None,
        service_name=None,
        walk_m=np.nan,
        line_m=np.nan,
        walk_min=np.nan,
        snap_m=[{1: 12.0, 2: 0.0, 3: 900.0}.get(n, np.nan) for n in access["n"]],
        access_status=[
            {3: "off_network", 4: "no_location"}.get(n, "no_service") for n in access["n"]
        ],
        edge_limited=False,
        fit_m=np.nan,
        unfit_m=np.nan,
        unknown_m=np.nan,
    )
    reached = [
        ("boulangerie", f"node/1{text}", f"Au bon pain{text}", 1234.4, 25.71),
        ("pharmacie", "way/2", None, 420.0, 8.75),
        ("banque", "way/2", "Banque", 10.0, 0.2),  # nearest, but does not count for the family
    ]
    for category, service_id, name, walk_m, walk_min in reached:
        row = (access["n"] == 1) & (access["category"] == category) & (access["rank"] == 1)
        access.loc[row, ["service_id", "service_name"]] = [service_id, name]
        access.loc[row, ["walk_m", "line_m", "walk_min"]] = [walk_m, walk_m, walk_min]
        access.loc[row, "access_status"] = "reached"
        access.loc[row, "edge_limited"] = category == "pharmacie"
        access.loc[row, ["fit_m", "unfit_m", "unknown_m"]] = [walk_m - 170, 0.0, 170.0]
    access.loc[access["category"] == "banque", ["fit_m", "unknown_m"]] = [0.0, 10.0]
    walks = gpd.GeoDataFrame(
        {
            "site_id": ids[0],
            "family": ["commerces", "sante_social"],
            "category": ["pharmacie", "pharmacie"],
            "service_id": "way/2",
            "service_name": None,
            "walk_m": 420.0,
            "walk_min": 8.75,
        },
        geometry=[shapely.LineString([HERE, (2.0, 48.0001), (2.0005, 48.01)])] * 2,
        crs=4326,
    )
    return (
        gpd.GeoDataFrame(SITES.conform(sites)),
        gpd.GeoDataFrame(SERVICES.conform(services)),
        ACCESS.conform(access.drop(columns="n")),
        gpd.GeoDataFrame(WALKS.conform(walks)),
    )


def a_territory(text: str = "") -> tuple[gpd.GeoDataFrame, pd.DataFrame]:
    """Four square communes in a row, and a coverage without anything."""
    codes = [f"9300{at}{text}" for at in range(1, 5)]
    communes = gpd.GeoDataFrame(
        {
            "code_insee": codes,
            "nom": [f"L'Île{text}", f"Bondy{text}", f"Saint-Denis{text}", f"Zed{text}"],
            "code_dep": "93",
            "code_epci": text or None,
            "population": [1000, 2000, 30000, None],
            "population_65": [100, 400, None, None],
            "is_pvd": [True, False, False, None],
            "pvd_on": ["2021-01-01", None, None, None],
            "vintage": f"COG 2026{text}",
        },
        geometry=[
            shapely.MultiPolygon([shapely.box(2 + at / 10, 48, 2.1 + at / 10, 48.1)])
            for at in range(4)
        ],
        crs=4326,
    )
    coverage = pd.DataFrame(dict.fromkeys(COVERAGE.column_names), index=codes)
    coverage.index.name = "code_insee"
    return gpd.GeoDataFrame(COMMUNES.conform(communes)), COVERAGE.conform(coverage)


def study_page(text: str = "") -> str:
    notes = NOTES
    if text:
        source = Provenance(source=text, licence=text, attribution=text, note=text)
        notes = MapNotes(sources=(source,), remarks=(text,))
    return export.html_bytes(study_map(*a_study(text), notes=notes, taxonomy=TAXONOMY)).decode()


def around(place: shapely.Point, half_deg: float) -> shapely.MultiPolygon:
    """Return a square."""
    square = place.buffer(half_deg, cap_style="square")
    return shapely.MultiPolygon([square])


def a_reach(text: str = "") -> gpd.GeoDataFrame:
    """Isochrones of the first site, empty ones of the third and fourth, none of the second."""
    index = pd.MultiIndex.from_product(
        [[f"s1{text}", f"s3{text}", f"s4{text}"], [15, 5, 10]], names=["site_id", "minutes"]
    )
    shapes = [around(HERE, half) for half in (0.006, 0.002, 0.004)] + [shapely.MultiPolygon()] * 6
    areas = [12_502_600.0, 31_400.0, 125_600.0] + [0.0] * 6
    layer = gpd.GeoDataFrame({"area_m2": areas}, geometry=shapes, index=index, crs=4326)
    return gpd.GeoDataFrame(ISOCHRONES.conform(layer))


def strictly(access: pd.DataFrame, text: str = "", **changes: object) -> pd.DataFrame:
    """Measure again by ways known to be fit: to the pharmacy there is no walk, or as `changes`."""
    row = (f"s1{text}", "pharmacie", 1)
    nothing = dict.fromkeys(["service_id", "service_name"]) | dict.fromkeys(
        ["walk_m", "line_m", "walk_min", "fit_m", "unfit_m", "unknown_m"], np.nan
    )
    strict = access.copy()
    for name, value in {**nothing, "access_status": "no_path", **changes}.items():
        strict.loc[row, name] = value
    strict.loc[:, "edge_limited"] = False
    others = strict.index.get_level_values("category") != "pharmacie"
    strict.loc[others & (strict["access_status"] == "reached"), "access_status"] = "no_path"
    strict.loc[strict["access_status"] != "reached", list(nothing)] = [None] * 2 + [np.nan] * 6
    return ACCESS.conform(strict)


def wheelchair_page(text: str = "", **changes: object) -> str:
    """Return the page of someone in a wheelchair, with all that it may hold."""
    tables = a_study(text)
    page = study_map(
        *tables,
        notes=NOTES,
        taxonomy=TAXONOMY,
        isochrones=a_reach(text),
        access_strict=strictly(tables[2], text, **changes),
        profile=walk_profile("fauteuil"),
    )
    return export.html_bytes(page).decode()


def reach_page(reach: gpd.GeoDataFrame) -> str:
    """Return the page of the sites of `a_study` with isochrones, and nothing of wheelchairs."""
    page = study_map(*a_study(), notes=NOTES, taxonomy=TAXONOMY, isochrones=reach)
    return export.html_bytes(page).decode()


def territory_page(text: str = "", **columns: object) -> str:
    communes, coverage = a_territory(text)
    coverage = COVERAGE.conform(coverage.assign(**columns))
    notes = MapNotes(sources=NOTES.sources, remarks=(text,) if text else ())
    page = territory_map(communes, coverage, place=f"Seine-Saint-Denis{text}", notes=notes)
    return export.html_bytes(page).decode()


class Reader(HTMLParser):
    """What a page holds for its reader: tags, attributes, texts outside of scripts, scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.text = ""
        self._inside = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag

    def handle_endtag(self, _tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            if self.tags[-1][1].get("id") != "siting-leaflet":  # as it is published
                self.scripts.append(data)
        elif self._inside != "style":
            self.text += data


def drawn_data(page: str) -> dict[str, object]:
    """Decode the data of the page's script."""
    found = re.search(r"var data = (\{.*\});$", page, re.MULTILINE)
    assert found
    return json.loads(found.group(1))


def plain(text: str) -> str:
    """Return a text with ordinary spaces instead of those that no line end replaces."""
    return text.replace("\N{NO-BREAK SPACE}", " ")


def seen(text: str) -> str:
    """Return what a browser shows of a piece of HTML."""
    return Reader(text).text


def cells_of_all(page: str) -> list[list[str]]:
    """Return the cells of all sites in the table."""
    rows = re.findall(r"<tr><td>\d+</td>.*?</tr>", page)
    return [
        [plain(seen(cell)) for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row)]
        for row in rows
    ]


def cells_of(page: str) -> list[str]:
    """Return the cells of the first site in the table; the families come sixth."""
    return cells_of_all(page)[0]


def strings(data: object) -> list[str]:
    if isinstance(data, str):
        return [data]
    if isinstance(data, dict):
        return [one for value in data.values() for one in strings(value)]
    if isinstance(data, list):
        return [one for value in data for one in strings(value)]
    return []


class TestMapText:
    def test_each_dangerous_character_is_an_entity(self) -> None:
        assert map_text("<a b=\"c\" d='e'>&`$\\{}") == (
            "&lt;a b=&quot;c&quot; d=&#x27;e&#x27;&gt;&amp;&#96;&#36;&#92;&#123;&#125;"
        )
        assert map_text("a\x00b\x0b\u2028c\x7f") == "a b  c "
        assert map_text(None) == ""
        assert map_text("x" * 600) == "x" * 500
        assert map_text("&" * 600) == "&amp;" * 500  # cut before escaping: no half entity

    @given(st.text())
    def test_any_text_reads_back(self, text: str) -> None:
        safe = map_text(text)
        assert not set(safe) & set("<>\"'`$\\{}")
        shown = re.sub("[\x00-\x08\x0b-\x1f\x7f\u2028\u2029]", " ", text[:500])
        assert html.unescape(safe) == shown

    def test_numbers_that_json_has_not_are_refused(self) -> None:
        with pytest.raises(ValueError, match="JSON"):
            script_json({"walk_m": float("nan")})

    def test_links_go_to_openstreetmap_only(self) -> None:
        assert osm_link("node/123") == "https://www.openstreetmap.org/node/123"
        for other in ("javascript:alert(1)", "node/1/../..", "node/1\n", "user/1", ""):
            assert osm_link(other) == ""


class TestStudyMap:
    def test_title_says_what_positions_are_worth(self) -> None:
        title = (
            "4 sites\N{NO-BREAK SPACE}: 2 mesurés (dont 1 à vérifier), 1 trop loin de toute rue, "
            "1 sans position"
        )
        page = study_page()
        assert f"<h1>{title}</h1>" in page
        assert f"<title>{title}</title>" in page

    def test_a_site_in_another_commune_than_declared_is_to_be_checked(self) -> None:
        sites, services, access, walks = a_study()
        sites["commune_check"] = ["different", "same", "undeclared", "undeclared"]
        page = study_map(sites, services, access, walks, notes=NOTES, taxonomy=TAXONOMY)
        text = plain(export.html_bytes(page).decode())
        assert "<h1>4 sites : 2 mesurés (dont 2 à vérifier)," in text
        kinds = [f["properties"]["kind"] for f in drawn_data(text)["sites"]["features"]]
        assert kinds == ["review", "review", "off"]

    def test_reader_finds_legend_credits_dates_and_walker(self) -> None:
        text = plain(Reader(study_page()).text)
        for words in (
            "Commerces",
            "Santé et social",
            "Marcheur : personne âgée, 2,88 km/h.",
            "OpenStreetMap — © les contributeurs d'OpenStreetMap — ODbL 1.0",
            "état des données : 25 décembre 2023",
            "* Un service plus proche peut exister hors des données étudiées.",
            "3. Trois (s3) : trop loin de toute rue",
            "4. Quatre (s4) : adresse non cherchée",
        ):
            assert words in text
        assert "2026-01-02" not in text
        credit = (
            "© les contributeurs d&#x27;OpenStreetMap, ODbL ; adresses : Base Adresse Nationale"
        )
        assert f'addAttribution("{credit}' in study_page()

    def test_table_says_the_same(self) -> None:
        page = study_page()
        text = plain(Reader(page).text)
        walk = "Pharmacie : 420 m, 8,8 min *"  # 8.75 to the tenth
        assert text.count(walk) == 2  # both families
        assert "aucun service de ce type dans les données" in text
        assert text.count("le site est trop loin de toute rue cartographiée") == 2
        assert text.count("site sans position") == 2
        tags = Reader(page).tags
        assert sum(tag == "tr" for tag, _ in tags) == 5
        assert [attrs["data-key"] for tag, attrs in tags if tag == "button"] == ["1", "2", "3"]
        assert sum(attrs.get("scope") == "row" for _, attrs in tags) == 4

    def test_sites_are_drawn_with_their_kind_side_by_side(self) -> None:
        features = drawn_data(study_page())["sites"]["features"]
        drawn = [(f["properties"]["number"], f["properties"]["kind"]) for f in features]
        assert drawn == [(1, "sure"), (2, "review"), (3, "off")]
        assert [f["properties"]["shift"] for f in features] == [0, 1, 0]
        assert features[0]["geometry"] == {"type": "Point", "coordinates": [2.0, 48.0]}
        rows = [[seen(cell) for cell in row] for row in features[1]["properties"]["rows"]]
        assert ["Commune", "Beausoleil, 06012, autre commune que celle déclarée"] in rows
        assert ["Petite ville de demain", "non"] in rows
        assert ["Listée par l'appel comme sans habitat inclusif", "oui"] in rows
        assert not [
            r for r in features[2]["properties"]["rows"] if r[0] == "Petite ville de demain"
        ]

    def test_services_that_count_are_drawn_once_where_the_walk_ends(self) -> None:
        (service,) = drawn_data(study_page())["services"]["features"]
        assert service["geometry"]["coordinates"] == [2.0005, 48.01]
        assert service["properties"]["families"] == [0, 1]
        assert service["properties"]["name"] == "Pharmacie"  # it has no name of its own
        assert service["properties"]["link"] == "https://www.openstreetmap.org/way/2"
        (walk,) = service["properties"]["sites"]
        assert seen(walk) == "Site 1. L'Œillet (s1) : 420 m, 8,8 min *"

    def test_walks_and_the_line_from_site_to_street(self) -> None:
        data = drawn_data(study_page())
        lines = [f["geometry"]["coordinates"] for f in data["walks"]["features"]]
        assert lines == [[[2.0, 48.0], [2.0, 48.0001], [2.0005, 48.01]]] * 2
        (link,) = data["links"]["features"]
        assert link["geometry"]["coordinates"] == [[2.0, 48.0], [2.0, 48.0001]]

    def test_without_basemap_no_tile_is_asked(self) -> None:
        page = study_map(
            *a_study(), notes=MapNotes(sources=(), has_basemap=False), taxonomy=TAXONOMY
        )
        text = export.html_bytes(page).decode()
        assert "data.geopf.fr" not in text
        assert "data.geopf.fr/wmts" in study_page()

    def test_nothing_is_loaded_but_the_base_map(self) -> None:
        """Leaflet is in the page, before what draws; pictures come from the base map alone."""
        page = study_page()
        tags = Reader(page).tags
        loaded = [a.get("src") or a.get("href") for tag, a in tags if tag in ("script", "link")]
        assert [one for one in loaded if one] == []
        assert "Leaflet 1.9.4" in page
        assert page.index("siting-leaflet") < page.index("L.map(")
        assert "url(images/" not in page
        (policy,) = (
            a["content"] for _, a in tags if a.get("http-equiv") == "Content-Security-Policy"
        )
        assert set(re.findall(r"https?://[^ ;]+", str(policy))) == {"https://data.geopf.fr"}

    def test_what_is_vendored_is_what_was_published(self) -> None:
        folder = Path(export.__file__).parents[1] / "maps" / "templates" / "vendor"
        told = re.findall(
            r"^\| `(\S+)` .* `([0-9a-f]{64})` \|$",
            (folder / "README.md").read_text(encoding="utf-8"),
            re.MULTILINE,
        )
        assert {name for name, _ in told} == {"leaflet.js", "leaflet.css"}
        for name, digest in told:
            assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest

    def test_missing_geometries_are_left_out(self) -> None:
        sites, services, access, walks = a_study()
        none = gpd.GeoSeries([None, None], crs=4326)
        page = study_map(
            sites,
            services.set_geometry(none.set_axis(services.index)),
            access,
            walks.set_geometry(none.set_axis(walks.index)),
            notes=NOTES,
            taxonomy=TAXONOMY,
        )
        data = drawn_data(export.html_bytes(page).decode())
        assert data["walks"]["features"] == []
        assert [f["geometry"] for f in data["services"]["features"]] == [None]

    def test_same_tables_same_page(self) -> None:
        assert study_page() == study_page()
        assert territory_page() == territory_page()

    def test_empty_tables_make_a_page(self) -> None:
        page = study_map(
            *(table.empty() for table in (SITES, SERVICES, ACCESS, WALKS)),
            notes=NOTES,
            taxonomy=TAXONOMY,
        )
        assert "Aucun site étudié" in export.html_bytes(page).decode()

    def test_inputs_are_unchanged(self) -> None:
        tables = a_study()
        study_map(*tables, notes=NOTES, taxonomy=TAXONOMY)
        for table, same in zip(tables, a_study(), strict=True):
            pd.testing.assert_frame_equal(table, same)

    def test_wrong_tables_are_refused(self) -> None:
        sites, services, access, walks = a_study()
        with pytest.raises(DataError, match="missing columns"):
            study_map(
                sites.drop(columns="label"), services, access, walks, notes=NOTES, taxonomy=TAXONOMY
            )
        with pytest.raises(CrsError):
            study_map(sites.to_crs(2154), services, access, walks, notes=NOTES, taxonomy=TAXONOMY)

    def test_ten_thousand_sites_stay_light(self) -> None:
        n = 10_000
        one, services, access, walks = a_study()
        sites = one.iloc[[0] * n].set_axis(
            pd.Index([f"s{at}" for at in range(1, n + 1)], name="site_id")
        )
        first = access.xs("s1", level="site_id")
        first = first[first.index.get_level_values("rank") == 1].reset_index()
        many = pd.concat([first] * n, ignore_index=True)
        many["site_id"] = np.repeat(sites.index.to_numpy(), len(first))
        page = export.html_bytes(
            study_map(sites, services, many, walks.iloc[:0], notes=NOTES, taxonomy=TAXONOMY)
        )
        assert len(page) < 10_000_000
        text = page.decode()
        assert n > MAX_MARKERS
        assert "Les services ne sont pas dessinés" in text
        caption = "Les 200 premières lignes sont montrées ; toutes les 10 000"
        assert caption in plain(text)


class TestIsochrones:
    def test_legend_says_what_they_are(self) -> None:
        reader = Reader(reach_page(a_reach()))
        text = plain(reader.text)
        assert "À pied en 5, 10, 15 min" in text
        assert (
            "Les lieux dont la rue la plus proche est atteinte à pied dans ce temps, "
            f"à {REACH_M:g} m au plus de cette rue."
        ) in text
        swatches = [
            (attrs["stroke-dasharray"], float(attrs["fill-opacity"] or 0))
            for tag, attrs in reader.tags
            if tag == "rect" and attrs.get("fill-opacity")
        ]
        assert [f"{minutes} min au plus" in text for minutes in (5, 10, 15)] == [True] * 3
        assert len({dash for dash, _ in swatches}) == 3  # told apart without colour
        assert [opacity for _, opacity in swatches] == [0.407, 0.294, 0.16]

    def test_the_legend_has_the_shade_of_the_layers_on_the_map(self) -> None:
        # 16 %, then 16 % of the 84 % that is left, then 16 % of the 70.56 % that is left
        assert legend_opacity(2, 3) == 0.16
        assert legend_opacity(1, 3) == round(0.16 + 0.16 * 0.84, 3)
        assert legend_opacity(0, 3) == round(0.16 + 0.16 * 0.84 + 0.16 * 0.7056, 3)

    def test_empty_polygons_are_not_drawn(self) -> None:
        features = drawn_data(reach_page(a_reach()))["isochrones"]["features"]
        drawn = [(f["properties"]["site"], f["properties"]["level"]) for f in features]
        assert drawn == [(1, 0), (1, 1), (1, 2)]
        widths = [shapely.geometry.shape(f["geometry"]).bounds[2] for f in features]
        assert widths == [2.002, 2.004, 2.006]

    def test_table_and_popup_give_the_areas(self) -> None:
        page = reach_page(a_reach())
        text = plain(Reader(page).text)
        assert "Surface atteinte à pied (5 / 10 / 15 min)" in text
        areas = "3,1 ha / 12,6 ha / 1 250,3 ha"
        assert text.count(areas) == 1
        assert [cells[-1] for cells in cells_of_all(page)] == [areas, "—", "—", "—"]
        rows = drawn_data(page)["sites"]["features"][0]["properties"]["rows"]
        assert ["Surface atteinte à pied (5 / 10 / 15 min)", areas] == [plain(s) for s in rows[-1]]

    def test_nothing_reached_is_said(self) -> None:
        reach = a_reach().rename(index={"s3": "s2"}, level="site_id")
        assert cells_of_all(reach_page(reach))[1][-1] == "aucune"
        reach.loc[("s2", 15), "area_m2"] = 8_000.0
        assert cells_of_all(reach_page(reach))[1][-1] == "aucune / aucune / 0,8 ha"

    def test_without_them_the_page_is_silent(self) -> None:
        page = study_page()
        assert drawn_data(page)["isochrones"] is None
        text = Reader(page).text
        assert "À pied en" not in text
        assert "Surface" not in text
        assert not [tag for tag, _ in Reader(page).tags if tag == "input"]

    def test_those_of_other_sites_are_left_out(self) -> None:
        page = reach_page(a_reach().rename(index={"s1": "elsewhere"}, level="site_id"))
        assert drawn_data(page)["isochrones"] is None
        assert not [tag for tag, _ in Reader(page).tags if tag == "input"]

    @pytest.mark.parametrize(
        ("n_sites", "shown"), [(MAX_SITES_AT_ONCE, "all"), (MAX_SITES_AT_ONCE + 1, "one")]
    )
    def test_all_are_shown_when_the_page_opens_if_sites_are_few(
        self, n_sites: int, shown: str
    ) -> None:
        ids = pd.Index([f"n{number}" for number in range(n_sites)], name="site_id")
        sites = a_study()[0].iloc[[0] * n_sites].set_axis(ids)
        reach = pd.concat([a_reach().loc[["s1"]].rename(index={"s1": one}) for one in ids])
        none = (table.empty() for table in (SERVICES, ACCESS, WALKS))
        made = study_map(
            sites, *none, notes=NOTES, taxonomy=TAXONOMY, isochrones=gpd.GeoDataFrame(reach)
        )
        page = export.html_bytes(made).decode()
        radios = [attrs for tag, attrs in Reader(page).tags if tag == "input"]
        assert [attrs["type"] for attrs in radios] == ["radio"] * 3  # arrow keys choose
        assert [attrs["value"] for attrs in radios if "checked" in attrs] == [shown]
        (fieldset,) = [attrs for tag, attrs in Reader(page).tags if tag == "fieldset"]
        assert "hidden" in fieldset  # the script shows it: without script it would do nothing
        view = re.search(r"sitingMap.fitBounds\(\[\[([\d.]+),([\d.]+)\]", page)
        assert view
        south, west = (47.994, 1.994) if shown == "all" else (48.0, 2.0)
        assert [float(one) for one in view.groups()] == pytest.approx([south, west])

    def test_too_many_points_are_left_out_and_said(self) -> None:
        n_teeth = MAX_ISOCHRONE_POINTS // 2 + 1
        turn = np.linspace(0, 2 * np.pi, 2 * n_teeth, endpoint=False)
        radius = 0.5 + np.tile([0.0, 0.0003], n_teeth)  # teeth of about 30 m
        star = shapely.Polygon(
            np.column_stack([2 + radius * np.cos(turn), 48 + radius * np.sin(turn)])
        )
        index = pd.MultiIndex.from_tuples([("s1", 5), ("s2", 5)], names=["site_id", "minutes"])
        shapes = [shapely.MultiPolygon([star]), around(HERE, 0.002)]
        reach = gpd.GeoDataFrame({"area_m2": 1e6}, geometry=shapes, index=index, crs=4326)
        light = light_isochrones(gpd.GeoDataFrame(ISOCHRONES.conform(reach)))
        assert list(light.index) == [("s1", 5)]  # the others are not even simplified
        page = reach_page(reach)
        assert drawn_data(page)["isochrones"] is None
        text = plain(Reader(page).text)
        assert (
            "Les zones atteintes à pied ne sont pas dessinées (plus de 150 000 points) : "
            "elles sont dans study.gpkg."
        ) in text
        assert "100,0 ha" in text  # the table has them
        assert "À pied en" not in text

    def test_lighter_ones_are_still_nested(self, village: WalkNetwork) -> None:
        sites = points({"a": (210.0, 230.0), "b": (20.0, 700.0), "c": None}, "site_id")
        graph = walk_graph(village, walk_profile("senior"))
        reach = isochrones(sites, graph, minutes=(2, 4, 6))
        light = light_isochrones(reach)
        assert list(light.index) == [(site, minutes) for site in "ab" for minutes in (2, 4, 6)]
        drawn = reach.loc[light.index]
        pd.testing.assert_series_equal(light["area_m2"], drawn["area_m2"])
        n_points, n_before = (
            shapely.get_num_coordinates(layer.geometry).sum() for layer in (light, drawn)
        )
        assert n_points < n_before / 2
        for site in "ab":
            shapes = light.geometry[site].to_numpy()
            assert shapely.covers(shapes[1:], shapes[:-1]).all()
        metric = [layer.to_crs(village.crs).geometry for layer in (light, drawn)]
        assert metric[0].area.to_numpy() == pytest.approx(metric[1].area.to_numpy(), rel=0.02)
        assert metric[0].hausdorff_distance(metric[1]).max() < 5

    @settings(max_examples=40, deadline=None)
    @given(
        st.lists(
            st.tuples(st.integers(0, 200), st.integers(0, 200), st.integers(5, 60)),
            min_size=3,
            max_size=9,
        )
    )
    def test_any_nested_polygons_stay_nested(self, discs: list[tuple[int, int, int]]) -> None:
        circles = [
            shapely.Point(2 + x * 1e-5, 48 + y * 1e-5).buffer(radius * 1e-5)
            for x, y, radius in discs
        ]
        shapes = [shapely.union_all(circles[:n]) for n in (1, 2, len(circles))]
        index = pd.MultiIndex.from_product([["a"], [5, 10, 15]], names=["site_id", "minutes"])
        reach = gpd.GeoDataFrame({"area_m2": 1.0}, geometry=shapes, index=index, crs=4326)
        light = light_isochrones(reach).geometry.to_numpy()
        for inner, outer in itertools.pairwise(light):
            # rounded to the decimetre: what was within a border may be that far across it
            assert shapely.covers(shapely.buffer(outer, 2e-6), inner)
        for shape, lighter in zip(shapes, light, strict=True):
            assert shapely.covers(shapely.buffer(shape, 1e-4), lighter)

    def test_inputs_are_unchanged(self) -> None:
        reach = a_reach()
        light_isochrones(reach)
        reach_page(reach)
        pd.testing.assert_frame_equal(reach, a_reach())

    def test_an_empty_table_draws_nothing(self) -> None:
        page = reach_page(gpd.GeoDataFrame(ISOCHRONES.empty()))
        assert drawn_data(page)["isochrones"] is None
        assert "Surface" not in Reader(page).text

    def test_wrong_tables_are_refused(self) -> None:
        with pytest.raises(DataError, match="missing columns"):
            reach_page(a_reach().drop(columns="area_m2"))
        with pytest.raises(CrsError):
            reach_page(a_reach().to_crs(2154))

    @pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
    def test_reader_chooses_which_are_shown(self, tmp_path: Path) -> None:
        reach = pd.concat([a_reach().loc[["s1"]].rename(index={"s1": one}) for one in ("s1", "s2")])
        page = reach_page(gpd.GeoDataFrame(reach))
        (tmp_path / "page.js").write_text("\n".join(Reader(page).scripts))
        (tmp_path / "run.js").write_text(CHOICE_HARNESS)
        done = subprocess.run(  # noqa: S603 - our own script
            [shutil.which("node") or "", "run.js"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        both, first, second = ["1", "2"] * 3, ["1"] * 3, ["2"] * 3
        assert json.loads(done.stdout) == [
            ["page opens, all", both],
            ["all, site 2 is opened", both],
            ["one", second],
            ["one, site 1 is opened", first],
            ["none", []],
            ["none, site 2 is opened", []],
        ]


class TestFitness:
    BOTH = " ; en ne comptant que les voies connues praticables : "
    LENIENT = "Pharmacie : 420 m, 8,8 min * (dont 250 m praticables, 170 m inconnus)"

    def test_both_results_in_the_table_and_in_the_popup(self) -> None:
        page = wheelchair_page()
        full = f"{self.LENIENT}{self.BOTH}aucun trajet"
        assert cells_of(page)[5:7] == [full, full]
        near = drawn_data(page)["sites"]["features"][0]["properties"]["near"]
        assert [f"Pharmacie : {plain(seen(text))}" for _, text in near] == [full, full]
        text = plain(Reader(page).text)
        assert "Praticable : la carte dit que la voie convient en fauteuil roulant" in text
        assert "la réalité est entre les deux résultats" in text
        assert "Les zones atteintes à pied comptent aussi ce qui est inconnu." in text
        assert "access.csv" not in text

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"access_status": "off_network"}, "aucune n'est assez près du site"),
            ({"access_status": "beyond_cutoff"}, "au-delà de la durée cherchée"),
            (
                {
                    "access_status": "reached",
                    "service_id": "way/2",
                    "walk_m": 610.0,
                    "walk_min": 12.87,
                },
                "610 m, 12,9 min",
            ),
            (
                {
                    "access_status": "reached",
                    "service_id": "node/1",
                    "service_name": "Du Port",
                    "walk_m": 700.0,
                    "walk_min": 14.77,
                },
                "Du Port (Pharmacie), 700 m, 14,8 min",
            ),
        ],
    )
    def test_the_second_result_in_words(self, changes: dict[str, object], words: str) -> None:
        assert cells_of(wheelchair_page(**changes))[5] == f"{self.LENIENT}{self.BOTH}{words}"

    def test_short_texts_stay_short(self) -> None:
        data = drawn_data(wheelchair_page())
        (walk,) = data["services"]["features"][0]["properties"]["sites"]
        assert seen(walk) == "Site 1. L'Œillet (s1) : 420 m, 8,8 min *"
        line = data["walks"]["features"][0]["properties"]["text"]
        assert seen(line) == "Site 1 → Pharmacie : 420 m, 8,8 min *"

    def test_without_the_second_measure(self) -> None:
        page = study_map(
            *a_study(), notes=NOTES, taxonomy=TAXONOMY, profile=walk_profile("fauteuil")
        )
        text = export.html_bytes(page).decode()
        assert cells_of(text)[5] == self.LENIENT
        assert "entre les deux" not in text
        assert "zones atteintes" not in text

    def test_no_street_is_not_said_where_streets_are_avoided(self) -> None:
        _, second, third, _ = cells_of_all(wheelchair_page())
        assert second[5] == "aucun service de ce type dans les données"
        assert third[5] == "le site est trop loin de toute rue praticable ou inconnue"
        sites, services, access, walks = a_study()
        access.loc[access.index.get_level_values("site_id") == "s2", "access_status"] = "no_path"
        for walker, words in (
            ("fauteuil", "aucun trajet qui évite ce que la carte dit impraticable"),
            ("senior", "aucun chemin piéton ne relie le site à ce service"),
        ):
            made = study_map(
                sites,
                services,
                access,
                walks,
                notes=NOTES,
                taxonomy=TAXONOMY,
                profile=walk_profile(walker),
            )
            assert cells_of_all(export.html_bytes(made).decode())[1][5] == words

    @pytest.mark.parametrize(
        ("walker", "whom"), [("senior", "en fauteuil roulant"), ("canne", "pour ce marcheur")]
    )
    def test_for_others_the_page_tells_which_file_has_it(self, walker: str, whom: str) -> None:
        page = study_map(*a_study(), notes=NOTES, taxonomy=TAXONOMY, profile=walk_profile(walker))
        text = export.html_bytes(page).decode()
        assert cells_of(text)[5] == "Pharmacie : 420 m, 8,8 min *"
        where = (
            f"Ce que la carte dit praticable ou impraticable {whom} le long de chaque trajet est "
            "dans access.csv (fit_m, unfit_m, unknown_m)."
        )
        assert where in plain(text)
        assert "access.csv" not in study_page()

    def test_nothing_is_said_where_nothing_is_known(self) -> None:
        sites, services, access, walks = a_study()
        access["fit_m"] = access["fit_m"] * 0
        page = study_map(
            *(sites, services, access, walks),
            notes=NOTES,
            taxonomy=TAXONOMY,
            profile=walk_profile("senior"),
        )
        assert "access.csv" not in export.html_bytes(page).decode()

    @pytest.mark.parametrize(
        ("parts", "words"),
        [
            ((0.4, 0.0, 419.6), " (dont 420 m inconnus)"),
            ((1.4, 0.6, 418.0), " (dont 1 m praticable, 1 m impraticable, 418 m inconnus)"),
            ((np.nan, np.nan, np.nan), ""),
        ],
    )
    def test_parts_that_round_to_none_are_left_out(
        self, parts: tuple[float, float, float], words: str
    ) -> None:
        sites, services, access, walks = a_study()
        access.loc[("s1", "pharmacie", 1), ["fit_m", "unfit_m", "unknown_m"]] = parts
        page = study_map(
            *(sites, services, access, walks),
            notes=NOTES,
            taxonomy=TAXONOMY,
            profile=walk_profile("fauteuil"),
        )
        cell = cells_of(export.html_bytes(page).decode())[5]
        assert cell == f"Pharmacie : 420 m, 8,8 min *{words}"

    def test_metres_are_those_of_the_walk_drawn(self) -> None:
        _, _, access, walks = a_study()
        walks.loc[("s1", "commerces"), ["category", "service_id"]] = ["boulangerie", "node/1"]
        nearest = nearest_by_family(access, walks, TAXONOMY)
        fit_m = nearest["fit_m"]["s1"]
        assert fit_m["commerces"] == pytest.approx(1234.4 - 170)
        assert fit_m["sante_social"] == pytest.approx(420 - 170)

    def test_inputs_are_unchanged(self) -> None:
        access = a_study()[2]
        strict = strictly(access)
        study_map(*a_study(), notes=NOTES, taxonomy=TAXONOMY, access_strict=strict)
        pd.testing.assert_frame_equal(strict, strictly(access))


class TestTerritoryMap:
    def test_without_list_nor_inventory_it_shows_the_programme_and_people(self) -> None:
        page = territory_page()
        title = "<h1>Seine-Saint-Denis : 1 commune sur 4 est une Petite ville de demain</h1>"
        assert title in plain(page)
        properties = [f["properties"] for f in drawn_data(page)["communes"]["features"]]
        assert [one["style"] for one in properties] == ["strong", "calm", "calm", "unknown"]
        assert [one["people"] for one in properties] == [100, 400, 0, 0]
        text = plain(Reader(page).text)
        assert "le plus grand en vaut 400" in text
        assert "oui, depuis le 1er janvier 2021" in text
        assert "sans donnée : 1" in text
        assert "Lieux ouverts" not in text  # a column without any data is not shown

    def test_with_a_call_it_shows_the_list(self) -> None:
        page = territory_page(
            is_listed_unserved=[True, True, False, None],
            delegated_listed=[None, None, "93059 Pierrefitte-sur-Seine", None],
        )
        assert (
            "<h1>Seine-Saint-Denis : 2 communes sur 4 sont listées par l&#x27;appel comme sans "
            "habitat inclusif ; une autre l&#x27;est pour une ancienne commune seulement</h1>"
        ) in plain(page)
        features = drawn_data(page)["communes"]["features"]
        styles = [f["properties"]["style"] for f in features]
        assert styles == ["strong", "strong", "partial", "unknown"]
        text = plain(Reader(page).text)
        assert "93059 Pierrefitte-sur-Seine" in text
        assert "listée par l'appel comme sans habitat inclusif : 2" in text
        assert "★ Petite ville de demain" in text

    def test_with_an_inventory_it_shows_places(self) -> None:
        page = territory_page(
            is_served=[True, False, False, None],
            n_inclusive_open=[2, 0, 0, None],
            n_inclusive_planned=[0, 1, 0, None],
        )
        assert "2 communes sur 4 n&#x27;ont aucun habitat inclusif ouvert connu" in page
        features = drawn_data(page)["communes"]["features"]
        styles = [f["properties"]["style"] for f in features]
        assert styles == ["calm", "partial", "strong", "unknown"]

    def test_with_both_the_listed_communes_bear_a_mark(self) -> None:
        page = plain(
            territory_page(
                is_served=[True, False, False, None],
                is_listed_unserved=[False, True, False, False],
                delegated_listed=[None, None, "93059 Pierrefitte-sur-Seine", None],
            )
        )
        marks = [f["properties"]["listed"] for f in drawn_data(page)["communes"]["features"]]
        assert marks == ["", "whole", "part", ""]
        assert "ouvert connu ; 1 est listée par l&#x27;appel</h1>" in page
        assert "listée par l'appel comme sans habitat inclusif : 1" in plain(Reader(page).text)

    def test_evidence_comes_first_in_the_table(self) -> None:
        page = territory_page(is_listed_unserved=[False, True, None, True])
        keys = [attrs["data-key"] for tag, attrs in Reader(page).tags if tag == "button"]
        assert keys == ["93002", "93004", "93001", "93003"]

    def test_credits_and_sources(self) -> None:
        page = territory_page()
        assert "IGN Admin Express" in page
        assert "INSEE" in page
        assert "ANCT" in page
        assert "état des données : 25 décembre 2023" in page.replace("\N{NO-BREAK SPACE}", " ")

    def test_neighbours_keep_a_common_border(self) -> None:
        shared = [(2.1, 48 + at / 1000 + (at % 2) / 1e6) for at in range(101)]
        west = shapely.Polygon([(2.0, 48.0), *shared, (2.0, 48.1)])
        east = shapely.Polygon([(2.2, 48.0), *shared, (2.2, 48.1)])
        light = simplified(gpd.GeoSeries([west, east], crs=4326))
        assert light.crs == 4326
        assert shapely.get_num_coordinates(light).sum() < 20
        common = light.iloc[0].intersection(light.iloc[1])
        assert common.length == pytest.approx(0.1, rel=1e-3)
        assert light.iloc[0].area == pytest.approx(west.area, rel=1e-4)

    def test_a_commune_without_boundary_is_said(self) -> None:
        communes, coverage = a_territory()
        communes = communes.set_geometry(
            gpd.GeoSeries([None, *communes.geometry.iloc[1:]], index=communes.index, crs=4326)
        )
        page = territory_map(communes, coverage, place="Ici", notes=NOTES)
        text = export.html_bytes(page).decode()
        assert len(drawn_data(text)["communes"]["features"]) == 3
        assert "absentes de la carte : 1 commune." in plain(text)

    def test_empty_tables_make_a_page(self) -> None:
        page = territory_map(COMMUNES.empty(), COVERAGE.empty(), place="Ici", notes=NOTES)
        assert "0 commune sur 0" in export.html_bytes(page).decode()

    def test_tables_of_other_communes_are_refused(self) -> None:
        communes, coverage = a_territory()
        with pytest.raises(DataError, match="same communes"):
            territory_map(communes, coverage.iloc[:2], place="Ici", notes=NOTES)

    def test_inputs_are_unchanged(self) -> None:
        communes, coverage = a_territory()
        territory_map(communes, coverage, place="Ici", notes=NOTES)
        pd.testing.assert_frame_equal(communes, a_territory()[0])
        pd.testing.assert_frame_equal(coverage, a_territory()[1])


@functools.cache
def attacked_pages(payload: str) -> tuple[str, str, str]:
    delegated = {"delegated_listed": [payload] * 4, "is_listed_unserved": [True] * 4}
    strict = {"access_status": "reached", "service_id": "node/9", "service_name": payload}
    strict |= {"walk_m": 1.0, "walk_min": 1.0}
    return (
        study_page(payload),
        territory_page(payload, **delegated),
        wheelchair_page(payload, **strict),
    )


@functools.cache
def clean_pages() -> tuple[str, str, str]:
    return study_page(), territory_page(), wheelchair_page()


class TestAttacks:
    @pytest.mark.parametrize("payload", PAYLOADS)
    def test_no_text_becomes_markup_or_code(self, payload: str) -> None:
        for page, clean in zip(attacked_pages(payload), clean_pages(), strict=True):
            reader = Reader(page)
            ours = {tag for tag, _ in Reader(clean).tags} | {"li", "p"}
            assert {tag for tag, _ in reader.tags} <= ours
            assert not [name for _, attrs in reader.tags for name in attrs if name.startswith("on")]
            links = [a[name] for _, a in reader.tags for name in ("href", "src") if name in a]
            assert all(link.startswith(("https://", "#")) for link in links if link)
            assert "49" not in re.findall(r"L&#x27;Île(\d+)", page)
            decoded = strings(drawn_data(page))
            assert any("pwned" in one or "7*7" in one for one in decoded)  # it did get there
            for one in decoded:
                assert not set(one) & set("<>`${}\\\"'")

    @pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
    def test_page_scripts_run_without_running_the_payloads(self, tmp_path: Path) -> None:
        payloads = [*PAYLOADS, " ".join(PAYLOADS)]
        pages = [page for payload in payloads for page in attacked_pages(payload)]
        for number, page in enumerate(pages):
            (tmp_path / f"{number}.js").write_text("\n".join(Reader(page).scripts))
        (tmp_path / "run.js").write_text(NODE_HARNESS)
        node = shutil.which("node") or ""
        done = subprocess.run(  # noqa: S603 - our own script
            [node, "run.js"], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        result = json.loads(done.stdout)
        assert result["pwned"] == []
        shown = [one for one in result["html"] if "<" in one]
        assert len(shown) > 20  # popups, icons and labels were built
        allowed = {
            "strong",
            "table",
            "tr",
            "th",
            "td",
            "br",
            "a",
            "svg",
            "use",
            "text",
            "b",
            "span",
        }
        for one in shown:
            for tag, attributes in Reader(one).tags:
                assert tag in allowed
                assert not [name for name in attributes if name.startswith("on")]
                assert (attributes.get("href") or "https://").startswith(("https://", "#"))


# Runs the scripts of pages with a Leaflet that draws nothing but calls back and records texts.
NODE_HARNESS = """
const fs = require("fs"), vm = require("vm");
const html = [], pwned = [];
const ours = new WeakSet();
function record(value) {
  if (value !== null && /^(object|function)$/.test(typeof value) && ours.has(value)) { return; }
  if (typeof value === "string") { html.push(value); }
  else if (typeof value === "function") { record(value(any())); }
  else if (value && typeof value === "object" && !Array.isArray(value)) {
    record(value.html);
    record(value.icon);
  }
}
function any() {
  const stub = new Proxy(function () {}, {
    get: (target, key) => key === Symbol.toPrimitive ? () => 0 : any(),
    apply: (target, self, values) => { values.forEach(record); return any(); },
  });
  ours.add(stub);
  return stub;
}
function geoJSON(data, options) {
  for (const feature of (data ? data.features : [])) {
    if (options.pointToLayer) { options.pointToLayer(feature, any()); }
    if (typeof options.style === "function") { options.style(feature); }
    if (options.onEachFeature) { options.onEachFeature(feature, any()); }
  }
  return any();
}
const leaflet = new Proxy({}, { get: (target, key) => key === "geoJSON" ? geoJSON : any() });
for (const name of fs.readdirSync(".").filter((one) => /^[0-9]+[.]js$/.test(one))) {
  const world = { L: leaflet, document: any(), console };
  vm.createContext(world);
  vm.runInContext(fs.readFileSync(name, "utf8"), world, { filename: name });
  if (world.pwned) { pwned.push(name); }
}
console.log(JSON.stringify({ pwned, html }));
"""

# Runs one page with a Leaflet that keeps what is drawn in the panes of isochrones, and opens sites.
CHOICE_HARNESS = """
const fs = require("fs"), vm = require("vm");
const drawn = [], opened = {}, shown = [];
let which = "all", changed = null;
const any = () => new Proxy(function () {}, {
  get: (target, key) => key === Symbol.toPrimitive ? () => 0 : any(),
  apply: () => any(),
});
function geoJSON(data, options) {
  for (const feature of (data ? data.features : [])) {
    if (!options.onEachFeature) { continue; }
    const site = feature.properties.number;
    options.onEachFeature(feature, {
      bindPopup() {}, on(name, open) { if (name === "popupopen") { opened[site] = open; } },
    });
  }
  if (!options.pane || !options.pane.startsWith("siting-fill")) { return any(); }
  const layer = { features: [], addTo: () => layer, clearLayers() { layer.features = []; },
    addData(more) { layer.features.push(...more); } };
  drawn.push(layer);
  return layer;
}
const choice = { addEventListener: (name, act) => { changed = act; },
  querySelector: () => ({ value: which }) };
const document = new Proxy({}, {
  get: (target, key) => key === "getElementById" ? () => choice : any(),
});
const L = new Proxy({}, { get: (target, key) => key === "geoJSON" ? geoJSON : any() });
const world = { L, document, console };
vm.createContext(world);
vm.runInContext(fs.readFileSync("page.js", "utf8"), world);
function say(words) {
  const features = drawn.flatMap((layer) => layer.features);
  shown.push([words, features.map((one) => String(one.properties.site))]);
}
say("page opens, all");
opened[2](); say("all, site 2 is opened");
which = "one"; changed(); say("one");
opened[1](); say("one, site 1 is opened");
which = "none"; changed(); say("none");
opened[2](); say("none, site 2 is opened");
console.log(JSON.stringify(shown));
"""
