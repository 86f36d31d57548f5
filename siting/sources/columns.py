"""Which sheet of a person's file is the table, and which column of it is which.

By the usual French names of columns, or as the person says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """
    What a sheet of a workbook, or a layer of a geographic file, is at first sight.

    Parameters
    ----------
    title
        Its name.
    header
        Names of its columns; empty for a sheet that is blank.
    has_rows
        If something stands under the header.
    is_hidden
        If a workbook does not show it.
    has_points
        If its rows may be points, so that no column has to tell where they are.
    is_drawn
        If its rows are lines or areas.
    """

    title: str
    header: tuple[str, ...]
    has_rows: bool
    is_hidden: bool = False
    has_points: bool = False
    is_drawn: bool = False


Suits = Callable[[Outline], bool]
Choice = Callable[[Sequence[Outline]], str]


def chosen_title(
    outlines: Sequence[Outline], *, wanted: str | None, suits: Suits | None, name: str, kind: str
) -> str:
    """
    Choose the sheet or layer to read.

    It is the one that is wanted; else the only visible one that has rows; else the only
    one of these that suits. One that is hidden is read when it is wanted, never otherwise.

    Parameters
    ----------
    outlines
        All the sheets, in their order.
    wanted
        Title as the user writes it; case, accents and blanks need not be right.
    suits
        Tells a sheet that may be the table looked for; None to take the first with rows.
    name
        Name of the file, for the messages.
    kind
        "feuille" or "couche".

    Raises
    ------
    DataError
        There is none of that name, none with rows, or several that suit.
    """
    every = f"{kind.capitalize()}s du fichier : {_titles(outlines)}."
    if wanted is not None:
        exact = [one for one in outlines if one.title == wanted]
        found = exact or [one for one in outlines if plain_key(one.title) == plain_key(wanted)]
        if len(found) != 1:
            raise DataError(f"{name} : --sheet {wanted} : cette {kind} n'existe pas. {every}")
        if not found[0].has_rows:
            raise DataError(f"{name} : la {kind} « {found[0].title} » n'a pas de données. {every}")
        return found[0].title
    filled = [one for one in outlines if one.has_rows and not one.is_hidden]
    if not filled:
        raise DataError(
            f"{name} : aucune {kind} visible ne contient un en-tête suivi d'au moins une ligne. "
            f"{every} Mettez les noms des colonnes sur la première ligne, un projet par ligne "
            "ensuite."
        )
    suited = filled if suits is None or len(filled) == 1 else [o for o in filled if suits(o)]
    if len(suited) == 1 or suits is None:
        return suited[0].title
    raise DataError(
        f"{name} : plusieurs {kind}s contiennent un tableau : {_titles(suited or filled)}. "
        "Dites laquelle lire : --sheet NOM."
    )


def unread_note(outlines: Sequence[Outline], title: str, *, kind: str) -> tuple[str, ...]:
    """Say which sheet was read and which were not; nothing if there is only one."""
    others = [one for one in outlines if one.title != title]
    if not others:
        return ()
    return (
        f"{kind.capitalize()} lue : « {title} ». Autres {kind}s, non lues : {_titles(others)}.",
    )


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


def _titles(outlines: Sequence[Outline]) -> str:
    return ", ".join(
        f"« {one.title} »" + (" (masquée)" if one.is_hidden else "") for one in outlines
    )


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
