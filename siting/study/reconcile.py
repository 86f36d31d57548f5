"""The list of communes of a call, against the register of today."""

from __future__ import annotations

import pandas as pd

from siting.reconciled import reconciled_list
from siting.rule_packs import RulePack
from siting.sources.reference import read_commune_history, read_commune_register


def reconciled_call(pack: RulePack) -> pd.DataFrame:
    """
    Reconcile the communes that a call lists with the register and the history of communes.

    Returns
    -------
    reconciled
        Table `RECONCILED` (`siting.reconciled`), empty for a call without a list.

    Raises
    ------
    DataError
        If the reference data are damaged.
    """
    return reconciled_list(
        pack.listed_communes,
        register=read_commune_register(),
        history=read_commune_history(),
        departements=pack.departements,
    )
