"""The names that are reserved in Google Analytics."""

from __future__ import annotations

# https://developers.google.com/analytics/devguides/collection/protocol/ga4/reference
# and the constants of the Android client. The three app events are for apps only.
APP_EVENTS = ("ad_impression", "in_app_purchase", "screen_view")
EVENTS = frozenset(
    (
        *APP_EVENTS,
        "ad_activeview",
        "ad_click",
        "ad_exposure",
        "ad_query",
        "ad_reward",
        "adunit_exposure",
        "app_background",
        "app_clear_data",
        "app_exception",
        "app_install",
        "app_remove",
        "app_store_refund",
        "app_store_subscription_cancel",
        "app_store_subscription_convert",
        "app_store_subscription_renew",
        "app_update",
        "app_upgrade",
        "error",
        "firebase_campaign",
        "first_open",
        "first_visit",
        "ga_campaign",
        "ga_extra_parameter",
        "notification_dismiss",
        "notification_foreground",
        "notification_open",
        "notification_receive",
        "os_update",
        "session_start",
        "session_start_with_rollout",
        "user_engagement",
    )
)
PARAMETERS = frozenset(("firebase_conversion",))
PREFIXES = ("_", "firebase_", "ga_", "google_", "gtag.")
