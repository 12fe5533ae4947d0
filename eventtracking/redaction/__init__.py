"""
Find secrets in the data of events and replace them.

`values` walks through an event of any shape. `field_rules` chooses a value test (`value_tests`)
for each field: by its name (`field_names`, `vocabulary`), or by its neighbours. `scalars` redacts
single values.

`text` redacts one text. JSON is parsed and handled as a value. In any other text, `decoding`
removes one layer of encoding after another, and the finders search each layer for secrets:
`credentials`, `tokens`, `cards`, `pairs` with `pair_formats` (names and their values), and
`personal_data` on request. They report spans, which are replaced in the original text.

Most events contain no secret, so `SensitiveFieldGuard` tries `fast_path` first. It collects all
texts of an event for `prefilter`, which searches them together for the indicators of every
finder, and for long words and rows of digits (`candidates`). Only the texts that it selects are
scanned by `text`, and only events with an unusual shape are left to `values`. The fast path gives
the same results as the full walk.
"""
