"""
Words of French postal addresses, as patterns: ways, suffixes, boxes, buildings, notes.

They are written for a text whose letters are folded (`siting.address_text.folded`).
"""

from __future__ import annotations

import re

SUFFIXES = r"bis|ter|quater|quinquies|sexies|septies|octies"
_NO = r"n\s?[°o]\.?|numero|num\b\.?"  # the No of 12

# Kinds of way that lead somewhere: what follows a number in front of them is their house.
ROAD = (
    r"(?:rue|r|avenue|ave?|boulevar[dt]|boul|bl?v?d|bvd|place|pl|placette|chemin|che?m?|impasse|imp"
    r"|allees?|all|route|rte|quai|cours|crs|square|sq|passage|pass?|psg|ruelle|rle|sentes?|sentier"
    r"|voie|venelle|montee|mte|chaussee|esplanade|espl?|promenade|prom|faubourg|fb?g|corniche|rampe"
    r"|rond[ -]point|r[dp][ -]?pt|mail|parvis|traverse|trav|carrefour|rocade|cour|galerie|voyette"
    r"|grande?['-]?\s?rue|grande?[ -]place|petite[ -]rue|vieux[ -]chemin|vieille[ -]route"
    r"|hent|straed|karrika|etorbidea|bidea|strada|piazza|carrughju|carrer|carriera|cami)\b\.?"
)
# Kinds of place with houses of their own, that often only say more of a house of a street.
_PLACE = (
    r"(?:residence|resid|res|villa|vla|cite|clos|lotissement|lot|hameau|ham|domaine|dom|quartier"
    r"|parc|zone|z\.?i\.?|z\.?a\.?(?:c\.?|e\.?)?|lieu[ -]?dit|ld)\b\.?"
)
WAY = rf"(?:{ROAD}|{_PLACE})"
# Those that nobody takes for something else: what a lone R can stand in front of.
_WHOLE_ROAD = (
    r"(?:rue|avenue|boulevard|impasse|allees?|chemin|route|quai|square|passage|place|ruelle"
    r"|sentier|esplanade|promenade|faubourg)"
)
# Roads called by their number: *RN 20*, *D12*.
_NUMBERED_ROAD = (
    r"(?:r\.?n\.?|r\.?d\.?|[ndm]|c\.?d\.?|v\.?c\.?|c\.?r\.?|(?:route|rte|voie|chemin|che?m?)\s"
    r"(?:nationale|nat|departementale?|dep|communale?|rurale?|vicinale?|forestiere?))"
)
_WHOLE_NAME = r"grande?['-]?\s?(?:rue|place)(?!\w)"  # they need no other name
WHOLE_NAME = re.compile(_WHOLE_NAME)
ROAD_AT_HEAD = re.compile(rf"(?:{ROAD}\s\S|{_WHOLE_NAME}|{_NUMBERED_ROAD}\s?[0-9])")
NAMED_ROAD_AT_HEAD = re.compile(rf"(?:{ROAD}\s[^\W\d]|{_WHOLE_NAME})")
NUMBERED_ROAD_AT_HEAD = re.compile(rf"{_NUMBERED_ROAD}\s?[0-9]")
WAY_AT_HEAD = re.compile(rf"(?:{WAY}\s+\S|{_WHOLE_NAME})")
OF_A_NAME = re.compile(r"(?:^|\s)(?:du|des|les|aux)$")
NUMBERED_ROAD_AT_END = re.compile(rf"(?:^|\s){_NUMBERED_ROAD}$")
ROAD_INSIDE = re.compile(rf"(?<=\s)(?:{_WHOLE_ROAD}|av|bd|bld|rte)\b\.?(?=\s\S)")
PLACE_AT_END = re.compile(rf"(?:^|\s){_PLACE}$")

MONTH = (
    r"(?:janv(?:ier)?|fevr?(?:ier)?|mars|avr(?:il)?|mai|juin|juil(?:let)?|aout|sept(?:embre)?"
    r"|oct(?:obre)?|nov(?:embre)?|dec(?:embre)?)\b"
)
MONTH_AT_HEAD = re.compile(MONTH)
MONTH_AT_END = re.compile(rf"\b{MONTH}$")

