"""What the two map pages share: safe text, the empty map, title, sources and table."""

from __future__ import annotations

import functools
import html
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import folium
import jinja2
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from branca.element import Figure, MacroElement
from markupsafe import Markup

from siting.calls import RulePack
from siting.labels import bound_spaces, count_text, date_text
from siting.provenance import Provenance

# Plan IGN of the Géoplateforme: no key, no rate limit (cartes.gouv.fr, "Limites d'usage des API").
_BASEMAP = (
    "https://data.geopf.fr/wmts?SERVICE=WMTS&VERSION=1.0.0&REQUEST=GetTile&STYLE=normal"
    "&TILEMATRIXSET=PM_0_19&FORMAT=image/png&LAYER=GEOGRAPHICALGRIDSYSTEMS.PLANIGNV2"
    "&TILEMATRIX={z}&TILEROW={y}&TILECOL={x}"
)
_BASEMAP_CREDIT = "Fond : Plan IGN © IGN-Géoplateforme"

# html.escape leaves what means something in a JavaScript template literal (` $ \) or in a Jinja
# template ({ }), and folium puts texts in both.
_CODE = str.maketrans({char: f"&#{ord(char)};" for char in "`$\\{}"})
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f\u2028\u2029]")

MAX_ROWS = 200  # rows of the table under a map: beyond, the files are easier to read

_TEMPLATES = jinja2.PackageLoader("siting.maps")
_ENVIRONMENT = jinja2.Environment(
    loader=_TEMPLATES,
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MapNotes:
    """
    What a map says besides its data.

    Parameters
    ----------
    sources
        Where the data come from: credits and dates at the foot of the page.
    remarks
        Sentences in French shown with the legend: who walks and how fast, the cut-off...
    has_basemap
        If a basemap is asked to the Géoplateforme when the page is opened.
    pack
        Call for projects that the data are compared with.
    verdicts
        Table `VERDICTS` of the sites on this call; a map of communes has none.
    """

    sources: tuple[Provenance, ...]
    remarks: tuple[str, ...] = ()
    has_basemap: bool = True
    pack: RulePack | None = None
    verdicts: pd.DataFrame | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TableTwin:
    """
    The table that says the same as the map.

    Parameters
    ----------
    caption
        What the rows are, and which are left out.
    header
        Names of the columns; the first two head the row.
    rows
        The first `MAX_ROWS` rows at most: identifier on the map (empty when the row is not
        drawn), and texts.
    n_rows
        How many rows there are in all.
    """

    caption: str
    header: tuple[str, ...]
    rows: Sequence[tuple[str, tuple[str, ...]]]
    n_rows: int


def map_text(value: object, max_length: int = 500) -> Markup:
    """
    Make any text safe everywhere in a page made by folium; every text of a map goes through it.

    Markup, JavaScript template literals and Jinja expressions are all made inert, once or twice
    rendered; control characters become spaces; the text is cut at `max_length` characters.
    The result is HTML: give it to what expects HTML, not to what shows text as it is.
    """
    text = "" if value is None else str(value)[:max_length]
    return Markup(_CONTROL.sub(" ", html.escape(text, quote=True).translate(_CODE)))  # noqa: S704


def script_json(data: object) -> Markup:
    """
    Write data whose texts went through `map_text` as JSON for a script of the page.

    Raises
    ------
    ValueError
        A number is NaN or infinite, which JSON has not.
    """
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))  # noqa: S704 - no tag can end the script


def osm_link(service_id: str) -> str:
    """Return the page of an OpenStreetMap object such as ``node/123``; empty for anything else."""
    is_object = re.fullmatch(r"(node|way|relation)/[0-9]+", service_id)
    return f"https://www.openstreetmap.org/{service_id}" if is_object else ""


def sentence(text: str) -> Markup:
    """Make a sentence of ours safe, its French spaces bound so that no line ends there."""
    return map_text(bound_spaces(text), 1_000)


def call_name(pack: RulePack) -> str:
    """Name a call in a sentence: l'appel ssd-avp-2025 (octobre 2025)."""
    return f"l'appel {pack.id} ({date_text(pack.published)})"


