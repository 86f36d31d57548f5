"""Addresses as offices write them: what is asked of the geocoder, and what is left out."""

import pytest

from siting.addresses import read_address
from siting.names import street_key

NOTHING: tuple[str, ...] = ()

# Numbers and suffixes. Ways of writing of AFNOR NF Z10-011, of the tests of addok-france
# (leading zeros, `6 bis`, `241 r`), and of the 107 addresses of *France services*
# (Licence Ouverte, August 2024) that are not "number street": ranges with spaces, glued words.
NUMBERS = [
    ("12 rue Carnot", "12", "", "rue Carnot", NOTHING),
    ("12, rue Carnot", "12", "", "rue Carnot", NOTHING),
    ("12. rue Carnot", "12", "", "rue Carnot", NOTHING),
    ("n° 12 rue Carnot", "12", "", "rue Carnot", NOTHING),
    ("N°12, rue Carnot", "12", "", "rue Carnot", NOTHING),
    ("numéro 12 rue Carnot", "12", "", "rue Carnot", NOTHING),
    ("0012 rue Carnot", "12", "", "rue Carnot", NOTHING),
    ("12rue Carnot", "12", "", "rue Carnot", NOTHING),
    ("20Place de l'Hôtel de Ville", "20", "", "Place de l'Hôtel de Ville", NOTHING),
    ("12bis rue Carnot", "12", "bis", "rue Carnot", NOTHING),
    ("12 bis, rue Carnot", "12", "bis", "rue Carnot", NOTHING),
    ("12 TER RUE CARNOT", "12", "TER", "RUE CARNOT", NOTHING),
    ("12 quater rue Carnot", "12", "quater", "rue Carnot", NOTHING),
    ("12B rue Carnot", "12", "B", "rue Carnot", NOTHING),
    ("12 B rue Carnot", "12", "B", "rue Carnot", NOTHING),
    ("12 B, rue Carnot", "12", "B", "rue Carnot", NOTHING),
    ("12-A rue Carnot", "12", "A", "rue Carnot", NOTHING),
    ("12 R rue Carnot", "12", "R", "rue Carnot", NOTHING),
    ("12 R Carnot", "12", "", "R Carnot", NOTHING),
    ("12 R Dom Pérignon", "12", "", "R Dom Pérignon", NOTHING),
    ("8 l’Orée du Bois", "8", "", "l'Orée du Bois", NOTHING),
    ("12-14 rue Carnot", "12", "", "rue Carnot", ("14",)),
    ("12/14 rue Carnot", "12", "", "rue Carnot", ("14",)),
    ("12 / 14 Rue des Etats Unis", "12", "", "Rue des Etats Unis", ("14",)),
    ("11 - 13 Rue Caisserie", "11", "", "Rue Caisserie", ("13",)),
    ("1 – 27, Place de la Porte Notre Dame", "1", "", "Place de la Porte Notre Dame", ("27",)),
    ("12 à 18 rue Carnot", "12", "", "rue Carnot", ("18",)),
    ("12 A 18 RUE CARNOT", "12", "", "RUE CARNOT", ("18",)),
    ("12 et 14 rue Carnot", "12", "", "rue Carnot", ("14",)),
    ("12, 14 et 16 rue Carnot", "12", "", "rue Carnot", ("14", "16")),
    ("n° 12 et n° 14 rue Carnot", "12", "", "rue Carnot", ("14",)),
    ("12 bis-14 rue Carnot", "12", "bis", "rue Carnot", ("14",)),
    ("12 bis - 14 ter rue Carnot", "12", "bis", "rue Carnot", ("14 ter",)),
    ("12 bis et ter rue Carnot", "12", "bis", "rue Carnot", ("ter",)),
    ("12 B et 14 B rue Carnot", "12", "B", "rue Carnot", ("14 B",)),
    ("avenue Jean Jaurès 12", "12", "", "avenue Jean Jaurès", NOTHING),
    ("avenue Jean Jaurès, 12", "12", "", "avenue Jean Jaurès", NOTHING),
    ("rue Carnot n° 12 bis", "12", "bis", "rue Carnot", NOTHING),
    ("rue Carnot, 12-14", "12", "", "rue Carnot", ("14",)),
    ("rue Carnot, 12, Bondy", "12", "", "rue Carnot", NOTHING),
    ("boutique au 16, rue Carnot", "16", "", "rue Carnot", NOTHING),
    ("12\nrue Carnot", "12", "", "rue Carnot", NOTHING),
    ("s/n rue Carnot", "", "", "rue Carnot", NOTHING),
    ("S/N°, rue Carnot", "", "", "rue Carnot", NOTHING),
    ("SN RUE CARNOT", "", "", "RUE CARNOT", NOTHING),
    ("sans numéro rue Carnot", "", "", "rue Carnot", NOTHING),
    ("0 rue Carnot", "", "", "rue Carnot", NOTHING),
    ("12", "12", "", "", NOTHING),
    ("12 B", "12", "B", "", NOTHING),
]

