"""Rule packs of the calls: those that the package carries, and files that a department writes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from siting.errors import DataError, OptionError
from siting.listed import resolve_listed
from siting.rule_packs import RulePack
from siting.sources.pack_file import CheckedPack, checked_pack
from siting.sources.reference import read_commune_history, read_commune_register
from siting.taxonomy import read_taxonomy
from siting.toml_text import parsed

_SUFFIX = ".toml"
_MAX_BYTES = 1_000_000
_TEMPLATE = "pack_template.toml"


def list_packs(*, folder: Traversable | None = None) -> list[str]:
    """
    List the identifiers of the calls whose rules are known.

    Parameters
    ----------
    folder
        Folder of the packs; by default those that the package carries.
    """
    where = _shipped() if folder is None else folder
    files = [file.name for file in where.iterdir() if file.name.endswith(_SUFFIX)]
    return sorted(name.removesuffix(_SUFFIX) for name in files)


def read_pack(call_id: str, *, folder: Traversable | None = None) -> RulePack:
    """
    Read the rules of a call.

    Parameters
    ----------
    call_id
        Identifier of the call, as in `list_packs`.
    folder
        Folder of the packs; by default those that the package carries.

    Raises
    ------
    OptionError
        If the call is unknown.
    DataError
        If its file cannot be used: all that is wrong, each with its line.
    """
    known = list_packs(folder=folder)
    if call_id not in known:
        raise OptionError(
            f"L'appel « {call_id} » est inconnu. Appels connus : {', '.join(known) or 'aucun'}. "
            "Un appel de votre département s'écrit dans un fichier .toml : siting calls new."
        )
    file = (_shipped() if folder is None else folder).joinpath(call_id + _SUFFIX)
    pack = _usable(_checked(file.read_bytes(), file.name))
    if pack.id != call_id:
        raise DataError(f"{file.name} : la clé « id » vaut « {pack.id} », pas le nom du fichier.")
    return pack


def chosen_pack(call: str) -> RulePack:
    """
    Return the call of an option: one that is known, or that a TOML file describes.

    Raises
    ------
    OptionError
        Unknown call.
    DataError
        The file cannot be used: all that is wrong, each with its line.
    """
    return _usable(check_pack(Path(call))) if is_pack_file(call) else read_pack(call)


def is_pack_file(call: str) -> bool:
    """Tell if the call of an option is a file, not the identifier of a known call."""
    return call.lower().endswith(_SUFFIX)


def pack_inputs(call: str | None) -> dict[str, str]:
    """Return the SHA-256 of the file that describes the call, if there is one."""
    if call is None or not is_pack_file(call):
        return {}
    return {call: hashlib.sha256(_content(Path(call))).hexdigest()}


def check_pack(path: Path) -> CheckedPack:
    """
    Find all that is wrong in the rule pack of a department: its form, and its communes.

    A pack may not have the identifier of a call that the package knows: its verdicts would be
    taken for those of that call.

    Parameters
    ----------
    path
        A TOML file (`siting calls new` writes one to begin with).

    Raises
    ------
    DataError
        The file is missing or too large.
    """
    content = _content(path)
    checked = _checked(content, path.name)
    if checked.pack is None:
        return checked
    _, where = parsed(_text(content), name=path.name)
    pack = checked.pack
    problems = []
    if pack.id in list_packs():
        message = (
            f"clé « id » : « {pack.id} » est un appel que le programme connaît déjà. Choisissez "
            f"un autre identifiant, comme {pack.id}-local."
        )
        problems.append(str(where.at("id").refusal(message)))
    for at, reason in _unknown_communes(pack):
        problems.append(str(where.at("listed_communes", at).refusal(reason)))
    return CheckedPack(None if problems else pack, tuple(problems))


def pack_scaffold(call_id: str) -> str:
    """
    Return the text of a rule pack to begin with, commented in French; it is a valid one.

    Raises
    ------
    OptionError
        The identifier is that of a known call, or is not well written.
    """
    template = resources.files("siting").joinpath("sources", _TEMPLATE)
    text = template.read_text(encoding="utf-8").replace("IDENTIFIANT", call_id)
    if call_id in list_packs():
        raise OptionError(f"« {call_id} » est déjà un appel connu : choisissez un autre nom.")
    if _checked(text.encode("utf-8"), _TEMPLATE).pack is None:
        raise OptionError(
            f"« {call_id} » ne peut pas être l'identifiant d'un appel : des lettres sans accent, "
            "en minuscules, des chiffres et des tirets, comme marne-habitat-2026."
        )
    return text


def _shipped() -> Traversable:
    return resources.files("siting").joinpath("packs")


def _checked(content: bytes, name: str) -> CheckedPack:
    try:
        text = _text(content)
    except UnicodeDecodeError:
        message = f"{name} : le fichier n'est pas en UTF-8. Enregistrez-le dans cet encodage."
        return CheckedPack(None, (message,))
    families = [family.id for family in read_taxonomy().families]
    return checked_pack(text, name=name, families=families)


def _text(content: bytes) -> str:
    return content.decode("utf-8-sig").replace("\r\n", "\n")


def _usable(checked: CheckedPack) -> RulePack:
    if checked.pack is None:
        raise DataError("\n".join(checked.problems))
    return checked.pack


def _unknown_communes(pack: RulePack) -> Iterable[tuple[int, str]]:
    """Give the listed communes that cannot be told, by their place in the list."""
    if not pack.listed_communes:
        return
    register, history = read_commune_register(), read_commune_history()
    for at, name in enumerate(pack.listed_communes):
        try:
            resolve_listed(
                [name], register=register, history=history, departements=pack.departements
            )
        except DataError as error:
            yield at, str(error)


def _content(path: Path) -> bytes:
    if not path.is_file():
        raise DataError(f"Le fichier d'appel « {path} » n'existe pas.")
    if path.stat().st_size > _MAX_BYTES:
        raise DataError(f"« {path.name} » est trop gros pour un fichier d'appel.")
    return path.read_bytes()
