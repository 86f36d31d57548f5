"""Typer in French: help pages and usage errors as French users read them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import typer
from typer import rich_utils
from typer.core import TyperCommand, TyperGroup

HELP_OPTIONS = {"help_option_names": ["--help", "-h"]}

# Typer asks gettext for these words when it is loaded; there is no French catalogue to find.
_WORDS = {
    "DEFAULT_STRING": "[par défaut : {}]",
    "REQUIRED_LONG_STRING": "[obligatoire]",
    "ARGUMENTS_PANEL_TITLE": "Arguments",
    "OPTIONS_PANEL_TITLE": "Options",
    "COMMANDS_PANEL_TITLE": "Commandes",
}

# What typer says of a wrong command line, and its French. The last one takes everything.
_USAGE_ERRORS: tuple[tuple[str, str], ...] = (
    (r"Missing command\.", "Il manque une commande."),
    (r"No such command '?(.*?)'?\.(?: Did you mean .*)?", "Commande inconnue : {0}."),
    (r"No such option:? (\S+).*", "Option inconnue : {0}."),
    (r"Missing argument '?(.*?)'?\.", "Il manque l'argument {0}."),
    (r"Missing option '?(.*?)'?\.", "Il manque l'option {0}."),
    (r"Got unexpected extra arguments?.*? \((.*)\)", "Argument en trop : {0}."),
    (r"Option '?(.*?)'? requires an argument\.?", "L'option {0} attend une valeur."),
    (r"Option '?(.*?)'? does not take a value\.?", "L'option {0} ne prend pas de valeur."),
    (r"Invalid value for '?(.*?)'?: .*valid (?:float|number|integer).*", "{0} attend un nombre."),
    (
        r"Invalid value for '?(.*?)'?: .*?'(.*?)' does not exist\.",
        "{0} : « {1} » n'existe pas.",
    ),
    (
        r"Invalid value for '?(.*?)'?: .*?'(.*?)' is a directory\.",
        "{0} : « {1} » est un dossier, il faut un fichier.",
    ),
    (r"Invalid value for '?(.*?)'?: (.*)", "{0} : {1}"),
    (r"Invalid value: (.*)", "{0}"),
    (r"(.*)", "{0}"),
)


class FrenchCommand(TyperCommand):
    """A command whose help is in French."""

    def get_params(self, ctx: Any) -> list[Any]:  # noqa: ANN401 - typer keeps its types private
        """Return the parameters, --help explained in French."""
        return _explained(super().get_params(ctx))


class FrenchGroup(TyperGroup):
    """A group of commands whose help is in French."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401 - typer's own settings
        super().__init__(**settings)
        self.subcommand_metavar = "COMMANDE [ARGUMENTS]..."

    def get_params(self, ctx: Any) -> list[Any]:  # noqa: ANN401 - typer keeps its types private
        """Return the parameters, --help explained in French."""
        return _explained(super().get_params(ctx))


def _explained(params: list[Any]) -> list[Any]:
    for param in params:
        param.display_type = _untyped
        if param.name == "help":
            param.help = "Affiche cette aide."
    return params


def _untyped(_context: object) -> str:
    """Say nothing of Python types (`<bool>`, `<path>`): metavars tell what is expected."""
    return ""


def french_usage(message: str) -> str:
    """Return in French what typer says of a wrong command line."""
    text = " ".join(message.split())
    for pattern, french in _USAGE_ERRORS:
        found = re.fullmatch(pattern, text)
        if found:
            return french.format(*found.groups())
    return text


def run_in_french(app: typer.Typer, *, on_usage_error: Callable[[str], None]) -> int:
    """
    Run an application; return its exit code.

    Parameters
    ----------
    app
        Application; its commands are `FrenchCommand`, its groups `FrenchGroup`.
    on_usage_error
        Given the French message of a wrong command line, whose exit code is 2.
    """
    for name, word in _WORDS.items():
        setattr(rich_utils, name, word)
    try:
        code = app(standalone_mode=False)
    except typer.TyperException as error:
        message = french_usage(error.format_message())
        if message:  # there is none when a command given alone has shown its help
            on_usage_error(message)
        return error.exit_code
    return code if isinstance(code, int) else 0