# Numbers that are a part of the name.
NAMES = [
    ("12 RUE DU 8 MAI 1945", "12 RUE DU 8 MAI 1945"),
    ("8 mai 1945", "8 mai 1945"),
    ("8 mai 1945 (place du)", "place du 8 mai 1945"),
    ("12, 8 mai 1945 (place du)", "12 place du 8 mai 1945"),
    ("12, place du 8 mai 1945", "12 place du 8 mai 1945"),
    ("rue du 8 mai 1945", "rue du 8 mai 1945"),
    ("avenue du 8 mai 1945, 12", "12 avenue du 8 mai 1945"),
    ("rue du 11 novembre", "rue du 11 novembre"),
    ("3 rue du 4 septembre", "3 rue du 4 septembre"),
    ("18, rue du 145e-Régiment-d'Infanterie", "18 rue du 145e-Régiment-d'Infanterie"),
    ("12 Allée des 2 Communes", "12 Allée des 2 Communes"),
    ("4 quai Albert-1er", "4 quai Albert-1er"),
    ("boulevard Henri 4", "boulevard Henri 4"),
    ("boulevard Mai 1968", "boulevard Mai 1968"),
    ("Route départementale 12", "Route départementale 12"),
    ("RN 20", "RN 20"),
    ("12 RN 20", "12 RN 20"),
    ("RD1044", "RD1044"),
    ("CR 15", "CR 15"),
    ("Chemin Forestier 4", "Chemin Forestier 4"),
    ("RUE D AVRANCHES CITE 7", "RUE D AVRANCHES CITE 7"),
    ("Carnot (rue)", "rue Carnot"),
    ("12 Carnot (rue)", "12 rue Carnot"),
    ("République (avenue de la), 12", "12 avenue de la République"),
    ("143, Grand'rue", "143 Grand'rue"),
    ("78, la Place", "78 la Place"),
    ("9 GRAND PLACE", "9 GRAND PLACE"),
    ("2 RUE L 'EST ' B", "2 RUE L 'EST ' B"),
]