_ONE = (
    rf"0{{0,4}}(?P<number>[0-9]{{1,4}})(?![0-9])(?:\s?(?P<word>{SUFFIXES})\b\.?"
    rf"|(?P<glued>[a-z])(?![\w'])|\s?[-/]?\s?(?P<letter>[a-qs-z]\b"
    rf"(?=[\s,]+{WAY}\s|[,\n]|\s?(?:[-/&]|et\b|[aà]\b)\s?[0-9])"
    rf"|r\b(?=[\s,]+{_WHOLE_ROAD}\s)))?+"
)
_OTHER = (  # each of the other numbers: -14, et 16 bis
    rf"(?:\s*(?:[-/,&+\n]\s?(?:et\b|[aà]\b|au\b)?|[aà]\b|au\b|et\b)\s*(?:(?:{_NO})\s*)?"
    rf"(?:[0-9]{{1,4}}(?![0-9]|\s{MONTH})(?:\s?(?:{SUFFIXES})\b|[a-z]\b"
    rf"|\s[a-z]\b(?=[\s,]+{WAY}\s|\s?[,\n]))?+|(?:{SUFFIXES})\b))"
)
_NUMBERS = rf"(?:(?:{_NO})\s*)?{_ONE}(?P<others>{_OTHER}{{0,20}}+)"
NUMBERS = re.compile(  # a part that is nothing else
    rf"(?:(?:{_NO})\s*)?0{{0,4}}(?P<number>[0-9]{{1,4}})(?![0-9])"
    rf"(?:\s?(?P<word>{SUFFIXES})\b\.?|(?P<glued>[a-z])(?![\w'])|\s(?P<letter>[a-z]))?"
    rf"(?P<others>(?:{_OTHER}{{1,20}}(?:\s[a-z])?)?)"
)
_GLUED = rf"(?<=[0-9])(?={_WHOLE_ROAD}\s)"  # 12rue Carnot
NUMBERED = re.compile(rf"{_NUMBERS}(?:[\s,.:-]+(?=[^\s\d,.:-])|{_GLUED})")
NUMBERED_ROAD = re.compile(rf"(?<![\w'/.-]){_NUMBERS}(?:[\s,.]+(?={ROAD}\s)|{_GLUED})")
NUMBERED_WAY = re.compile(rf"(?<![\w'/.-]){_NUMBERS}(?:[\s,.]+(?={WAY}\s)|{_GLUED})")
NUMBER_AT_END = re.compile(
    rf"(?P<before>[\s,]+)(?:(?:{_NO})\s*)?0{{0,3}}(?P<number>[0-9]{{1,4}})(?![0-9])"
    rf"(?:\s?(?:{SUFFIXES}|[a-z]))?(?:{_OTHER}{{1,20}}(?:\s[a-z])?)?$"
)
KING_AT_END = re.compile(
    r"\s(?:louis|henr[iy]|charles|francois|philippe|albert|napoleon|jean|pie)$"
)
YEAR = re.compile(r"1[789][0-9]{2}|20[0-4][0-9]")
NO_NUMBER = re.compile(
    r"(?<![\w'])(?:s\s?/\s?n\b°?|s\.\s?n\.|sans\s+(?:numero|num\b\.?|n\s?[°o])(?!\w))"
)
NO_NUMBER_AT_HEAD = re.compile(rf"(?:sn\s(?={WAY}\s)|0{{1,4}}(?:\s0{{1,4}}){{0,9}}(?![\w']))")

# Boxes and CEDEX are places of delivery, not places one walks from.
BOX = re.compile(
    r"(?<![\w'])(?:(?:c\.?s\.?|t\.?s\.?a\.?)\s*(?:n\s?[°o]\.?)?\s*[0-9]{2}\s[0-9]{3}"
    rf"(?![\w'])(?!\s*(?:,\s*)?(?:(?:{SUFFIXES})\b|{WAY}\s))"
    r"|(?:b\.?\s?p\.?|boites?\s+postales?|c\.?\s?s\.?|course\s+speciale|t\.?\s?s\.?\s?a\.?|cidex"
    r"|case\s+postale)\s*(?:n\s?[°o]\.?|numero)?\s*:?\s*[0-9]{1,8}(?![\w']))"
)
CEDEX = re.compile(rf"(?<![\w'])ce?de?x\b[\s-]*(?:[0-9]{{1,2}}(?!\w)(?!,?\s+{WAY}\s))?")

