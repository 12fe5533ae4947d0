"""Items of a purchase: the only list of objects that Google Analytics accepts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from eventtracking.destinations.google_analytics.parameter_values import Value, parameter_value
from eventtracking.serialization import plain

Item: TypeAlias = dict[str, Value]

ITEMS = "items"
"""The name of the list, both in the data of an event and in Google Analytics."""

# https://developers.google.com/analytics/devguides/collection/protocol/ga4/reference/events
MAX_ITEMS = 200
_MAX_CHARACTERS = 100
_MAX_CUSTOM_PARAMETERS = 10
_STANDARD_PARAMETERS = frozenset(
    (
        "affiliation",
        "coupon",
        "creative_name",
        "creative_slot",
        "discount",
        "index",
        "item_brand",
        "item_category",
        "item_category2",
        "item_category3",
        "item_category4",
        "item_category5",
        "item_id",
        "item_list_id",
        "item_list_name",
        "item_name",
        "item_variant",
        "location_id",
        "price",
        "promotion_id",
        "promotion_name",
        "quantity",
    )
)


def encode_items(value: Sequence[Any], name_of: Callable[[str], str]) -> list[Item]:
    """
    Return *value* as items; an empty list unless every item has an id or a name.

    Args:
        value: The `items` in the data of an event.
        name_of: Returns the name of a parameter in Google Analytics, or an empty text if
            the parameter must not be sent.
    """
    items = [_item(each, name_of) for each in value[:MAX_ITEMS]]
    return items if all(items) else []


def _item(value: Any, name_of: Callable[[str], str]) -> Item:
    known = plain(value) if isinstance(value, Mapping) else None
    item: Item = {}
    custom_parameters = 0
    for key, field in known.items() if isinstance(known, dict) else ():
        name = name_of(key)
        encoded = parameter_value(field, _MAX_CHARACTERS)
        if not name or name in item or encoded is None:
            continue
        if name not in _STANDARD_PARAMETERS:
            if custom_parameters == _MAX_CUSTOM_PARAMETERS:
                continue
            custom_parameters += 1
        item[name] = encoded
    return item if item.get("item_id") or item.get("item_name") else {}
