"""The law as data: tables whose rows have a source and dates, and pure functions over them (`domain.md` 4 to 7). Integers only.

`tables` says what a row is and refuses what no row covers; `base_rate` and `interest` are BGB 247 and 288, `agency_fees` RDG 13e with
RVG, `limitation` BGB 195 to 212, `bureau_report` BDSG 31(2), `pauses` the two kinds of breathing space, `first_letter` RDG 13a.
"""
