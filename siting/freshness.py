"""How old what is known of a service is, on the day of the map: never on the day of the run."""

from __future__ import annotations

import datetime as dt

import pandas as pd

# More than three years old: to be confirmed on the spot. Siting's own choice, shown as such.
CONFIRM_DAYS = 1096


def to_confirm(services: pd.DataFrame, *, mapped_on: str) -> pd.Series:
    """
    Tell which services were last checked or edited more than `CONFIRM_DAYS` before the map.

    A service is not known to be closed because it is old; nor open because it is not.

    Parameters
    ----------
    services
        Table SERVICES.
    mapped_on
        ISO date of the map; empty when unknown.

    Returns
    -------
    to_confirm
        Boolean, indexed as `services`; missing where the date of the service, or of the map, is
        not known to the day.
    """
    seen = pd.to_datetime(services["observed_on"], format="%Y-%m-%d", errors="coerce")
    if not mapped_on:
        return pd.Series(pd.NA, index=services.index, dtype="boolean")
    age_days = (pd.Timestamp(dt.date.fromisoformat(mapped_on)) - seen).dt.days
    return (age_days > CONFIRM_DAYS).astype("boolean").mask(seen.isna())
