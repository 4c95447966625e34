"""Cases of the public CSV collections, written anew: csv-spectrum, RFC 4180, Papa Parse, csvkit, pandas, readr."""

from __future__ import annotations

from tests.corpus.cases import Case, clean

_SPECTRUM = "csv-spectrum (github.com/max-mapper/csv-spectrum)"
_RFC = "RFC 4180, section 2"
_PAPA = "after Papa Parse's tests (github.com/mholt/PapaParse)"
_PANDAS = "after pandas' parser tests"
_READR = "after readr's problems()"
_CSVKIT = "after csvkit's examples"

CASES = [
    Case(
        name="comma_in_quotes.csv",
        data=b'first,last,address,city,zip\nJohn,Doe,120 any st.,"Anytown, WW",08123\n',
        about=_SPECTRUM,
        table='first,last,address,city,zip\nJohn,Doe,120 any st.,"Anytown, WW",08123\n',
    ),
    Case(name="empty.csv", data=b'a,b,c\n1,"",""\n2,3,4\n', about=_SPECTRUM, table="a,b,c\n1,,\n2,3,4\n"),
    Case(name="empty_crlf.csv", data=b'a,b,c\r\n1,"",""\r\n2,3,4\r\n', about=_SPECTRUM, table="a,b,c\n1,,\n2,3,4\n"),
    Case(
        name="escaped_quotes.csv",
        data=b'a,b\n1,"ha ""ha"" ha"\n3,4\n',
        about=_SPECTRUM,
        table='a,b\n1,"ha ""ha"" ha"\n3,4\n',
    ),
    Case(
        name="json.csv",
        data=b'key,val\n1,"{""type"": ""Point"", ""coordinates"": [102.0, 0.5]}"\n',
        about=_SPECTRUM,
        table='key,val\n1,"{""type"": ""Point"", ""coordinates"": [102.0, 0.5]}"\n',
    ),
    Case(
        name="newlines.csv",
        data=b'a,b,c\n1,2,3\n"Once upon \na time",5,6\n7,8,9\n',
        about=_SPECTRUM,
        table='a,b,c\n1,2,3\n"Once upon \na time",5,6\n7,8,9\n',
        numbers=(2, 3, 5),
    ),
    Case(
        name="newlines_crlf.csv",
        data=b'a,b,c\r\n1,2,3\r\n"Once upon \r\na time",5,6\r\n7,8,9\r\n',
        about=f"{_SPECTRUM}; the line end within a cell comes as LF",
        table='a,b,c\n1,2,3\n"Once upon \na time",5,6\n7,8,9\n',
        numbers=(2, 3, 5),
    ),
    Case(
        name="quotes_and_newlines.csv",
        data=b'a,b\n1,"ha \n""ha"" \nha"\n3,4\n',
        about=_SPECTRUM,
        table='a,b\n1,"ha \n""ha"" \nha"\n3,4\n',
        numbers=(2, 5),
    ),
    Case(name="simple.csv", data=b"a,b,c\n1,2,3\n", about=_SPECTRUM, table="a,b,c\n1,2,3\n"),
    Case(name="simple_crlf.csv", data=b"a,b,c\r\n1,2,3\r\n", about=_SPECTRUM, table="a,b,c\n1,2,3\n"),
    Case(
        name="utf8.csv",
        data="a,b,c\n1,2,3\n4,5,ʤ\n".encode(),
        about=_SPECTRUM,
        table="a,b,c\n1,2,3\n4,5,ʤ\n",
        said={"encoding": "utf-8"},
    ),
    Case(
        name="location_coordinates.csv",
        data=b'"Contact Phone Number","Location Coordinates","Cities","Counties"\n'
        b'"(555) 010-0101","38.1074,-122.2600","Vallejo","Solano County"\n'
        b'"(555) 010-0102","37.9577,-121.2907","Stockton","San Joaquin County"\n',
        about=_SPECTRUM,
        table='Contact Phone Number,Location Coordinates,Cities,Counties\n(555) 010-0101,"38.1074,-122.2600",Vallejo,'
        'Solano County\n(555) 010-0102,"37.9577,-121.2907",Stockton,San Joaquin County\n',
    ),
    Case(
        name="no_last_end.csv",
        data=b"a,b\r\n1,2\r\n3,4",
        about=f"{_RFC}.2: no end after the last line",
        table="a,b\n1,2\n3,4\n",
    ),
    Case(
        name="no_header.csv",
        data=b"aaa,2020-04-01,1\r\nbbb,2020-04-02,2\r\nccc,2020-04-03,3\r\n",
        about=f"{_RFC}.3: the header is optional",
        table="column 1,column 2,column 3\naaa,2020-04-01,1\nbbb,2020-04-02,2\nccc,2020-04-03,3\n",
        said={"header": (), "header_rows": ()},
    ),
    Case(
        name="spaces_are_part.csv",
        data=b'a,b,c\r\n one ,"  two ",3\r\n',
        about=f"{_RFC}.4: blanks belong to a cell; here outer ones are taken off",
        table="a,b,c\none,two,3\n",
    ),
    Case(
        name="all_quoted.csv",
        data=b'"a","b","c"\r\n"1","2","3"\r\n',
        about=f"{_RFC}.5",
        table="a,b,c\n1,2,3\n",
        said={"quote": '"'},
    ),
    Case(
        name="quoted_delimiter_quote_and_end.csv",
        data=b'a,b,c\r\n"b,1","b""2","b\r\n3"\r\nx,y,z\r\n',
        about=f"{_RFC}.6 and 2.7",
        table='a,b,c\n"b,1","b""2","b\n3"\nx,y,z\n',
        numbers=(2, 4),
    ),
    Case(
        name="quotes_in_unquoted.csv",
        data=b'Paid,Item,Sum\n2020-04-01,pipe 2" steel,3\n2020-04-02,pipe 3" steel,4\n2020-04-03,"cap, 2""",5\n',
        about=f"{_PAPA}: quotes within a cell that is not quoted",
        table='Paid,Item,Sum\n2020-04-01,"pipe 2"" steel",3\n2020-04-02,"pipe 3"" steel",4\n2020-04-03,"cap, 2""",5\n',
    ),
    Case(
        name="quoted_cell_with_blanks_outside.csv",
        data=b'a,b,c\n1, "x, y" ,3\n4, "z" ,6\n',
        about=f"{_PAPA}: blanks between the delimiter and the quote",
        table='a,b,c\n1,"x, y",3\n4,z,6\n',
    ),
    Case(
        name="unescaped_quotes_in_quoted.csv",
        data=b'Paid,Payee,Sum\n2020-04-01,"the "best" baker",3\n2020-04-02,plain,4\n2020-04-03,plain too,5\n',
        about=f"{_PAPA}: quotes within quotes that are not doubled; taken as what they can only mean, and told",
        table='Paid,Payee,Sum\n2020-04-01,"the ""best"" baker",3\n2020-04-02,plain,4\n2020-04-03,plain too,5\n',
        told=("1 rows have quotation marks within a quoted cell that are not doubled",),
    ),
    Case(
        name="quote_never_closed.csv",
        data=b'Paid,Payee,Sum\n2020-04-01,"Acme,3\n2020-04-02,Beta,4\n2020-04-03,Gamma,5\n',
        about=f"{_PAPA}: missing quote; no other row is swallowed",
        table="Paid,Payee,Sum\n2020-04-02,Beta,4\n2020-04-03,Gamma,5\n",
        bad_rows=(2,),
    ),
    Case(
        name="quoted_blank_lines.csv",
        data=b'a,b\n1,"\n\n"\n3,4\n',
        about=f"{_PAPA}: a cell of nothing but line ends",
        table="a,b\n1,\n3,4\n",
        numbers=(2, 5),
    ),
    Case(
        name="ragged.csv",
        data=b"a,b,c\n1,2,3\n4,5\n6,7,8,9\n10,11,12\n",
        about=f"{_READR}: too few and too many cells",
        table="a,b,c\n1,2,3\n10,11,12\n",
        bad_rows=(3, 4),
    ),
    Case(
        name="one_too_many_everywhere.csv",
        data=b"a,b,c\n1,2,3,4\n5,6,7,8\n9,10,11,12\n",
        about=f"{_PANDAS}: a column without a heading, which pandas takes for an index in silence",
        table=None,
        refused=None,
        problem="3 names for 4 columns",
        wrong="",
    ),
    Case(
        name="trailing_delimiter_on_rows.csv",
        data=b"Paid,Payee,Sum\n2020-04-01,Acme,1.50,\n2020-04-02,Beta,2.50,\n2020-04-03,Gamma,3.50,\n",
        about=f"{_PANDAS}: rows end with a delimiter, the header does not",
        table="Paid,Payee,Sum\n2020-04-01,Acme,1.50\n2020-04-02,Beta,2.50\n2020-04-03,Gamma,3.50\n",
    ),
    Case(
        name="trailing_delimiter_on_header.csv",
        data=b"Paid,Payee,Sum,\n2020-04-01,Acme,1.50\n2020-04-02,Beta,2.50\n2020-04-03,Gamma,3.50\n",
        about="the header ends with a delimiter, the rows do not",
        table="Paid,Payee,Sum\n2020-04-01,Acme,1.50\n2020-04-02,Beta,2.50\n2020-04-03,Gamma,3.50\n",
    ),
    Case(
        name="trailing_delimiter_everywhere.csv",
        data=b"Paid,Payee,Sum,\n2020-04-01,Acme,1.50,\n2020-04-02,Beta,2.50,\n",
        about="every line ends with a delimiter",
        table="Paid,Payee,Sum\n2020-04-01,Acme,1.50\n2020-04-02,Beta,2.50\n",
    ),
    Case(
        name="duplicate_headings.csv",
        data=b"date,name,date\n2020-04-01,x,2020-05-01\n2020-04-02,y,2020-05-02\n",
        about=f"{_PANDAS}: mangled duplicates",
        table="date,name,date (column 3)\n2020-04-01,x,2020-05-01\n2020-04-02,y,2020-05-02\n",
        problem="columns 1 and 3 have the same heading",
    ),
    Case(
        name="blank_heading.csv",
        data=b"date,,sum\n2020-04-01,x,1\n2020-04-02,y,2\n",
        about=f"{_CSVKIT}: a heading is blank",
        table="date,column 2,sum\n2020-04-01,x,1\n2020-04-02,y,2\n",
    ),
    Case(
        name="row_names.csv",
        data=b'"","mpg","cyl"\n"Mazda RX4",21,6\n"Datsun 710",22.8,4\n"Valiant",18.1,6\n',
        about="R's write.csv: a column of row names without a heading",
        table="column 1,mpg,cyl\nMazda RX4,21,6\nDatsun 710,22.8,4\nValiant,18.1,6\n",
    ),
    Case(
        name="row_names_table.txt",
        data=b'"mpg" "cyl"\n"Mazda RX4" 21 6\n"Datsun 710" 22.8 4\n"Valiant" 18.1 6\n',
        about="R's write.table: the header has a name fewer than the rows have cells",
        table=None,
        problem="names for 3 columns",
    ),
    Case(
        name="blank_lines_between.csv",
        data=b"a,b\n1,2\n\n3,4\n   \n\n5,6\n\n",
        about=f"{_PANDAS}: skip_blank_lines",
        table="a,b\n1,2\n3,4\n5,6\n",
        numbers=(2, 4, 7),
    ),
    Case(
        name="comment_lines_above.csv",
        data=b"# Made by the finance system\n# on 2020-05-01, at 10:30\nPaid,Payee,Sum\n2020-04-01,Acme,1\n"
        b"2020-04-02,Beta,2\n",
        about=f"{_PANDAS} and readr: comment='#'",
        table="Paid,Payee,Sum\n2020-04-01,Acme,1\n2020-04-02,Beta,2\n",
        skipped=(1, 2),
    ),
    Case(
        name="one_column.csv",
        data=b"name\nAcme\nBeta\nGamma\n",
        about=f"{_READR}: one column, no delimiter",
        table="name\nAcme\nBeta\nGamma\n",
    ),
    Case(
        name="one_column_of_numbers.csv",
        data=b"sum\n1\n2\n3\n",
        about="one column of whole numbers",
        table="sum\n1\n2\n3\n",
    ),
    Case(
        name="one_row.csv",
        data=b"Paid,Payee,Sum\n2020-04-01,Acme,1.50\n",
        about="a single row",
        table="Paid,Payee,Sum\n2020-04-01,Acme,1.50\n",
    ),
    Case(
        name="header_only.csv",
        data=b"Paid,Payee,Sum\n",
        about=f"{_PANDAS}: a header and nothing else",
        table="Paid,Payee,Sum\n",
    ),
    Case(name="no_bytes.csv", data=b"", about=f"{_PANDAS}: EmptyDataError", refused="The file is empty"),
    Case(name="only_line_ends.csv", data=b"\n\n \r\n", about=f"{_PANDAS}: blank lines only", refused="blank lines"),
    Case(
        name="only_a_mark.csv",
        data=b"\xef\xbb\xbf",
        about="a byte-order mark and nothing else",
        refused="nothing but blank lines",
    ),
    Case(
        name="only_delimiters.csv",
        data=b",,,\n,,,\n,,,\n",
        about="blank cells only, as Excel saves a sheet that was emptied",
        refused="holds no cells",
    ),
    Case(
        name="long_cell.csv",
        data=b"a,b\n1," + b"x" * 200_000 + b"\n2,y\n",
        about=f"{_PANDAS} and Python's csv: a field larger than 131,072 characters",
        table="a,b\n1," + "x" * 200_000 + "\n2,y\n",
    ),
    Case(
        name="long_quoted_cell.csv",
        data=b'a,b\n1,"' + b"x, y " * 40_000 + b'"\n2,y\n',
        about="the same, quoted",
        table='a,b\n1,"' + ("x, y " * 40_000).strip() + '"\n2,y\n',
    ),
    Case(
        name="overlong_cell.csv",
        data=lambda: b"a,b\n1," + b"x" * 1_000_001 + b"\n2,y\n",
        about="a cell over the limit",
        refused="limit 'cell_characters'",
    ),
    Case(
        name="wide.csv",
        data=lambda: clean([[f"h{i}" for i in range(1_500)], *[[str(i) for i in range(1_500)]] * 3]).encode(),
        about="1,500 columns",
        table=clean([[f"h{i}" for i in range(1_500)], *[[str(i) for i in range(1_500)]] * 3]),
    ),
    Case(
        name="too_wide.csv",
        data=lambda: clean([[f"h{i}" for i in range(2_001)], *[[str(i) for i in range(2_001)]] * 3]).encode(),
        about="2,001 columns",
        refused="limit 'columns'",
    ),
    Case(
        name="headings_with_newlines.csv",
        data=b'"Date\nof payment","Sum\r\n(GBP)",Payee\n2020-04-01,1.50,Acme\n2020-04-02,2.50,Beta\n',
        about="Alt+Enter in Excel's headings",
        table="Date of payment,Sum (GBP),Payee\n2020-04-01,1.50,Acme\n2020-04-02,2.50,Beta\n",
        numbers=(4, 5),
    ),
    Case(
        name="utf8_mark_and_quoted_first_heading.csv",
        data=b'\xef\xbb\xbf"a","b"\n"1","2"\n',
        about=f"{_PAPA}: a byte-order mark before a quote",
        table="a,b\n1,2\n",
        said={"encoding": "utf-8-sig"},
    ),
    Case(
        name="missing_values.csv",
        data=b"Paid,Payee,Sum\n2020-04-01,NA,\n2020-04-02,N/A,NULL\n2020-04-03,nan,-\n2020-04-04,None,#N/A\n",
        about=f"{_PANDAS} and readr: words that programs take for blanks come as they are, for the gates to judge",
        table="Paid,Payee,Sum\n2020-04-01,NA,\n2020-04-02,N/A,NULL\n2020-04-03,nan,-\n2020-04-04,None,#N/A\n",
    ),
    Case(
        name="text_stays_text.csv",
        data=b"code,sum,flag\n00123,1e5,TRUE\n00124,1_000,true\n00125,0x1F,T\n00126,1.0,F\n",
        about=f"{_PANDAS}: leading noughts, exponents and truth values stay as they are",
        table="code,sum,flag\n00123,1e5,TRUE\n00124,1_000,true\n00125,0x1F,T\n00126,1.0,F\n",
    ),
]