def drawn_bounds(
    shapes: npt.NDArray[np.object_],
) -> tuple[float, float, float, float] | None:
    """Return west, south, east, north of what is drawn, in degrees; None when nothing is."""
    drawn = shapes[~(shapely.is_missing(shapes) | shapely.is_empty(shapes))]
    if not len(drawn):
        return None
    west, south, east, north = shapely.total_bounds(drawn).tolist()
    return west, south, east, north


class PagePart(MacroElement):
    """A part of the page: a template with macros `header`, `html` or `script`, and its content."""

    def __init__(self, template: str, content: Mapping[str, object]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._name = "Part"
        self._template = _ENVIRONMENT.get_template(template)
        self.content = content


def map_page(
    *,
    title: str,
    bounds: tuple[float, float, float, float] | None,
    credit: str,
    notes: MapNotes,
    table: TableTwin,
    layers: PagePart,
) -> folium.Map:
    """
    Return a page: title, map, legend, table and sources, in this order for all readers.

    Parameters
    ----------
    title
        The message of the map, a sentence.
    bounds
        West, south, east, north of what is drawn, in degrees; None shows mainland France.
    credit
        Credit that the licences ask for, in the corner of the map.
    notes
        Sources and remarks.
    table
        The same content as a table.
    layers
        Legend, and script that draws on the map.
    """
    west, south, east, north = bounds or (-5.2, 41.3, 9.6, 51.1)
    page = folium.Map(location=[(south + north) / 2, (west + east) / 2], tiles=None, zoom_start=6)
    # Leaflet alone is needed, and the page carries it: no server is asked for a program.
    page.default_js, page.default_css = [], []
    page.options["zoom_control"] = False  # ours has French labels
    page.options["zoom_snap"] = 0.5
    if notes.has_basemap:
        folium.TileLayer(_BASEMAP, attr=_BASEMAP_CREDIT, name="plan", max_zoom=19).add_to(page)
    banner = {
        "title": sentence(title),
        "tile_host": "https://data.geopf.fr" if notes.has_basemap else "",
    }
    figure = Figure(title=sentence(title))
    figure.add_child(PagePart("banner.html.j2", banner))
    figure.add_child(PagePart("vendor.html.j2", _leaflet()))
    page.add_to(figure)
    base = {
        "credit": map_text(credit),
        "map": page.get_name(),
        "bounds": script_json([[south, west], [north, east]]),
    }
    foot = {
        "sources": [_source_text(source) for source in notes.sources],
        "table": _safe_table(table),
    }
    page.add_child(PagePart("base.html.j2", base))
    page.add_child(layers)
    page.add_child(PagePart("foot.html.j2", foot))
    return page


@functools.cache
def _leaflet() -> Mapping[str, Markup]:
    """Return Leaflet and its style, as pages carry them (`templates/vendor/README.md`)."""
    script, style = (
        _TEMPLATES.get_source(_ENVIRONMENT, f"vendor/{name}")[0]
        for name in ("leaflet.js", "leaflet.css")
    )
    # No page uses these pictures, and a source map is for who changes Leaflet.
    rules = [line for line in style.splitlines() if "url(images/" not in line]
    lines = [line for line in script.splitlines() if not line.startswith("//# sourceMappingURL")]
    return {"js": Markup("\n".join(lines)), "css": Markup("\n".join(rules))}  # noqa: S704


def _source_text(source: Provenance) -> Markup:
    state = date_text(source.data_timestamp)
    parts = (
        source.source,
        source.attribution,
        source.licence,
        f"état des données : {state}" if state else "date des données inconnue",
        source.note,
    )
    return sentence(" — ".join(filter(None, parts)))


def _safe_table(table: TableTwin) -> dict[str, object]:
    left_out = table.n_rows - len(table.rows)
    caption = table.caption
    if left_out > 0:
        caption += (
            f" Les {len(table.rows)} premières lignes sont montrées ; toutes les "
            f"{count_text(table.n_rows)} sont dans les fichiers CSV et XLSX."
        )
    return {
        "caption": sentence(caption),
        "header": [map_text(name) for name in table.header],
        "rows": [(map_text(key), [map_text(cell) for cell in cells]) for key, cells in table.rows],
    }
