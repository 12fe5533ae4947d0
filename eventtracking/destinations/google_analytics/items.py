"""What an event of a shop is about: the one list of objects that Google Analytics takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from eventtracking.destinations.google_analytics.values import Value, written_value
from eventtracking.serialization import plain

Item: TypeAlias = dict[str, Value]

ITEMS = "items"
"""What the list is called, in the data and there."""

# https://developers.google.com/analytics/devguides/collection/protocol/ga4/reference/events
MAX_ITEMS = 200
_MAX_CHARACTERS = 100
_MAX_CUSTOM = 10
_KNOWN = frozenset(
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


def items_of(value: Sequence[Any], call: Callable[[str], str]) -> list[Item]:
    """
    Return *value* as items; none unless each of it has an id or a name.

    Args:
        value: What an event has under `ITEMS`.
        call: Returns what a parameter is called there; nothing if it is not to be sent.
    """
    items = [_item(each, call) for each in value[:MAX_ITEMS]]
    return items if all(items) else []


def _item(thing: Any, call: Callable[[str], str]) -> Item:
    known = plain(thing) if isinstance(thing, Mapping) else None
    item: Item = {}
    custom = 0
    for key, value in known.items() if isinstance(known, dict) else ():
        called = call(key)
        is_custom = called not in _KNOWN
        written = written_value(value, _MAX_CHARACTERS)
        if not called or called in item or written is None or (is_custom and custom == _MAX_CUSTOM):
            continue
        item[called] = written
        custom += is_custom
    return item if item.get("item_id") or item.get("item_name") else {}
