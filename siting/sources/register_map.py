"""How a register is laid out: a small TOML table, shipped or the user's own, checked as a whole."""

from __future__ import annotations

import hashlib
import itertools
import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any

from pyproj import CRS
from pyproj.exceptions import CRSError

from siting.errors import DataError
from siting.names import plain_key
from siting.register_tables import RegisterPosition, RegisterStatus
from siting.taxonomy import Taxonomy

_DATE = re.compile(r"(?:\d{4}(?:-\d{2}(?:-\d{2})?)?)?")
DISTANCE_M = 150.0  # siting's own choice, where no register says more
_MAX_BYTES = 100_000
_LONGEST_M = 5_000.0
_WIDEST_ID = 30

_TEXTS = ("register", "title", "url", "licence", "attribution", "vintage", "reference")
_FIELDS = (
    *("id", "name", "address", "code_postal", "commune", "departement", "code_insee"),
    *("lon", "lat", "category", "status", "precision", "vintage"),
)
_AREAS = ("departements", "communes")
_KEYS = frozenset(
    (
        *(*_TEXTS, "known_by", "id_width", "distance_m", "area", "crs", "status", "alike"),
        *("category", "columns", "precision", "left_out", "like"),
    )
)


@dataclass(frozen=True, slots=True)
class LeftOutRule:
    """Rows that are no service: those with one of these values (as `plain_key` gives them)."""

    column: str
    values: frozenset[str]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterMap:
    """
    The columns and codes of a register; `registers.toml` says what each key means.

    `columns` gives the columns of each field; `category` is that of all rows ("" when each
    has its own), `categories` that of each value of the column; keys of `categories`,
    `statuses` and `precisions`, and the columns of `known_by`, are as `plain_key` gives them.
    `file` is the path of the user's own mapping, "" for one that is shipped.
    """

    register: str
    title: str
    columns: Mapping[str, tuple[str, ...]]
    category: str = ""
    categories: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
    licence: str = ""
    attribution: str = ""
    vintage: str = ""
    reference: str = ""
    known_by: frozenset[str] = frozenset()
    id_width: int = 0
    distance_m: float = DISTANCE_M
    area: tuple[str, ...] = ("communes",)
    crs: CRS | None = None
    status: RegisterStatus = RegisterStatus.UNKNOWN
    statuses: Mapping[str, RegisterStatus] = field(default_factory=dict)
    precisions: Mapping[str, RegisterPosition] = field(default_factory=dict)
    alike: tuple[frozenset[str], ...] = ()
    left_out: tuple[LeftOutRule, ...] = ()
    file: str = ""

    @property
    def is_shipped(self) -> bool:
        """If the package carries it."""
        return not self.file

    @property
    def covered(self) -> frozenset[str]:
        """Categories that the register lists, be there a row or not."""
        return frozenset(filter(None, (self.category, *self.categories.values())))

    def missing_columns(self, header: Sequence[str]) -> list[str]:
        """Return the columns of the mapping that a file does not have; case does not count."""
        keys = set(map(plain_key, header))
        rules = [rule.column for rule in self.left_out]
        wanted = dict.fromkeys([*itertools.chain(*self.columns.values()), *rules])
        return [column for column in wanted if plain_key(column) not in keys]


def shipped_maps(taxonomy: Taxonomy) -> dict[str, RegisterMap]:
    """
    Return the mappings that the package carries, by name.

    Raises
    ------
    DataError
        If the file has been changed into something inconsistent.
    """
    tables = _shipped_tables()
    return {
        name: _register_map(table, f"registers.toml, [{name}]", taxonomy)
        for name, table in tables.items()
    }


def recognised_map(header: Sequence[str], maps: Mapping[str, RegisterMap]) -> RegisterMap | None:
    """Return the mapping whose columns a file has, that of most columns; None if there is none."""
    keys = {plain_key(column) for column in header}
    known = [one for one in maps.values() if one.known_by and one.known_by <= keys]
    return max(known, key=lambda one: len(one.known_by), default=None)


def chosen_map(
    header: Sequence[str], own: Sequence[RegisterMap], shipped: Mapping[str, RegisterMap]
) -> RegisterMap | None:
    """
    Return the mapping of a file; None if there is none.

    It is the user's own all of whose columns are there, that of most columns; else the shipped
    one that recognises the file.
    """
    suiting = [one for one in own if not one.missing_columns(header)]
    most = max(suiting, key=lambda one: len(one.columns), default=None)
    return recognised_map(header, shipped) if most is None else most