# Where in a building, and by whom. Lines 1 to 3 of AFNOR NF Z10-011; `complement_adresse` of
# *France services*; floors of the tests of addok-france.
INSIDE = [
    ("Bât. C 12 rue Carnot", "12 rue Carnot", ("Bât. C",)),
    ("12 rue Carnot Bât. C", "12 rue Carnot", ("Bât. C",)),
    ("12 rue Carnot - Bâtiment C - 3e étage", "12 rue Carnot", ("Bâtiment C", "3e étage")),
    ("Bâtiment C - 12 rue Carnot", "12 rue Carnot", ("Bâtiment C",)),
    ("Bâtiment A8, 12 rue Carnot", "12 rue Carnot", ("Bâtiment A8",)),
    ("Bâtiment 12 rue Carnot", "rue Carnot", ("Bâtiment 12",)),
    ("Bâtiment Sémaphore, 12 rue Carnot", "12 rue Carnot", ("Bâtiment Sémaphore",)),
    ("Bâtiment des îles sours", "Bâtiment des îles sours", NOTHING),
    ("12 rue Carnot Immeuble Europe", "12 rue Carnot", ("Immeuble Europe",)),
    ("Résidence Les Lilas 12 rue Carnot", "12 rue Carnot", ("Résidence Les Lilas",)),
    ("12 rue Carnot Résidence Les Lilas", "12 rue Carnot", ("Résidence Les Lilas",)),
    ("12 rue Carnot, Résidence Les Lilas", "12 rue Carnot", ("Résidence Les Lilas",)),
    ("Résidence Les Lilas, rue Carnot", "rue Carnot", ("Résidence Les Lilas",)),
    ("12 résidence Les Lilas", "12 résidence Les Lilas", NOTHING),
    ("Résidence Les Lilas", "Résidence Les Lilas", NOTHING),
    ("Rés. Les Lilas, esc. B, apt 12, 14 rue Carnot", "14 rue Carnot", None),
    ("Apt 12 14 rue Carnot", "14 rue Carnot", ("Apt 12",)),
    ("Apt 12, 14 rue Carnot", "14 rue Carnot", ("Apt 12",)),
    ("Apt 12 - 14 rue Carnot", "14 rue Carnot", ("Apt 12",)),
    ("12 rue Carnot appt. n° 34", "12 rue Carnot", ("appt. n° 34",)),
    ("12 rue Carnot Porte 3", "12 rue Carnot", ("Porte 3",)),
    ("12 rue Carnot, porte gauche", "12 rue Carnot", ("porte gauche",)),
    ("Escalier B, Entrée A, 12 rue Carnot", "12 rue Carnot", ("Escalier B", "Entrée A")),
    ("bâtiment C, entrée C3, 12 rue Carnot", "12 rue Carnot", ("bâtiment C", "entrée C3")),
    ("RDC 12 rue Carnot", "12 rue Carnot", ("RDC",)),
    ("12 rue Carnot rez-de-chaussée", "12 rue Carnot", ("rez-de-chaussée",)),
    ("1er étage 12 rue Carnot", "12 rue Carnot", ("1er étage",)),
    ("12 rue Carnot 2ème étage", "12 rue Carnot", ("2ème étage",)),
    ("12 rue Carnot R+2", "12 rue Carnot", ("R+2",)),
    ("12ème étage Rue Gustave-Delory", "Rue Gustave-Delory", ("12ème étage",)),
    ("Rue Louis des Etages", "Rue Louis des Etages", NOTHING),
    ("12 rue de la Tour A", "12 rue de la Tour A", NOTHING),
    ("12 avenue de la Porte de Choisy", "12 avenue de la Porte de Choisy", NOTHING),
    ("Porte Dauphine", "Porte Dauphine", NOTHING),
    ("12 rue du Bât d'Argent", "12 rue du Bât d'Argent", NOTHING),
    ("c/o M. X, 12 rue Carnot", "12 rue Carnot", ("c/o M. X",)),
    ("12 rue Carnot c/o Association X", "12 rue Carnot", ("c/o Association X",)),
    ("chez Mme Y 12 rue Carnot", "12 rue Carnot", ("chez Mme Y",)),
    ("12 rue Carnot chez Mme Y", "12 rue Carnot", ("chez Mme Y",)),
    ("Mme Y, 12 rue Carnot", "12 rue Carnot", ("Mme Y",)),
    ("Chez Marot", "Chez Marot", NOTHING),  # a hamlet, as hundreds in Charente
    ("Mairie 16 Rue du Saint-Sépulcre", "16 Rue du Saint-Sépulcre", ("Mairie",)),
    ("Le Quadri - 47 avenue des Pays-Bas", "47 avenue des Pays-Bas", ("Le Quadri",)),
    ("Mairie de Rouans Place de la Poste", "Place de la Poste", ("Mairie de Rouans",)),
]