_NTH = r"(?:[0-9]{1,2}\s?(?:er|ere|e|eme|ieme|nd|nde)|premier|deuxieme|second|troisieme|dernier)"
_ID = r"(?:[0-9]{1,4}(?:\s?bis)?[a-z]?|[a-z][0-9]{0,3}|[iv]{2,4})(?![\w'])"
INSIDE = re.compile(  # where in the building: a word and the mark on the door
    r"(?<![\w'])(?:"
    r"(?:batiments?|bat|immeuble|imm|appartement|appt?|apt|app|escalier|esc|entree|porte|pte|hall"
    r"|cage|bloc|tour|logement|logt?|chambre|studio|bureau|local|cellule|box|niveau|aile|ilot"
    r"|pavillon|pav|boite(?:\s+aux\s+lettres)?|bal|lot|etage)\b\.?\s*"
    rf"(?:(?:{_NO})\s*)?{_ID}(?:[-/&]{_ID}|\s(?:et|&)\s[a-z](?![\w']))?"
    rf"|{_NTH}\s+et(?:ages?\b|\.)|[0-9]{{1,2}}\s+etages?\b|r\s?\+\s?[0-9]"
    r"|r\.?d\.?c\.?(?!\w)|rez[ -]de[ -](?:chaussee|jardin|rue)|entresol|sous[ -]sol"
    r"|porte\s+(?:de\s+)?(?:gauche|droite|face)\b|(?:au\s+)?fond\s+de\s+(?:la\s+)?cour\b"
    r"|(?:sur|cote)\s+(?:cour|jardin)\b)"
)
_TITLE = (
    r"(?:mmes?|mlles?|mm?|mr|monsieur|madame|mademoiselle|dr|docteur|me|maitre|(?:la\s)?famille)"
)
PERSON = rf"(?:c\s?/\s?o\b|a/s\b|aux\s+bons\s+soins\b|[aà]\s+l'att|chez\s+{_TITLE}\b)"
PERSON_AT_HEAD = re.compile(rf"(?:{PERSON}|{_TITLE}\b\.?\s)")
# Said after a street, these begin what is not its name.
AFTER_STREET = re.compile(
    r"(?<=[\s])(?:(?:residence|resid|res\.|immeuble|imm\.?|batiment|bat\.?|lotissement|lieu[ -]?dit"
    r"|l\.?d\.?|appartement|appt?\.?|apt\.?|z\.?a\.?(?:c\.?|e\.?)?|z\.?i\.?|zone)(?=\s)"
    rf"|{PERSON}|[aà]\scote\sd|en\sface\sd|[aà]\sproximite\sd|(?:[aà]\s)?l'angle\sd"
    rf"|angle\s+{ROAD}\s|et\s+{_WHOLE_ROAD}\s)"
)
LIEU_DIT = re.compile(r"(?:(?:lieux?[ -]?dits?|l\.?d\.?)(?:\s*:)?\s+)+(?=[^\W\d]{2})")
BEFORE_NAME = re.compile(  # a word that belongs to the next: *rue de la* Tour, *nouvelle* route
    r"(?:^|[\s(-])(?:(?:[aà]|au|aux|de|des|du|en|et|la|le|les|sur|sous|saint|sainte|st|ste|grande?"
    r"|petite?|vieux|vieille|haute?|basse?|nouvelle|nouveau|ancienne?|belle|longue) *|[dl]' *)$"
)
ORDINAL_AT_END = re.compile(r"(?:^|\s)[0-9]+(?:e|er|ere|eme) *$")  # 2e avenue
BEFORE_DASH = re.compile(  # what a dash cannot end: *rue Saint - Denis*
    r"(?:^|\s)(?:saint|sainte|st|ste|sur|sous|les|lez|en|de|du|des|la|le|aux|et)$"
)
NOTE_AT_HEAD = re.compile(
    r"(?:[aà]|au|aux|en|pres|derriere|devant|face|sous|sur|dans|proche|entre|cote|vers|ex|anciennement"
    r"|ancien|ancienne|acces|code|digicode|interphone|sonner|voir|cf|dit|dite)\b"
)
PLM_AT_END = re.compile(
    r"\s(?:paris|lyon|marseille)\s+[0-9]{1,2}\s?(?:er|e|eme)?(?:\s+arr(?:d?t?|ondissement)\b\.?)?$"
)
ARRONDISSEMENT = re.compile(r"\s0?[0-9]{1,2}\s?(?:er|e|eme)?(?:\s+arr[a-z]*)?$")

