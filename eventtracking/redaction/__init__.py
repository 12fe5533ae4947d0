"""
Find secrets in the data of events and replace them.

`values` walks through an event of any shape. `field_rules` chooses a value test (`value_tests`)
for each field: by its name (`field_names`, `vocabulary`), or by its neighbours. `scalars` redacts
the single values.

`text` redacts one text. JSON is parsed and handled as a value. In any other text, `decoding`
removes one layer of encoding after the other, and the finders look for secrets in each layer:
`credentials`, `tokens`, `cards`, `pairs` with `pair_formats` (names and their values), and
`personal_data` on request. They report spans, which are replaced in the original text.

Most events hold no secret, so the guard asks `fast_path` first. It collects all texts of an event
for `prefilter`, which searches them together for the indicators of every finder, and with
`candidates` for long words and rows of digits. Only the texts that it reports are scanned by
`text`, and only events of an unusual shape are left to `values`. The results are the same.
"""