# Lieux-dits, zones, notes. `Lieu-Dit`, `LieuDit` and `rue ... du lieu-dit` are forms of the
# tests of addok-france.
AROUND = [
    ("Lieu-dit Le Bourg", "Le Bourg", NOTHING),
    ("LieuDit Les Chênes", "Les Chênes", NOTHING),
    ("Lieux-Dits Les Chênes", "Les Chênes", NOTHING),
    ("LD Kerbiquet", "Kerbiquet", NOTHING),
    ("12 lieu dit Kerbiquet", "12 Kerbiquet", NOTHING),
    ("Lieu-dit", "Lieu-dit", NOTHING),
    ("3 rue de la rente du lieu-dit la gachère", None, NOTHING),
    ("chemin Mucale - lieu-dit Petraulu", "chemin Mucale", ("lieu-dit Petraulu",)),
    ("Hameau de Riqueval", "Hameau de Riqueval", NOTHING),
    ("5 hameau de la Fontaine", "5 hameau de la Fontaine", NOTHING),
    ("ZA de Kerollaire", "ZA de Kerollaire", NOTHING),
    ("12 ZAC des Terrasses", "12 ZAC des Terrasses", NOTHING),
    ("12 rue Denis Papin ZI Nord", "12 rue Denis Papin", ("ZI Nord",)),
    ("ZI Nord, 12 rue Denis Papin", "12 rue Denis Papin", ("ZI Nord",)),
    ("Rd 820 ZI Robert Lavigne", "Rd 820", ("ZI Robert Lavigne",)),
    ("12 rue Carnot (à côté de la mairie)", "12 rue Carnot", ("à côté de la mairie",)),
    ("12 rue Carnot à côté de la mairie", "12 rue Carnot", ("à côté de la mairie",)),
    ("12 rue Carnot à l'angle de la rue Hugo", "12 rue Carnot", ("à l'angle de la rue Hugo",)),
    ("angle rue Carnot et rue Hugo", "rue Carnot", ("angle", "et rue Hugo")),
    ("12 rue Carnot, 14 rue Hugo", "12 rue Carnot", ("14 rue Hugo",)),
    ("21 Rue Clef 34 Rue Daubenton", "21 Rue Clef", ("34 Rue Daubenton",)),
    ("12 rue Carnot 01 48 47 00 00", "12 rue Carnot", ("01 48 47 00 00",)),
    ("12 rue Carnot Tél : +33 1.48.47.00.00", "12 rue Carnot", ("Tél : +33 1.48.47.00.00",)),
    ("12 rue Carnot contact@exemple.fr", "12 rue Carnot", ("contact@exemple.fr",)),
    ("12 rue Carnot 48.9028, 2.4827", "12 rue Carnot", ("48.9028, 2.4827",)),
    ("12 rue Carnot (GPS : 48,9028 ; 2,4827)", "12 rue Carnot", None),
    ("12 rue Carnot parcelle AB n° 123", "12 rue Carnot", ("parcelle AB n° 123",)),
    ("Parcelle AM208 Bourg d'Iracoubo", "Bourg d'Iracoubo", ("Parcelle AM208",)),
    ("section AB 123, 124 et 125, rue Carnot", "rue Carnot", ("section AB 123, 124 et 125",)),
    ("12 rue Saint - Denis", "12 rue Saint - Denis", NOTHING),
    ("Le Haut de la Rue du Bois", "Le Haut de la Rue du Bois", NOTHING),
    ("Sous la Rue du Temple", "Sous la Rue du Temple", NOTHING),
    ("12 rue Carnot<br/>Bât. C", "12 rue Carnot", ("Bât. C",)),
    ("12 rue de l&#39;&Eacute;glise", "12 rue de l'Église", NOTHING),
    (
        "12\N{NO-BREAK SPACE}rue de l’E\N{COMBINING ACUTE ACCENT}glise",
        "12 rue de l'Église",
        NOTHING,
    ),
    ("12 rue «\N{NARROW NO-BREAK SPACE}Carnot\N{NARROW NO-BREAK SPACE}»", "12 rue Carnot", NOTHING),
]