PHONE = re.compile(
    r"(?:(?<!\w)(?:telephone|tel|fax|portable|mobile)\b\.?\s*:?\s*)?"
    r"(?:\+\s?33|(?<![0-9])0033|(?<![0-9])0)\s?(?:\(0\)\s?)?[1-9](?:[\s.-]?[0-9]{2}){4}(?![0-9])"
)
LINK = re.compile(r"(?:https?://|www\.)[^\s,;]+|[^\s@,;]{1,64}@[^\s@,;]{1,99}")
_DEGREES = r"[+-]?[0-9]{1,3}[.,][0-9]{3,}\s?°?\s?[nseow]?\b"
_AXIS = r"(?:(?<!\w)(?:gps|lat(?:itude)?|long?(?:itude)?|coordonnees|[xy])\b\s*[:=]?\s*){0,2}"
_SEXAGESIMAL = (
    r"[0-9]{1,3}\s?°\s?[0-9]{1,2}\s?['′]\s?"
    r"(?:[0-9]{1,2}(?:[.,][0-9]{1,9})?\s?['′]{0,2})?\s?[nseow]\b"
)
COORDINATES = re.compile(
    rf"{_AXIS}(?<![\w.,]){_DEGREES}\s*[,;/]?\s*{_AXIS}(?<!\w){_DEGREES}"
    rf"|(?<!\w){_SEXAGESIMAL}(?:\s*[,;/]?\s*{_SEXAGESIMAL})?"
)
_PLOT = r"(?:[0-9]{3}\s)?[a-z]{1,2}\s?(?:n\s?[°o]\.?\s?)?[0-9]{1,4}(?!\w)"
PARCEL = re.compile(
    r"(?<![\w'])(?:parcelles?|sections?|cadastree?s?|ref(?:erences?|\.)?\s+cad(?:astrales?|\.))\b"
    rf"(?:\s+(?:cadastr\w+|section)){{0,2}}\s*:?\s*(?:{_PLOT}|(?:n\s?[°o]\.?\s?)?[0-9]{{1,4}}"
    rf"(?!\w)(?:\s+section\s+[a-z]{{1,2}}\b)?)"
    rf"(?:\s*(?:,|;|-|/|et\b)\s*(?:{_PLOT}|[0-9]{{1,4}}(?!\w)(?!\s+{WAY}\s))){{0,20}}"
)
PLOTS_ONLY = re.compile(
    rf"(?!{_NUMBERED_ROAD}\s?[0-9]|(?:ld|le|la|du|de|au|en|et|un|r|st)\b){_PLOT}(?:\s*(?:-|/|et\b)\s*{_PLOT})*"
)
NOT_SAID = re.compile(  # what is written where there is no address yet
    r"(?<!\w)(?:adresse\s+)?(?:[aà]\s(?:definir|preciser|determiner|completer|venir)"
    r"|non\s(?:communiquee?|renseignee?|connue?|definie?)|en\scours(?:\s(?:de|d')\s?\w+)?"
    r"|en\srecherche|en\sreflexion|confidentiel(?:le)?|incomplete|inconnue?|sans\sdomicile\sfixe"
    r"|sans\sobjet)(?!\w)"
)
NOTHING_SAID = frozenset(
    {"neant", "nc", "n c", "na", "n a", "nr", "so", "sdf", "idem", "x", "xx", "xxx"}
)
COUNTRIES = frozenset(
    {
        *("monaco", "principaute de monaco", "belgique", "suisse", "luxembourg", "allemagne"),
        *("espagne", "italie", "andorre", "royaume uni", "angleterre", "pays bas", "portugal"),
        *("maroc", "algerie", "tunisie", "canada", "etats unis", "belgium", "switzerland"),
    }
)
FOREIGN_CODE = re.compile(r"(?<![\w-])(?:be?|ch|lu?|de?|it?|es?|nl|gb|uk|pt)-\s?[0-9]{4,5}(?!\w)")
