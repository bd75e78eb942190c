"""The language of formats: what a mapping may say, what it makes of a file, and what is said of one that is wrong."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from feature_repo.bets.odds import american_of_decimal
from feature_repo.errors import ConfigurationError, SourceRejected
from ingestion.sources.files.csv import delimiter_of
from ingestion.sources.files.file_source import open_file
from ingestion.sources.files.formats.declaration import FormatInvalid
from ingestion.sources.files.formats.known_formats import declared_format, read_mapping
from quality.schema import validate
from tests.builders.bet_files import NOW, csv_text

DOCUMENT = (Path(__file__).parents[3] / "docs" / "formats.md").read_text()
BLOCKS = re.findall(r"```toml\n(.*?)```", DOCUMENT, re.DOTALL)
# A mapping that reads these columns; tests replace one table of it.
PLAIN = {
    "id": 'from = "no"',
    "bet_type": 'constant = "straight"',
    "status": 'from = "result"',
    "american_odds": 'from = "price"',
    "amount": 'from = "stake"',
    "profit": 'from = "net"',
    "updated_at": 'from = "at"',
    "time_placed": 'from = "at"',
}
ROW = {"no": "7", "result": "SETTLED_WIN", "price": "150", "stake": "10", "net": "15", "at": "2026-05-01T10:00:00Z"}


def mapping(beside="", **tables):
    """The mapping with these tables in place of its own; a list is several tables for one column."""
    lines = [beside]
    for column, rules in {**PLAIN, **tables}.items():
        for rule in [rules] if isinstance(rules, str) else rules:
            lines += [f"[[bets.{column}]]", rule]
    return "\n".join(lines)


@pytest.fixture
def read(write):
    """The only page of these rows by a mapping, as a CSV file."""

    def read(declaration, *rows, name="bets.csv", content=None):
        path = write(name, csv_text(*rows) if content is None else content)
        (page,) = open_file(path, mapping=declared_format(declaration)).pages()
        return page

    return read


@pytest.fixture
def made(read):
    """The value that one rule (or several) makes for a column of the bet, from columns beside those of ROW."""

    def made(column, rules, beside="", **cells):
        page = read(mapping(beside, **{column: rules}), {**ROW, **cells})
        return page.rows[column][0], page.problems[0]

    return made


# ---- where a value comes from ----------------------------------------------------------------------------------------


def test_format_renames_columns_and_keeps_the_payload_as_sent(read):
    page = read(mapping(), {**ROW, "note": "x"})
    assert page.rows.select("id", "status", "amount").row(0) == ("7", "SETTLED_WIN", "10")
    assert json.loads(page.payload[0]) == {**ROW, "note": "x"}
    assert page.unknown_columns == ("note",)
    assert page.columns == set(PLAIN)


def test_first_of_several_source_columns_with_a_value_is_read(made):
    assert made("market", 'from = ["a", "b"]', a=" ", b="Total") == ("Total", None)


def test_rules_are_tried_from_the_top_for_each_row(read):
    rules = ['where = { side = "lay" }\nfrom = "liability"', 'from = "stake"']
    page = read(
        mapping(amount=rules), {**ROW, "side": "Lay", "liability": "11"}, {**ROW, "side": "Back", "liability": ""}
    )
    assert page.rows["amount"].to_list() == ["11", "10"]


def test_condition_on_a_bet_column_compares_normalised_values(read):
    rules = ['when = { status = "PENDING" }\nconstant = 0', 'from = "net"']
    page = read(mapping(profit=rules), {**ROW, "result": "placed"}, {**ROW, "net": "15"})
    assert page.rows["profit"].to_list() == ["0", "15"]


def test_id_digested_from_columns_is_equal_for_equal_cells_and_different_otherwise(read):
    declared = mapping(id='digest_of = ["at", "price"]')
    ids = read(declared, ROW, {**ROW, "net": "-10"}, {**ROW, "price": "151"}).rows["id"].to_list()
    assert ids[0] == ids[1] != ids[2]
    assert re.fullmatch("[0-9a-f]{24}", ids[0])
    assert read(declared, ROW).rows["id"][0] == ids[0]


def test_row_blank_in_all_digest_columns_has_no_id(read):
    page = read(mapping(id='digest_of = ["a", "b"]'), {**ROW, "a": "", "b": " "})
    assert page.rows["id"].to_list() == [None]


def test_eighteen_digit_id_keeps_every_digit_in_any_type_of_file(write, tmp_path):
    number = 123456789012345678
    pq.write_table(
        pa.table({name: pa.array([number if name == "no" else value]) for name, value in ROW.items()}),
        tmp_path / "bets.parquet",
    )
    rows = [{**ROW, "no": number}, {**ROW, "no": 1.5}]
    paths = [
        tmp_path / "bets.parquet",
        write("bets.jsonl", "".join(json.dumps(row) + "\n" for row in rows)),
        write("bets.csv", csv_text({**ROW, "no": str(number)})),
    ]
    for path in paths:
        (page,) = open_file(path, mapping=declared_format(mapping())).pages()
        assert validate(page.rows.head(1), NOW).accepted["id"].to_list() == [str(number)]


# ---- what is done with it --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "price", "american", "exact"),
    [
        ("decimal", "2.10", 110, 110),
        ("decimal", "1.91", -110, -109.8901),
        ("decimal", "1.32", -312, -312.5),
        ("decimal", "3.125", 213, 212.5),
        ("decimal", "2.00", 100, 100),
        ("decimal", "130.91", 12991, 12991),
        ("american", "-110", -110, -110),
        ("lay", "3.00", -200, -200),
    ],
)
def test_a_price_becomes_whole_american_odds_and_exact_odds(kind, price, american, exact, made):
    rule = f'from = "p"\nprice = "{kind}"'
    assert made("american_odds", rule, p=price) == (american, None)
    assert made("odds", rule, p=price) == (exact, None)
    assert kind != "decimal" or american_of_decimal(float(price)) == american


@pytest.mark.parametrize(
    ("kind", "price"), [("decimal", "1.00"), ("decimal", "0.9"), ("decimal", "2,10"), ("american", "99"), ("lay", "x")]
)
def test_unreadable_price_is_a_problem_of_the_row(kind, price, made):
    value, problem = made("american_odds", f'from = "p"\nprice = "{kind}"', p=price)
    assert value is None
    assert problem.startswith("p: not a")


def test_a_blank_price_is_null_and_no_problem(made):
    assert made("american_odds", 'from = "p"\nprice = "decimal"', p="") == (None, None)


@pytest.mark.parametrize(
    ("kind", "taken", "close", "clv"), [("decimal", "6.89", "3.46", 99.1329), ("american", "150", "100", 25.0)]
)
def test_the_closing_line_value_is_the_gain_over_the_closing_price(kind, taken, close, clv, made):
    assert made("clv_percentage", f'clv_of = ["t", "c"]\nprice = "{kind}"', t=taken, c=close) == (clv, None)


def test_cents_and_payouts_become_stake_and_profit_in_currency(made):
    assert made("amount", 'from = "c"\nunit = "cents"', c="1250") == (12.5, None)
    assert made("profit", 'from = "payout"\nminus = "stake"', payout="25.5") == (15.5, None)
    assert made("amount", 'from = "c"\nunit = "cents"', c="12.50 EUR")[1] == "c: not a finite number"


@pytest.mark.parametrize(
    ("text", "rule", "instant"),
    [
        ("02/24/2026 19:53:23 GMT", 'pattern = "%m/%d/%Y %H:%M:%S %Z"', "2026-02-24T19:53:23"),
        ("05/23/2025, 09:41 EDT", 'pattern = "%m/%d/%Y, %H:%M %Z"', "2025-05-23T13:41:00"),
        ("Sep 29 2024 9:18 PM", 'pattern = "%b %d %Y %I:%M %p"\nzone = "Europe/London"', "2024-09-29T20:18:00"),
        ("2024-07-01T12:00:00", 'zone = "America/New_York"', "2024-07-01T16:00:00"),
        ("2024-07-01T12:00:00Z", 'zone = "America/New_York"', "2024-07-01T12:00:00"),
        # An hour that the clocks of New York show twice.
        ("2024-11-03T01:30:00", 'zone = "America/New_York"', "2024-11-03T06:30:00"),
        ("2024-07-01T12:00:00+02:00", 'plus = "4 h"', "2024-07-01T14:00:00"),
        ("01.07.2024 12:00", 'pattern = ["%d/%m/%Y %H:%M", "%d.%m.%Y %H:%M"]', "2024-07-01T12:00:00"),
    ],
)
def test_time_is_read_by_the_pattern_and_zone_of_the_rule(text, rule, instant, read):
    declared = mapping('[zones]\nEDT = "-04:00"\n', time_placed=f'from = "t"\n{rule}')
    page = read(declared, {**ROW, "t": text})
    result = validate(page.rows.drop("updated_at").with_columns(updated_at=page.rows["time_placed"]), NOW)
    assert [f"{value:%Y-%m-%dT%H:%M:%S}" for value in result.accepted["time_placed"]] == [instant]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("24/02/2026 19:53:23 GMT", 'pattern = "%m/%d/%Y %H:%M:%S %Z"'),
        ("02/24/2026 19:53:23 XST", 'pattern = "%m/%d/%Y %H:%M:%S %Z"'),
        # An hour that the clocks of New York skip.
        ("2024-03-10T02:30:00", 'zone = "America/New_York"'),
    ],
)
def test_unreadable_time_is_a_problem_of_the_row(text, rule, made):
    value, problem = made("time_placed", f'from = "t"\n{rule}', t=text)
    assert value is None
    assert problem.startswith("t: not a time")


def test_a_time_without_a_zone_is_counted_as_read_as_utc(read):
    page = read(mapping(time_placed='from = "t"\npattern = "%d/%m/%Y %H:%M"'), {**ROW, "t": "01/05/2026 09:00"})
    assert validate(page.rows, NOW).naive_timestamps == 1


@pytest.mark.parametrize(
    ("cell", "value"), [("NBA | NBA", "NBA"), ("NBA", "NBA"), ("NBA | NHL", "Parlay"), ("NBA | ", "NBA"), ("", None)]
)
def test_joined_equal_names_become_that_name(cell, value, made):
    assert made("league", 'from = "l"\njoined = "|"\nmixed = "Parlay"', l=cell) == (value, None)


PHRASES = """
[[phrases.own]]
any = ["both teams to score"]
market = "BTTS"
[[phrases.own]]
pattern = '^over\\s'
market = "Total"
sport = "Soccer"
"""


@pytest.mark.parametrize(
    ("text", "market", "sport"),
    [
        ("Yes Both Teams to Score", "BTTS", None),
        ("OVER 2.5", "Total", "Soccer"),
        ("Rovers win", None, None),
        ("", None, None),
    ],
)
def test_phrase_gives_each_column_the_name_declared_for_that_column(text, market, sport, made):
    assert made("market", 'from = "x"\nphrases = "own"', PHRASES, x=text) == (market, None)
    assert made("sport", 'from = "x"\nphrases = "own"', PHRASES, x=text) == (sport, None)


@pytest.mark.parametrize(("cell", "is_live"), [("boost, LIVE", True), ("live", True), ("alive", False), ("", False)])
def test_tag_is_matched_as_a_whole_tag_of_the_cell(cell, is_live, made):
    assert made("is_live", 'from = "tags"\ntagged = "live"', tags=cell) == (is_live, None)


def test_spellings_blanks_and_aliases_replace_whole_values(made):
    assert made("status", 'from = "r"\nspellings = { won = "SETTLED_WIN" }', r=" Won ") == ("SETTLED_WIN", None)
    assert made("amount", 'from = ["a", "stake"]', 'blanks = ["--"]\n', a="--") == ("10", None)
    aliases = '[aliases.institution_name]\n"Fanduel Sportsbook" = "FanDuel"\n'
    assert made("institution_name", 'from = "b"', aliases, b="fanduel sportsbook") == ("FanDuel", None)


def test_equal_spellings_and_aliases_in_two_letter_cases_are_merged(made):
    rule = 'from = "m"\nspellings = { Won = "a", won = "a" }'
    assert made("market", rule, "[aliases.market]\nA = 'b'\na = 'b'", m="WON") == ("b", None)


@pytest.mark.parametrize("pattern", [r"^(\p{L}+)", r"^(?<sport>[A-Z]+)"])
def test_extract_takes_the_text_of_the_group_in_the_pattern(pattern, made):
    assert made("sport", f"from = 'm'\nextract = '{pattern}'", m="NBA 7") == ("NBA", None)


def test_problem_names_the_source_column_that_the_value_came_from(read):
    rule = 'from = ["iso", "gmt"]\npattern = "%m/%d/%Y %H:%M %Z"'
    page = read(mapping(time_placed=rule), {**ROW, "iso": "", "gmt": "02/29/2023 10:00 GMT"}, {**ROW, "iso": "x"})
    assert [problem.partition(":")[0] for problem in page.problems] == ["gmt", "iso"]


def test_members_of_objects_are_read_by_dotted_names(read, tmp_path):
    declared = mapping(sport='from = "event.sport"')
    page = read(declared, name="bets.jsonl", content=json.dumps({**ROW, "event": {"sport": "Golf", "x": 1}}) + "\n")
    assert (page.rows["sport"][0], page.unknown_columns) == ("Golf", ())
    table = pa.table({**{name: [value] for name, value in ROW.items()}, "event": [{"sport": "Golf"}]})
    pq.write_table(table, tmp_path / "bets.parquet")
    (page,) = open_file(tmp_path / "bets.parquet", mapping=declared_format(declared)).pages()
    assert page.rows["sport"][0] == "Golf"


def test_a_dotted_name_that_no_object_of_the_file_has_is_a_missing_column(write, tmp_path):
    flat = {**ROW, "event": "A v B"}
    pq.write_table(pa.table({name: [value] for name, value in flat.items()}), tmp_path / "bets.parquet")
    deep = {**ROW, "event": {"league": {"sport": "Golf"}}}
    pq.write_table(pa.table({name: [value] for name, value in deep.items()}), tmp_path / "deep.parquet")
    paths = [
        write("bets.csv", csv_text(flat)),
        write("bets.jsonl", json.dumps(flat) + "\n"),
        write("deep.jsonl", json.dumps(deep) + "\n"),
        tmp_path / "bets.parquet",
        tmp_path / "deep.parquet",
    ]
    for path in paths:
        with pytest.raises(SourceRejected, match=r"reads: event\.sport\."):
            open_file(path, mapping=declared_format(mapping(sport='from = "event.sport"')))


def test_a_dotted_name_may_be_the_name_of_a_column_itself(read):
    page = read(mapping(sport='from = "event.sport"'), {**ROW, "event.sport": "Golf"})
    assert (page.rows["sport"][0], page.unknown_columns) == ("Golf", ())


def test_dotted_name_first_present_in_a_later_row_is_read(read):
    rows = [{**ROW, "event": None}, {**ROW, "event": {"league": {"sport": "Golf"}}}]
    content = "".join(json.dumps(row) + "\n" for row in rows)
    page = read(mapping(sport='from = "event.league.sport"'), name="bets.jsonl", content=content)
    assert page.rows["sport"].to_list() == [None, "Golf"]


# ---- what is said of a mapping that is wrong -------------------------------------------------------------------------


def test_all_faults_of_a_mapping_are_named_at_once(write):
    text = mapping(
        "[aliases.leage]\nnba = 'NBA'",
        sprot='from = "s"',
        amount='form = "stake"',
        profit='from = "net"\nconstant = 0',
        time_placed='from = "at"\npattern = "%d/%m/%Y"\nzone = "Mars/North"',
    )
    with pytest.raises(ConfigurationError) as refused:
        read_mapping(write("mine.toml", text))
    said = str(refused.value)
    assert "bets.amount.0.form: unknown (did you mean 'from'?)" in said
    assert "bets.profit.0: needs one of" in said
    assert "not one of a date with a time of day" in said
    assert "bets.sprot: no column of a bet (did you mean 'sport'?)" in said
    assert "aliases.leage: no column of a bet (did you mean 'league'?)" in said


def test_mapping_faults_name_every_column_with_a_missing_table_of_phrases():
    rule = 'from = "m"\nphrases = "marktes"'
    with pytest.raises(FormatInvalid) as refused:
        declared_format(mapping(market=rule, sport=rule, amount='of = "roi"'))
    assert refused.value.problems == (
        "bets.amount: goes by 'roi', which the format does not make (did you mean 'profit'?)",
        "bets.market.phrases: no table is called 'marktes' (did you mean 'markets'?)",
        "bets.sport.phrases: no table is called 'marktes' (did you mean 'markets'?)",
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (mapping(sprot='from = "s"'), "bets.sprot: no column of a bet (did you mean 'sport'?)"),
        (mapping(profit='unless = { status = "OPENED" }\nfrom = "net"'), "bets.profit: status can never be 'OPENED'"),
        (mapping(profit='of = "amount"', amount='of = "profit"'), "no column can go by itself"),
        (mapping(amount='of = "roi"'), "bets.amount: goes by 'roi', which the format does not make"),
        (mapping(market='from = "m"\nphrases = "marktes"'), "no table is called 'marktes'"),
        (mapping(market="from = 'm'\nextract = '('"), "not a pattern"),
        (mapping(sport='from = "s"\nprice = "decimal"'), "bets.sport.price: only for"),
        ('extends = "pikit-export"', "no format is called 'pikit-export' (did you mean 'pikkit-export'?)"),
        ("[bets.id]\nfrom = 'no'", "bets: says nothing of bet_type, status"),
        ("[bets", "not readable as TOML"),
        ("a = " + "[" * 5000 + "]" * 5000, "nested too deeply"),
        (mapping('name = "m\\u0000"'), "has the character NUL"),
        (mapping(profit='from = ["net", "n\\u0000"]'), "has the character NUL"),
        ('extends = ["pikkit-export"]', "no format is called ['pikkit-export']"),
        (mapping(market="from = 'm'\nextract = '(?<x>[A-Z])(b)'"), "extract needs one group"),
        (mapping(time_placed='from = "at"\nplus = "99999999999999 d"'), "plus is not a length"),
        (mapping(time_placed='from = "at"\nplus = "3651 d"'), "plus is not a length"),
        *(
            (
                mapping(time_placed=f'from = "at"\nzone = "{zone}"'),
                f"zone is not one such as America/New_York: {zone!r}",
            )
            for zone in ("", "localtime", "right/UTC", "posix/America/New_York", "posixrules")
        ),
        (mapping(status='from = "r"\nspellings = { Won = "SETTLED_WIN", won = "PENDING" }'), "several letter cases"),
        (mapping("[aliases.sport]\nnba = 'A'\n' NBA' = 'B'"), "aliases.sport: ' NBA' is spelled in several letter"),
    ],
)
def test_mapping_with_a_single_fault_is_refused_with_the_name_of_the_fault(text, problem):
    with pytest.raises(FormatInvalid) as refused:
        declared_format(text)
    assert problem in str(refused.value)


def test_a_column_that_a_mapping_reads_and_the_file_lacks_is_named(write):
    path = write("bets.csv", csv_text(ROW))
    with pytest.raises(SourceRejected, match="lacks columns that the mapping mapping reads: a or b, c"):
        open_file(path, mapping=declared_format(mapping(market='from = ["a", "b"]', sport='from = "c"')))
    assert open_file(path, mapping=declared_format(mapping(market='from = "a"\noptional = true'))).row_count == 1


def test_mapping_may_omit_a_column_by_which_the_extended_format_is_recognised(read):
    export = dict.fromkeys(("bet_id", "sportsbook", "type", "status", "odds", "amount", "profit", "bet_info"), "1")
    times = {"time_placed_iso": "2026-05-01T10:00:00Z", "time_settled_iso": "", "tags": "", "leagues": "", "sports": ""}
    rules = ["clv_percentage]\nconstant = 0\noptional = true", 'clv_current_odds]\nfrom = "close"\noptional = true']
    page = read('extends = "pikkit-export"\n[bets.' + "\n[bets.".join(rules), {**export, **times})
    assert page.rows["clv_current_odds"].to_list() == [None]


# ---- files that nobody knows, and their types ------------------------------------------------------------------------


def begun(refused):
    return "\n".join(line for line in str(refused.value).splitlines() if line.startswith("    "))


def test_export_with_renamed_columns_is_read_by_the_mapping_that_the_refusal_proposes(write):
    row = dict.fromkeys(("bet_id", "sportsbook", "status", "closing_line", "bet_info", "leagues", "sports"), "1")
    row |= {"Type": "straight", "Odds": "2.5", "closing_line": "2.4", "Amount": "10", "profit": "15", "tags": "live"}
    row |= {"time_placed_iso": "2026-05-01T10:00:00Z", "time_settled": "05/01/2026 10:00:00 GMT"}
    path = write("mine.csv", csv_text(row))
    with pytest.raises(SourceRejected) as refused:
        open_file(path)
    assert 'extends = "pikkit-export"' in begun(refused)
    (page,) = open_file(path, mapping=declared_format(begun(refused))).pages()
    assert page.rows.select("bet_type", "american_odds", "amount").row(0) == ("straight", 150, "10")
    del row["tags"]
    with pytest.raises(SourceRejected, match="the file lacks tags: write what it is called there"):
        open_file(write("mine.csv", csv_text(row)))


def test_starter_mapping_reads_iso_8601_times_and_hints_at_optional_rules(write):
    with pytest.raises(SourceRejected) as refused:
        open_file(write("mine.csv", "No,time_placed,time_placed_iso,odds\n1,2,3,4\n"))
    assert 'bets.time_placed.from = "time_placed_iso"' in begun(refused)
    for line in ("bets.american_odds.price", "bets.time_placed.pattern", "bets.updated_at.plus"):
        assert f"# {line} = " in begun(refused)


def test_a_file_of_unknown_columns_is_refused_with_a_mapping_to_begin_with(write):
    with pytest.raises(SourceRejected) as refused:
        open_file(write("mine.csv", "bet_id,Stake,Result,sportsbook,odds,closing_line,bet_info\n1,2,won,B,2.0,,x\n"))
    said = str(refused.value)
    assert "Of Pikkit's own export it would lack type, status" in said
    for line in ('bets.id.from = "bet_id"', 'bets.amount.from = "Stake"', "# bets.time_placed.from = ..."):
        assert line in begun(refused)
    with pytest.raises(FormatInvalid, match="bets: says nothing of bet_type"):
        declared_format(begun(refused))


@pytest.mark.parametrize(
    ("header", "delimiter"),
    [("a,b", ","), ("a;b", ";"), ("a\tb", "\t"), ("legs", ","), ('"a;b;c",d', ","), ('a;"b, c, d";e', ";")],
)
def test_csv_delimiter_is_the_most_frequent_candidate_in_the_header(header, delimiter):
    assert delimiter_of(header) == delimiter


def test_sep_line_of_excel_is_skipped_before_the_csv_header(read, write):
    text = csv_text({**ROW, "a,b,c,d,e,f,g,h,i": "x"}, delimiter=";")
    assert read(mapping(), content="sep=;\r\n" + text).rows["id"].to_list() == ["7"]
    with pytest.raises(SourceRejected, match="the row on line 4 has 1 fields"):
        open_file(write("bets.csv", "sep=;\r\n" + text + "8\n"))


def test_json_object_with_an_array_of_legs_is_a_single_bet(read):
    page = read(mapping(), name="bets.json", content=json.dumps({**ROW, "legs": [{"price": 2}]}))
    assert page.rows["id"].to_list() == ["7"]


@pytest.mark.parametrize(
    ("name", "delimiter"), [("bets.csv", ";"), ("bets.tsv", "\t"), ("bets.csv", "\t"), ("bets.csv", "|")]
)
def test_csv_with_another_delimiter_is_read_with_quoted_fields(name, delimiter, read):
    rows = ({**ROW, "note": 'a, b; "c"\t'}, {**ROW, "note": ""})
    page = read(mapping(), name=name, content=csv_text(*rows, delimiter=delimiter))
    assert [json.loads(payload)["note"] for payload in page.payload] == ['a, b; "c"\t', None]


@pytest.mark.parametrize(
    "content", [json.dumps([ROW, ROW, 3], indent=2), "".join(json.dumps(ROW) + "\n" for _ in range(2)) + "3\n"]
)
def test_a_json_file_is_an_array_or_lines(content, read):
    page = read(mapping(), name="bets.json", content=content)
    assert page.rows["id"].to_list() == ["7", "7", None]
    assert page.problems.to_list() == [None, None, "line: not a JSON object"]
    assert [json.loads(payload) for payload in page.payload][:2] == [ROW, ROW]


def test_json_array_is_read_across_chunk_boundaries(read, monkeypatch):
    monkeypatch.setattr("ingestion.sources.files.json._CHUNK", 7)
    page = read(
        mapping(), name="bets.json", content=json.dumps([{**ROW, "no": number, "x": "é]},["} for number in (1, 23)])
    )
    assert page.rows["id"].to_list() == [1, 23]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('[{"no": 1}, {"no"', "breaks in the value that starts at character 12"),
        ('[{"no": 1}', "its array is cut off"),
        ('[{"no": 1} {"no": 2}]', "',' is missing"),
        ('[{"no": 1}]\n[{"no": 2}]', "ends before character 12, and more follows"),
        ('[{"no": 1}]garbage', "ends before character 11, and more follows"),
        ("[] 1", "ends before character 3, and more follows"),
        ('[{"no": 1},]', "breaks in the value that starts at character 11"),
        ('{"bets": [\n1]}\n', "neither a JSON array of bets nor one bet a line"),
        ('{"count": 1, "bets": [{"id": 1}]}\n', "one object, with an array of objects as its member 'bets'"),
        ('{"bets": [{"id": 1}]}', "Give the array of bets alone"),
        ("[]", "it holds no rows"),
    ],
)
def test_broken_json_file_is_refused_with_the_place_of_the_fault(content, says, write):
    with pytest.raises(SourceRejected) as refused:
        open_file(write("bets.json", content))
    assert says in str(refused.value)


# ---- the mappings of docs/formats.md ---------------------------------------------------------------------------------

TRACKED = {
    "created_at": "05/23/2025, 09:41 EDT",
    "sportsbook": "Novig",
    "sport": "baseball",
    "league": "MLB",
    "event_name": "Cubs vs Reds",
    "event_start_date": "05/23/2025, 18:40 EDT",
    "market_name": "Player Walks",
    "bet_name": "A Over 1.5",
    "odds": "118",
    "clv": "119",
    "stake": "30",
    "status": "won",
    "bet_type": "normal",
    "bet_profit": "35.4",
    "is_live_bet": "false",
    "is_free_bet": "false",
    "tags": "",
}
FREE = {"odds": "-110", "clv": "", "status": "lost", "bet_profit": "0", "is_live_bet": "true", "is_free_bet": "true"}
OPEN = {"odds": "-110", "clv": "", "stake": "25", "status": "pending", "bet_type": "parlay", "bet_profit": "0"}


def documented(title):
    return next(block for block in BLOCKS if title in block)


def test_documented_oddsjam_mapping_reads_a_tracker_export(read):
    page = read(
        documented("OddsJam"), TRACKED, {**TRACKED, **FREE}, {**TRACKED, **OPEN, "created_at": "05/23/2025, 09:42 EDT"}
    )
    bets = validate(page.rows, NOW).accepted
    assert bets.select("status", "american_odds", "amount_cents", "profit_cents", "sport", "is_live").rows() == [
        ("SETTLED_WIN", 118, 3000, 3540, "Baseball", False),
        ("SETTLED_LOSS", -110, 0, 0, "Baseball", True),
        ("PENDING", -110, 2500, None, "Baseball", False),
    ]
    assert [f"{value:%m-%dT%H:%M}" for value in bets["updated_at"]] == ["05-24T02:40", "05-24T02:40", "05-23T13:42"]
    assert bets["clv_percentage"].to_list() == [-0.4566, None, None]


def test_documented_betfair_mapping_reads_backs_and_lays(read):
    header = (
        "Market,Selection,Bid type,Bet ID,Bet placed,Persistence type,Odds req.,Stake (GBP),Liability (GBP),"
        "Avg. odds matched,Profit/Loss (GBP),Status\n"
    )
    rows = (
        "Football / A v B : Match Odds,A,Back,1:100001,12-Sep-24 19:44:01,Lapse,2.10,10.00,--,2.10,11.00,Won\n"
        "Football / A v B : Match Odds,A,Lay,1:100002,12-Sep-24 19:44:01,Lapse,3.00,10.00,20.00,3.00,10.00,Won\n"
    )
    bets = validate(read(documented("Betfair"), name="betfair.csv", content=header + rows).rows, NOW).accepted
    assert bets.select("id", "american_odds", "amount_cents", "profit_cents", "sport", "market").rows() == [
        ("1:100001", 110, 1000, 1100, "Soccer", "Match Odds"),
        ("1:100002", -200, 2000, 1000, "Soccer", "Match Odds"),
    ]
    assert [f"{value:%d %H:%M}" for value in bets["time_placed"]] == ["12 18:44"] * 2


def test_mapping_that_extends_a_shipped_format_changes_only_the_declared_parts(read):
    declared = declared_format(documented('extends = "pikkit-export"'), name="mine").format
    assert (declared.name, set(declared.aliases)) == ("mine", {"institution_name"})
    assert "market" in declared.bets