# Boxes and CEDEX (promise P14): forty strings, in the forms of the tests of addok-france and
# of the public buildings of the geocoder-tester suite (Nord); the last answer is the code that
# may be used as one of a place.
BOXES = [
    ("12 rue Carnot 93141 BONDY CEDEX", "12 rue Carnot", "93141", ""),
    ("12 rue Carnot 93141 Bondy Cedex 9", "12 rue Carnot", "93141", ""),
    ("12 rue Carnot 93141 Bondy Cédex", "12 rue Carnot", "93141", ""),
    ("12 RUE CARNOT 93141 BONDY CÉDEX 09", "12 RUE CARNOT", "93141", ""),
    ("12 rue Carnot 93141 Bondy CDEX", "12 rue Carnot", "93141", ""),
    ("12 rue Carnot, 93141 Bondy Cedex, France", "12 rue Carnot", "93141", ""),
    ("12 rue Carnot\n93141 Bondy Cedex", "12 rue Carnot", "93141", ""),
    ("12 rue Carnot CEDEX 9 93141 Bondy", "12 rue Carnot", "93141", ""),
    ("route de chalautre 77488 provins cedex", "route de chalautre", "77488", ""),
    ("2 allée Jules Guesde 31068 TOULOUSE CEDEX 7", "2 allée Jules Guesde", "31068", ""),
    ("7, avenue Léon-Blum 31507 Toulouse Cedex 5", "7 avenue Léon-Blum", "31507", ""),
    ("12 rue Carnot BP 12 93140 Bondy", "12 rue Carnot", "", "93140"),
    ("12 rue Carnot B.P. 12 93140 Bondy", "12 rue Carnot", "", "93140"),
    ("12 rue Carnot B P 12, 93140 Bondy", "12 rue Carnot", "", "93140"),
    ("12 rue Carnot BP n°12 93140 Bondy", "12 rue Carnot", "", "93140"),
    ("12 rue Carnot BP n° 12 - 93140 Bondy", "12 rue Carnot", "", "93140"),
    ("12 rue Carnot bp12 93140 Bondy", "12 rue Carnot", "", "93140"),
    ("12 rue Carnot BP 200023 93140 Bondy", "12 rue Carnot", "", "93140"),
    ("12 rue Carnot Boîte postale 12 93140 Bondy", "12 rue Carnot", "", "93140"),
    ("BP 12 12 rue Carnot 93140 Bondy", "12 rue Carnot", "", "93140"),
    ("BP 12 - 14 rue Carnot 93140 Bondy", "14 rue Carnot", "", "93140"),
    ("BP 80111 159, avenue Jacques-Douzans 31604 Muret", "159 avenue Jacques-Douzans", "", "31604"),
    ("Plateau Chemerault- BP 60205 11 rue Joffre 59440 Avesnes", "11 rue Joffre", "", "59440"),
    ("12 rue Carnot CS 40001 93141 Bondy Cedex", "12 rue Carnot", "93141", ""),
    ("12 rue Carnot C.S. 40001 93141 Bondy Cedex", "12 rue Carnot", "93141", ""),
    ("12 rue Carnot CS40001 93141 Bondy Cedex", "12 rue Carnot", "93141", ""),
    ("12 rue Carnot CS 40 001 93141 Bondy Cedex", "12 rue Carnot", "93141", ""),
    ("CS 40001 12 rue Carnot 93141 Bondy Cedex", "12 rue Carnot", "93141", ""),
    ("CS 60 12 rue Carnot 93141 Bondy Cedex", "12 rue Carnot", "93141", ""),
    ("12 rue Carnot TSA 12345 93141 Bondy Cedex 9", "12 rue Carnot", "93141", ""),
    ("12 rue Carnot CIDEX 4 93140 Bondy", "12 rue Carnot", "", "93140"),
    ("12 rue Carnot 93140 Bondy - BP 5 93141 Bondy Cedex", "12 rue Carnot", "93141", "93140"),
    ("195, rue de Roubaix BP 40725 Centre 59507 Douai Cedex", "195 rue de Roubaix", "59507", ""),
    ("5 rue Blanc - 3ème étage BP 511 59022 LILLE CEDEX", "5 rue Blanc", "59022", ""),
    ("BP 12", "", "", ""),
    ("B.P. 12 93140 Bondy", "", "", "93140"),
    ("BP 12 - 93141 Bondy Cedex", "", "93141", ""),
    ("CS 40001\n93141 Bondy Cedex", "", "93141", ""),
    ("TSA 12345 93141 Bondy CEDEX 9", "", "93141", ""),
    ("CIDEX 4, 93140 Bondy", "", "", "93140"),
]

