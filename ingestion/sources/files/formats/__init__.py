"""Formats: declarations of how files that are no tables of bets become bets.

`declaration.py` is the language, `translation.py` what it does with a page, `known_formats.py` which formats there are
and which one a file is of, `example.py` how to begin one. `*.toml` are the formats that ship, `*.phrases.toml` the
tables of phrases that they and others may use.
"""