def read_register_map(path: Path, *, taxonomy: Taxonomy) -> RegisterMap:
    """
    Read the user's own mapping.

    Raises
    ------
    DataError
        The file is missing or too large, is not TOML (the message gives the line), or a key is
        unknown, missing or has no meaning (the message gives the key); in French.
    """
    try:
        table = tomllib.loads(_content(path).decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataError(
            f"{path.name} : ce n'est pas un fichier TOML en UTF-8 ({error}) : corrigez cette ligne."
        ) from error
    completed = _with_model(table, _shipped_tables(), path.name)
    return replace(_register_map(completed, path.name, taxonomy), file=str(path))


def register_map_sha256(path: Path) -> str:
    """Return the SHA-256 of the user's own mapping."""
    return hashlib.sha256(_content(path)).hexdigest()


def _content(path: Path) -> bytes:
    if not path.is_file():
        raise DataError(f"Le fichier de correspondance « {path} » n'existe pas.")
    if path.stat().st_size > _MAX_BYTES:
        raise DataError(f"« {path.name} » est trop gros pour un fichier de correspondance.")
    return path.read_bytes()


def _shipped_tables() -> dict[str, dict[str, Any]]:
    text = resources.files("siting").joinpath("sources/registers.toml").read_text(encoding="utf-8")
    tables: dict[str, dict[str, Any]] = tomllib.loads(text)
    return {name: _with_model(table, tables, name) for name, table in tables.items()}


def _with_model(
    table: Mapping[str, Any], models: Mapping[str, Mapping[str, Any]], where: str
) -> dict[str, Any]:
    """Complete a table with the keys of the one that it names in `like`."""
    model = table.get("like")
    if model is None:
        return dict(table)
    if model not in models:
        raise DataError(
            f"{where}, clé « like » : « {model} » n'est pas un modèle. Modèles : "
            f"{', '.join(models)}."
        )
    return {**models[model], **table}


def _register_map(table: Mapping[str, Any], where: str, taxonomy: Taxonomy) -> RegisterMap:
    _require_keys(table, _KEYS, {"register", "columns", "category"}, where)
    texts = {name: _text(table, name, where) for name in _TEXTS if name in table}
    register = texts["register"]
    if plain_key(register).replace(" ", "_") != register:
        raise DataError(
            f"{where}, clé « register » : « {register} » n'est pas fait de lettres minuscules sans "
            "accent, de chiffres et de _."
        )
    if not _DATE.fullmatch(texts.get("vintage", "")):
        raise DataError(
            f"{where}, clé « vintage » : « {texts['vintage']} » n'est pas une date, comme "
            "2026-05-04 ou 2026-05."
        )
    columns = _columns(table["columns"], f"{where}, [columns]")
    category, categories = _categories(table["category"], columns, where, taxonomy)
    status, statuses = _statuses(table.get("status", "unknown"), where)
    return RegisterMap(
        **{"title": register, **texts},
        columns=columns,
        category=category,
        categories=categories,
        known_by=frozenset(map(plain_key, _texts(table, "known_by", where))),
        id_width=int(_number(table, "id_width", where, default=0, most=_WIDEST_ID)),
        distance_m=_number(table, "distance_m", where, default=DISTANCE_M, most=_LONGEST_M),
        area=_area(table, where),
        crs=_crs(table, where),
        status=status,
        statuses=statuses,
        precisions=_precisions(table.get("precision", {}), f"{where}, [precision]"),
        alike=_alike(table.get("alike", []), where, taxonomy),
        left_out=tuple(_left_out(one, where) for one in table.get("left_out", [])),
    )


def _columns(value: object, where: str) -> dict[str, tuple[str, ...]]:
    """Read the columns of each field, and refuse a mapping that tells no place."""
    table = _table(value, where)
    _require_keys(table, _FIELDS, set(), where)
    columns = {name: _texts(table, name, where) for name in table}
    if len(columns.get("lon", ())) != len(columns.get("lat", ())):
        raise DataError(
            f"{where}, clés « lon » et « lat » : il en faut autant de l'une que l'autre."
        )
    return columns


def _categories(
    value: object, columns: Mapping[str, object], where: str, taxonomy: Taxonomy
) -> tuple[str, dict[str, str]]:
    """Read the category of all rows, or that of each value of the column."""
    if isinstance(value, str):
        return _known_category(value, f"{where}, clé « category »", taxonomy), {}
    where = f"{where}, [category]"
    if "category" not in columns:
        raise DataError(f"{where} : la clé « columns.category » manque.")
    table = _table(value, where)
    codes = table.get("taxonomy")
    if codes not in (None, "finess", "bpe"):
        raise DataError(f"{where}, clé « taxonomy » : « {codes} » n'est ni finess ni bpe.")
    found = {
        plain_key(code): one.id
        for one in (taxonomy.categories if codes else ())
        for code in (one.finess if codes == "finess" else one.bpe)
    }
    for name, category in table.items():
        if name != "taxonomy":
            found[plain_key(name)] = _known_category(category, f"{where}, clé « {name} »", taxonomy)
    return "", found


def _known_category(value: object, where: str, taxonomy: Taxonomy) -> str:
    if value not in taxonomy.category:
        raise DataError(
            f"{where} : « {value} » n'est pas une catégorie. Catégories : "
            f"{', '.join(taxonomy.category)}."
        )
    return str(value)


def _statuses(value: object, where: str) -> tuple[RegisterStatus, dict[str, RegisterStatus]]:
    if isinstance(value, str):
        if value not in tuple(RegisterStatus):
            raise DataError(f"{where}, clé « status » : « {value} » n'est pas open, ni unknown.")
        return RegisterStatus(value), {}
    where = f"{where}, [status]"
    table = _table(value, where)
    _require_keys(table, ("open", "closed"), set(), where)
    return RegisterStatus.UNKNOWN, {
        plain_key(text): RegisterStatus(name)
        for name in table
        for text in _texts(table, name, where)
    }


def _precisions(value: object, where: str) -> dict[str, RegisterPosition]:
    table = _table(value, where)
    _require_keys(table, ("address", "commune"), set(), where)
    return {
        plain_key(text): RegisterPosition(name)
        for name in table
        for text in _texts(table, name, where)
    }


def _left_out(value: object, where: str) -> LeftOutRule:
    where = f"{where}, [[left_out]]"
    table = _table(value, where)
    _require_keys(table, ("column", "values", "reason"), {"column", "values", "reason"}, where)
    return LeftOutRule(
        column=_text(table, "column", where),
        values=frozenset(map(plain_key, _texts(table, "values", where))),
        reason=_text(table, "reason", where),
    )


def _alike(value: object, where: str, taxonomy: Taxonomy) -> tuple[frozenset[str], ...]:
    where = f"{where}, clé « alike »"
    if not isinstance(value, list) or not all(isinstance(group, list) for group in value):
        raise DataError(f"{where} : il faut une liste de listes de catégories.")
    return tuple(
        frozenset(_known_category(one, where, taxonomy) for one in group) for group in value
    )


def _area(table: Mapping[str, Any], where: str) -> tuple[str, ...]:
    """Read what the register covers: "departements", "communes", or codes."""
    value = table.get("area", "communes")
    if isinstance(value, str) and value not in _AREAS:
        raise DataError(
            f"{where}, clé « area » : « {value} » n'est ni departements, ni communes, ni une liste "
            "de codes entre guillemets."
        )
    return (value,) if isinstance(value, str) else _texts(table, "area", where)


def _crs(table: Mapping[str, Any], where: str) -> CRS | None:
    if "crs" not in table:
        return None
    try:
        return CRS.from_user_input(_text(table, "crs", where))
    except CRSError as error:
        raise DataError(
            f"{where}, clé « crs » : « {table['crs']} » n'est pas un système de coordonnées connu. "
            "Écrivez par exemple EPSG:2154."
        ) from error


def _table(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise DataError(f"{where} : il faut une section, avec ses clés.")
    return value


def _text(table: Mapping[str, Any], name: str, where: str) -> str:
    value = table[name]
    if not isinstance(value, str) or not value.strip():
        raise DataError(f"{where}, clé « {name} » : il faut un texte entre guillemets.")
    return value.strip()


def _texts(table: Mapping[str, Any], name: str, where: str) -> tuple[str, ...]:
    """Read a text, or a list of texts; an absent key is an empty list."""
    value = table.get(name, [])
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str) and one.strip() for one in values):
        raise DataError(f"{where}, clé « {name} » : il faut un texte, ou une liste de textes.")
    return tuple(values)


def _number(
    table: Mapping[str, Any], name: str, where: str, *, default: float, most: float
) -> float:
    value = table.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise DataError(f"{where}, clé « {name} » : {value!r} n'est pas entre 0 et {most:g}.")
    return float(value)


def _require_keys(
    table: Mapping[str, Any], known: Collection[str], required: Collection[str], where: str
) -> None:
    unknown = sorted(set(table) - set(known))
    missing = sorted(set(required) - set(table))
    if unknown:
        raise DataError(
            f"{where} : clés inconnues : {', '.join(unknown)}. Clés : {', '.join(sorted(known))}."
        )
    if missing:
        raise DataError(f"{where} : clés manquantes : {', '.join(missing)}.")