# Postal codes and communes: glued, in two pieces, before, after; searches of the suite
# geocoder-tester (Île-de-France, Rhône-Alpes, Bretagne), rewritten where they are private.
PLACES = [
    ("12 rue Carnot 93140 Bondy", "12 rue Carnot", "93140", "Bondy"),
    ("12 rue Carnot, 93140, Bondy", "12 rue Carnot", "93140", "Bondy"),
    ("12 rue Carnot - 93140 - Bondy", "12 rue Carnot", "93140", "Bondy"),
    ("12 rue Carnot\n93140 BONDY", "12 rue Carnot", "93140", "BONDY"),
    ("Résidence X\r\n12 rue Carnot\r\n93140 BONDY", "12 rue Carnot", "93140", "BONDY"),
    ("12 rue Carnot75011 Paris", "12 rue Carnot", "75011", "Paris"),
    ("12 rue Carnot 75011PARIS", "12 rue Carnot", "75011", "PARIS"),
    ("4 rue emile combes 38400saint martin d'heres", None, "38400", "saint martin d'heres"),
    ("2 hent coz 29600morlaix", "2 hent coz", "29600", "morlaix"),
    ("12 rue Carnot 75 011 Paris", "12 rue Carnot", "75011", "Paris"),
    ("12 rue Carnot F-75011 Paris", "12 rue Carnot", "75011", "Paris"),
    ("12 rue Carnot FR-75011 Paris", "12 rue Carnot", "75011", "Paris"),
    ("12 rue Carnot CP 75011 Paris", "12 rue Carnot", "75011", "Paris"),
    ("12 rue Carnot (93140)", "12 rue Carnot", "93140", ""),
    ("12 rue Carnot (93140) Bondy", "12 rue Carnot", "93140", "Bondy"),
    ("7 rue desbrest, vichy (03200)", "7 rue desbrest", "03200", "vichy"),
    ("12 rue Carnot, Bondy 93140", "12 rue Carnot", "93140", "Bondy"),
    ("93140 BONDY, 12 rue Carnot", "12 rue Carnot", "93140", "BONDY"),
    ("93140 Bondy 12 rue Carnot", "12 rue Carnot", "93140", "Bondy"),
    ("65000 tarbes rue du brahauban", "rue du brahauban", "65000", "tarbes"),
    ("12 rue Carnot 75011 Paris 11e", "12 rue Carnot", "75011", "Paris 11e"),
    ("12 rue Carnot Paris 11e", "12 rue Carnot", "", "Paris 11e"),
    ("12 RUE CARNOT PARIS 11EME ARRONDISSEMENT", "12 RUE CARNOT", "", None),
    ("12 rue Carnot Lyon 3", "12 rue Carnot", "", "Lyon 3"),
    ("12 rue de Paris 75011 Paris", "12 rue de Paris", "75011", "Paris"),
    ("4-16 cours des ateliers 75014 paris 14e arrdt", None, "75014", "paris 14e arrdt"),
    ("26 AV ANDRE ROUSSIN 13016 MARSEILLE 16", "26 AV ANDRE ROUSSIN", "13016", "MARSEILLE 16"),
    ("12 rue Carnot 95700 Roissy en France", "12 rue Carnot", "95700", "Roissy en France"),
    ("12 rue Carnot 93140 Bondy FRANCE", "12 rue Carnot", "93140", "Bondy"),
    ("12 rue Carnot 93140 Bondy Résidence X", "12 rue Carnot", "93140", "Bondy"),
    ("12 rue Carnot 93140 Bondy Bât C", "12 rue Carnot", "93140", "Bondy"),
    ("12 cours Napoléon 20000 Ajaccio", "12 cours Napoléon", "20000", "Ajaccio"),
    ("1 rue saint roch 2B238 Poggio-di-Venaco", "1 rue saint roch", "", "Poggio-di-Venaco"),
    ("9 Rue Raymond Cresson 97310 Kourou", "9 Rue Raymond Cresson", "97310", "Kourou"),
    ("12 rue du Dôme / Münstergass 67000 Strasbourg", "12 rue du Dôme", "67000", "Strasbourg"),
    ("2 hent Kozh, 29600 Montroulez", "2 hent Kozh", "29600", "Montroulez"),
    ("Sorholüze Karrika 64130 Mauléon", "Sorholüze Karrika", "64130", "Mauléon"),
    ("adresse: 2-4, impasse lamier – 75011 paris", "2 impasse lamier", "75011", "paris"),
    ("villeroy. 6 rue chapon paris 3ème", "6 rue chapon", "", "paris 3ème"),
    ("friche 77, rue des cités 93300 aubervilliers", "77 rue des cités", "93300", None),
    ("8, route de semur – rd 970 – 21320 sainte-sabine", None, "21320", "sainte-sabine"),
    ("sci 110 rue d'entraigues 37000 tours", "110 rue d'entraigues", "37000", "tours"),
    ("28 rue d'aubervilliers 75018", "28 rue d'aubervilliers", "75018", ""),
    ("Cité administrative - 8e étage Rue Delory 59017 Lille", "Rue Delory", "59017", "Lille"),
    ("MAIRIE PLACE DES ECOSSAIS 59225 CLARY", "PLACE DES ECOSSAIS", "59225", "CLARY"),
    ("GRAND PLACE CAESTRE 59190 CAESTRE", "GRAND PLACE", "59190", "CAESTRE"),
    (
        "resid goelands 28 bis impasse des petrels 76460 X",
        "28bis impasse des petrels",
        "76460",
        "X",
    ),
]

