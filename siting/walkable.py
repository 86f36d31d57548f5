"""What is walkable: the table of OpenStreetMap tags that the walking network follows to the letter.

| what | is walked | unless |
|---|---|---|
| way with `highway=*` | along it, both directions | `NOT_WALKED_HIGHWAYS`, `motorroad=yes` |
| any such way, any ferry | | `foot=no`, `private`, `use_sidepath` |
| any such way, any ferry | | `access=no`, `private`, if `foot` is not yes, designated, permissive |
| way with `highway=*` and `area=yes` | along its outline, never across | as above |
| relation `multipolygon` with `highway=*` | along its members | as above, by its own tags |
| way with `route=ferry`, no `highway` | only when ferries are asked for | as above |
| against its drawing | | `oneway:foot=yes`, `foot:backward=no`, `conveying=forward` |
| along its drawing | | `oneway:foot=-1`, `foot:forward=no`, `conveying=backward` |
| through a node with `barrier=*` | as if it were not there | closed by `foot`, `access` as a way |
| through a node with `barrier=*` | | `locked=yes`, if `foot` is not yes, designated, permissive |

Steps, cycleways, trunk and service roads are walked; `sidewalk=separate` changes nothing. `oneway`
is for vehicles. A closed node can be walked to from each side, and not through. Ways meet where
they share a node and nowhere else: a bridge does not touch the street below. Conditional tags
(`foot:conditional`, opening hours) are ignored. What blocks or slows down one walker and not the
next (steps, kerbs, surface, slope) is in `siting.walkers`.
"""

from __future__ import annotations

from collections.abc import Mapping

NOT_WALKED_HIGHWAYS = frozenset(
    {
        "motorway",
        "motorway_link",
        "construction",
        "proposed",
        "abandoned",
        "razed",
        "raceway",
        "escape",
        "bus_guideway",
    }
)
CLOSED_FOOT = frozenset({"no", "private", "use_sidepath"})
CLOSED_ACCESS = frozenset({"no", "private"})
FOOT_OPENS = frozenset({"yes", "designated", "permissive"})

_AGAINST = {"oneway:foot": ("yes", "1", "true"), "foot:backward": ("no",)}
_ALONG = {"oneway:foot": ("-1", "reverse"), "foot:forward": ("no",)}

# Tags of a way that decide where, which way and how well people walk; others are not kept.
WAY_KEYS = (
    *("highway", "route", "area", "motorroad", "access", "foot"),
    *("oneway:foot", "foot:forward", "foot:backward", "conveying"),
    *("bridge", "tunnel", "layer"),
    *("footway", "path", "cycleway", "crossing", "kerb", "kerb:height"),
    *("surface", "smoothness", "tracktype", "incline", "width", "wheelchair"),
    *("sidewalk", "sidewalk:both", "sidewalk:left", "sidewalk:right"),
    *("ramp", "ramp:wheelchair", "handrail"),
)
# Same for a node; one that has none of `MARKING_KEYS` changes nothing to a walk.
NODE_KEYS = (
    *("barrier", "access", "foot", "locked", "highway", "crossing"),
    *("kerb", "kerb:height", "wheelchair"),
)
MARKING_KEYS = ("barrier", "kerb", "kerb:height")


def is_walkable(tags: Mapping[str, str]) -> bool:
    """Tell if people may walk along a way (or along a multipolygon) with these tags."""
    highway = tags.get("highway")
    if highway is None or highway in NOT_WALKED_HIGHWAYS or tags.get("motorroad") == "yes":
        return False
    return not _is_closed(tags)


def is_ferry(tags: Mapping[str, str]) -> bool:
    """Tell if people on foot may take the ferry that a way with these tags is."""
    return "highway" not in tags and tags.get("route") == "ferry" and not _is_closed(tags)


def directions(tags: Mapping[str, str]) -> tuple[bool, bool]:
    """Tell if a way is walked along its drawing, and against it."""
    conveying = tags.get("conveying")
    along = conveying != "backward" and not _says(tags, _ALONG)
    against = conveying != "forward" and not _says(tags, _AGAINST)
    return along, against


def is_closed_node(tags: Mapping[str, str]) -> bool:
    """Tell if nobody on foot may go through a node with these tags."""
    if "barrier" not in tags:
        return False
    return _is_closed(tags) or (tags.get("locked") == "yes" and tags.get("foot") not in FOOT_OPENS)


def way_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Keep the tags of a way that matter to a walk, in the order of `WAY_KEYS`."""
    return {key: tags[key] for key in WAY_KEYS if key in tags}


def node_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Keep the tags of a node that matter to a walk; nothing when none of them marks it."""
    if not any(key in tags for key in MARKING_KEYS):
        return {}
    return {key: tags[key] for key in NODE_KEYS if key in tags}


def _is_closed(tags: Mapping[str, str]) -> bool:
    foot = tags.get("foot")
    return foot in CLOSED_FOOT or (tags.get("access") in CLOSED_ACCESS and foot not in FOOT_OPENS)


def _says(tags: Mapping[str, str], refusals: Mapping[str, tuple[str, ...]]) -> bool:
    return any(tags.get(key) in values for key, values in refusals.items())
