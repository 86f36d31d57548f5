"""Which column of a person's table is which: by its usual French names, or as the person says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from siting.errors import DataError, OptionError
from siting.names import plain_key


@dataclass(frozen=True, slots=True)
class Field:
    """
    Something we look for in a table.

    Parameters
    ----------
    name
        Our name, as written after `--column`.
    aliases
        Usual headers, as `siting.names.plain_key` gives them; the first is the exact one,
        which wins over the others.
    must_be_sure
        If two possible columns are an error; otherwise the first is taken, with a note.
    """

    name: str
    aliases: tuple[str, ...]
    must_be_sure: bool = True


@dataclass(frozen=True, slots=True)
class Recognised:
    """Position of the column of each field that was found, and remarks in French."""

    positions: Mapping[str, int]
    notes: tuple[str, ...]


def recognised_columns(
    header: Sequence[str], fields: Sequence[Field], *, columns: Mapping[str, str], name: str
) -> Recognised:
    """
    Find the column of each field.

    Case, accents, spaces, underscores and punctuation of the headers do not count. A
    column named by the user is never taken for another field.

    Parameters
    ----------
    header
        Names of the columns.
    fields
        What to look for; a column goes to the first field that claims it.
    columns
        Field -> column, as the user says.
    name
        Name of the file, for the messages.

    Raises
    ------
    OptionError
        Unknown field.
    DataError
        Column that is not there, or two columns that could be the same field.
    """
    positions = {
        field: _named_position(header, field, column, name=name)
        for field, column in _known(columns, fields).items()
    }
    notes: list[str] = []
    keys = [plain_key(column) for column in header]
    for field in fields:
        if field.name in positions:
            continue
        free = [at for at in range(len(header)) if at not in positions.values()]
        found = [at for at in free if keys[at] == field.aliases[0]]
        found = found or [at for at in free if keys[at] in field.aliases]
        is_twice = len({keys[at] for at in found}) < len(found)
        if len(found) > 1 and (field.must_be_sure or is_twice):
            raise DataError(_two_columns([header[at] for at in found], field.name, name=name))
        if len(found) > 1:
            notes.append(
                f"Plusieurs colonnes peuvent être « {field.name} » : « {header[found[0]]} » est "
                f"prise (autre choix : --column {field.name}=NOM)."
            )
        if found:
            positions[field.name] = found[0]
    return Recognised(positions, tuple(notes))


def unique_header(header: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """
    Give each column a header of its own, `X (2)` for an X that comes again.

    Returns the headers, and remarks in French.
    """
    taken = set(header)
    seen: set[str] = set()
    names, renamed = [], []
    for column in header:
        new = column
        again = 1
        while new in seen or (again > 1 and new in taken):
            again += 1
            new = f"{column} ({again})"
        seen.add(new)
        names.append(new)
        if new != column:
            renamed.append(f"« {new} »")
    notes = (f"En-têtes en double, renommés {', '.join(renamed)}.",) if renamed else ()
    return tuple(names), notes


def column_list(header: Sequence[str]) -> str:
    """Write the headers for a message."""
    return ", ".join(f"« {column} »" for column in header)


def _known(columns: Mapping[str, str], fields: Sequence[Field]) -> Mapping[str, str]:
    allowed = [field.name for field in fields]
    for field in columns:
        if field not in allowed:
            raise OptionError(
                f"--column : « {field} » n'est pas un champ connu. Champs : {', '.join(allowed)}."
            )
    return columns


def _named_position(header: Sequence[str], field: str, column: str, *, name: str) -> int:
    exact = [at for at, seen in enumerate(header) if seen == column.strip()]
    key = plain_key(column)
    found = exact or [at for at, seen in enumerate(header) if key and plain_key(seen) == key]
    if not found:
        raise DataError(
            f"{name} : --column {field}={column} : cette colonne n'existe pas. "
            f"Colonnes du fichier : {column_list(header)}."
        )
    if len(found) > 1:
        raise DataError(_two_columns([header[at] for at in found], field, name=name))
    return found[0]


def _two_columns(names: Sequence[str], field: str, *, name: str) -> str:
    if max(Counter(names).values()) > 1:
        return (
            f"{name} : la colonne « {names[0]} » est présente plusieurs fois et sert de "
            f"« {field} ». Renommez celles qui sont de trop, puis recommencez."
        )
    return (
        f"{name} : plusieurs colonnes peuvent être « {field} » : {column_list(names)}. "
        f"Dites laquelle : --column {field}=NOM, ou renommez les autres."
    )