# What is no address in France: nothing to ask, or nothing but the commune.
NO_STREET = [
    *("AB 123", "ab123", "parcelle AB 123", "section AB n° 12, 13 et 14", "Parcelle 12 section AB"),
    *("48.9028, 2.4827", "48°54'10\"N 2°28'57\"E", "lat 48.9028 lon 2.4827", "01 48 47 00 00"),
    *("Néant", "NC", "n/a", "à définir", "adresse à définir", "en cours de définition", "inconnue"),
    *("confidentiel", "3e étage", "chez Mme Y", "BP 12", "contact@exemple.fr", "s/n", "-", "?"),
]
FOREIGN = [
    ("12 avenue Princesse Grace 98000 Monaco", "Monaco"),
    ("12 rue Grimaldi, Monaco", "Monaco"),
    ("12 rue Neuve, 1000 Bruxelles, Belgique", "Belgique"),
    ("12 rue Neuve\n1000 Bruxelles Belgique", "Belgique"),
    ("12 rue Neuve, B-1000 Bruxelles", "B-1000"),
    ("rue du Rhône 3, CH-1204 Genève", "CH-1204"),
    ("12 rue Neuve, D-66111 Saarbrücken", "D-66111"),
    ("12 rue Neuve, Luxembourg", "Luxembourg"),
]


