"""The tree that `describe` shows."""

from uuid import uuid4

from eventtracking.settings import describe


def test_settings_are_described_as_a_tree():
    """An operator sees where events go."""
    settings = {
        "EVENT_TRACKING_PROCESSORS": [{"ENGINE": "a.Tag"}],
        "EVENT_TRACKING_BACKENDS": {
            "log": {"ENGINE": "a.Log", "OPTIONS": {"path": "tracking.log"}},
            "net": {
                "ENGINE": "a.Router",
                "OPTIONS": {
                    "backends": {"s": {"ENGINE": "a.S", "OPTIONS": {"write_key": {"ENV": "K"}}}},
                    "names": ["a", "b"],
                },
            },
        },
    }

    assert describe(settings).splitlines() == [
        "EVENT_TRACKING_ENABLED = True",
        "EVENT_TRACKING_TIME_ZONE = 'UTC'",
        "EVENT_TRACKING_PROCESSORS",
        "└─ [0]: a.Tag",
        "EVENT_TRACKING_BACKENDS",
        "├─ log: a.Log",
        "│  └─ path = 'tracking.log'",
        "└─ net: a.Router",
        "   ├─ backends",
        "   │  └─ s: a.S",
        "   │     └─ write_key = ******** from environment variable 'K'",
        "   └─ names = ['a', 'b']",
    ]


def test_missing_settings_are_shown_with_their_defaults():
    """The tree shows the values in effect."""
    assert describe({}).splitlines() == [
        "EVENT_TRACKING_ENABLED = True",
        "EVENT_TRACKING_TIME_ZONE = 'UTC'",
        "EVENT_TRACKING_PROCESSORS = []",
        "EVENT_TRACKING_BACKENDS = {}",
    ]


def test_wrong_settings_are_described_too():
    """The tree is most useful when something is wrong."""
    loop = {}
    loop["a"] = loop
    settings = {
        "EVENT_TRACKING_ENABLED": object(),
        "EVENT_TRACKING_PROCESSORS": 5,
        "EVENT_TRACKING_BACKENDS": {"x": {"ENGINE": None, "OPTIONS": 3, "y": loop}, 4: "d\n"},
    }

    lines = describe(settings).splitlines()

    assert "EVENT_TRACKING_PROCESSORS = 5" in lines
    assert "├─ x: None" in lines
    assert "└─ 4 = 'd\\n'" in lines


def test_malformed_json_is_hidden_in_the_tree():
    """The secrets in it cannot be located."""
    assert "EVENT_TRACKING_BACKENDS = ... (text)" in describe({"EVENT_TRACKING_BACKENDS": "{"})


def test_a_long_value_is_shortened():
    """Each value takes one line."""
    settings = {"EVENT_TRACKING_BACKENDS": {"x": {"ENGINE": "a.B", "OPTIONS": {"o": "z" * 500}}}}

    assert all(len(line) < 150 for line in describe(settings).splitlines())


def test_a_masked_value_keeps_its_quotation_marks():
    """They show where a text ends."""
    secret = uuid4().hex
    options = {"api_secret": secret.encode(), "url": f"https://h/?token={secret}"}
    settings = {"EVENT_TRACKING_BACKENDS": {"x": {"ENGINE": "a.B", "OPTIONS": options}}}

    tree = describe(settings)

    assert "api_secret = '********'\n" in tree
    assert tree.endswith("url = 'https://h/?token=********'")