@pytest.mark.parametrize(("text", "number", "suffix", "street", "others"), NUMBERS)
def test_numbers(text: str, number: str, suffix: str, street: str, others: tuple[str, ...]) -> None:
    found = read_address(text)
    assert (found.number, found.suffix, found.street) == (number, suffix, street)
    assert found.other_numbers == others


@pytest.mark.parametrize(("text", "line"), NAMES)
def test_numbers_of_a_name(text: str, line: str) -> None:
    assert read_address(text).line == line


@pytest.mark.parametrize(("text", "line", "left_out"), INSIDE + AROUND)
def test_what_is_left_out_is_told(text: str, line: str | None, left_out: object) -> None:
    found = read_address(text)
    assert found.line == (text if line is None else line)
    assert left_out is None or found.left_out == left_out


@pytest.mark.parametrize(("text", "line", "cedex", "postcode"), BOXES)
def test_boxes_and_cedex(text: str, line: str, cedex: str, postcode: str) -> None:
    found = read_address(text)
    assert (found.line, found.cedex_postcode, found.postcode) == (line, cedex, postcode)
    assert found.is_box_only == (not line)
    assert found.is_usable == bool(line)
    assert "cedex" not in found.commune.casefold()


def test_forty_strings_of_boxes_and_cedex() -> None:
    assert len(BOXES) == 40


@pytest.mark.parametrize(("text", "line", "postcode", "commune"), PLACES)
def test_postal_codes_and_communes(
    text: str, line: str | None, postcode: str, commune: str | None
) -> None:
    found = read_address(text)
    assert line is None or found.line == line
    assert found.postcode == postcode
    assert commune is None or found.commune == commune


@pytest.mark.parametrize("text", NO_STREET)
def test_what_is_no_address_is_not_asked(text: str) -> None:
    assert not read_address(text).is_usable
    assert not read_address(f"{text} 93140 Bondy").is_usable
    assert not read_address(f"{text} Bondy", commune="Bondy").is_usable
    assert read_address(f"12 rue Carnot, {text}").line == "12 rue Carnot"


@pytest.mark.parametrize(("text", "country"), FOREIGN)
def test_an_address_abroad_is_not_asked(text: str, country: str) -> None:
    found = read_address(text)
    assert found.country == country
    assert not found.is_usable


@pytest.mark.parametrize(
    "text", ["rue de Monaco", "12 place de Belgique 93140 Bondy", "12 rue du Luxembourg"]
)
def test_streets_called_after_a_country_are_french(text: str) -> None:
    assert read_address(text).is_usable


# Searches of the geocoder-tester suite (synonyms) and streets of Bondy: one street each.
@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("4 rue 11 novembre", "Rue Onze Novembre"),
        ("Place du 12 Mai", "Place du Douze Mai"),
        ("4 Place du 1er Mai", "Place du Premier Mai"),
        ("rue du 19 mars 1962", "Rue du Dix-Neuf Mars 1962"),
        ("12 rue mlle bourgeois", "Rue Mademoiselle Bourgeois"),
        ("rue mgr favier", "Rue Monseigneur Favier"),
        ("psg choiseul", "Passage Choiseul"),
        ("zi les chanoux", "Zone Industrielle les Chanoux"),
        ("12 RN 20", "Route Nationale 20"),
        ("D12", "Route départementale 12"),
        ("LD Kerbiquet", "Lieu-dit Kerbiquet"),
    ],
)
def test_one_street_in_two_spellings(text: str, same: str) -> None:
    assert street_key(read_address(text).line) == street_key(same)
