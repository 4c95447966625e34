"""Tables as offices lay them out: lines above and below, several tables, foreign dialects, programs' dumps."""

from __future__ import annotations

from tests.corpus.cases import Case

_ROWS = "Paid,Payee,Sum\n2020-04-01,Acme,1.50\n2020-04-02,Beta,2.50\n2020-04-03,Gamma,3.50\n"
_BODY = _ROWS.encode()

CASES = [
    Case(
        name="preamble.csv",
        data=b"Payments over 25k\nTrust,Example\n\n" + _BODY,
        about="a title and a pair above the header",
        table=_ROWS,
        skipped=(1, 2),
        said={"header_rows": (4,)},
        numbers=(5, 6, 7),
    ),
    Case(
        name="padded_preamble.csv",
        data=b"Payments over 25k,,\nApril 2020,,\n,,\n" + _BODY,
        about="the same, padded with delimiters as Excel does",
        table=_ROWS,
        skipped=(1, 2),
    ),
    Case(
        name="units_row.csv",
        data=b"Period,Intake,Output\nday,in kg,in kg\n2020-04-01,12,9\n2020-04-02,14,8\n2020-04-03,11,9\n",
        about="a row of units below the headings",
        table="Period day,Intake in kg,Output in kg\n2020-04-01,12,9\n2020-04-02,14,8\n2020-04-03,11,9\n",
        said={"header_rows": (1, 2)},
    ),
    Case(
        name="headings_repeated.csv",
        data=_BODY + _BODY,
        about="the headings again, as page breaks of a printed list give them",
        table=_ROWS + _ROWS.split("\n", 1)[1],
        skipped=(5,),
    ),
    Case(
        name="total_below.csv",
        data=_BODY + b"Total,,7.50\n",
        about="a total below the rows",
        table=_ROWS,
        skipped=(5,),
    ),
    Case(
        name="total_below_a_gap.csv",
        data=_BODY + b",,\n,,7.50\nSource: ledger,,\n",
        about="a gap, a total without a name, and a remark",
        table=_ROWS,
        skipped=(6, 7),
    ),
    Case(
        name="remarks_below.csv",
        data=_BODY + b"\nAll sums in pounds\nContact: finance@example.org\n",
        about="remarks below the rows, not padded",
        table=_ROWS,
        skipped=(6, 7),
    ),
    Case(
        name="tables_below_each_other.csv",
        data=_BODY + b"\nCode,Meaning\nA,accepted\nB,refused\n",
        about="a second table of another width below the first",
        table=_ROWS,
        bad_rows=(6, 7, 8),
        told=("another table begins in row 6",),
    ),
    Case(
        name="tables_of_one_width_below_each_other.csv",
        data=_BODY + b"\nRefunded,Payer,Amount\n2020-04-05,Delta,9.00\n2020-04-06,Epsilon,8.00\n",
        about="a second table with as many columns but other headings: its header must not pass for a row",
        table=_ROWS,
        bad_rows=(6, 7, 8),
        told=("another table begins in row 6",),
    ),
    Case(
        name="tables_side_by_side.csv",
        data=b"Paid,Payee,Sum,,Code,Meaning\n2020-04-01,Acme,1.50,,A,accepted\n2020-04-02,Beta,2.50,,B,refused\n"
        b"2020-04-03,Gamma,3.50,,,\n2020-04-04,Delta,4.50,,,\n",
        about="two tables with a blank column between: one wide table with nothing lost, and the fact told",
        table="Paid,Payee,Sum,Code,Meaning\n2020-04-01,Acme,1.50,A,accepted\n2020-04-02,Beta,2.50,B,refused\n"
        "2020-04-03,Gamma,3.50,,\n2020-04-04,Delta,4.50,,\n",
        said={"columns": (1, 2, 3, 5, 6)},
    ),
    Case(
        name="leading_blank_columns.csv",
        data=b",,Paid,Payee,Sum\n,,2020-04-01,Acme,1.50\n,,2020-04-02,Beta,2.50\n,,2020-04-03,Gamma,3.50\n",
        about="a table that does not begin in the first column",
        table=_ROWS,
        said={"columns": (3, 4, 5)},
    ),
    Case(
        name="blank_rows_of_delimiters.csv",
        data=_BODY.replace(b"2020-04-02", b",,\n,,\n2020-04-02"),
        about="blank rows in the middle, padded",
        table=_ROWS,
        numbers=(2, 5, 6),
    ),
    Case(
        name="pasted_with_mark.csv",
        data=b"\xef\xbb\xbf" + _BODY + b"\xef\xbb\xbf" + _BODY.replace(b"-04-", b"-05-"),
        about="two exports pasted together: a byte-order mark in the middle, before the headings again",
        table=_ROWS + _ROWS.split("\n", 1)[1].replace("-04-", "-05-"),
        skipped=(5,),
    ),
    Case(
        name="german_excel.csv",
        data="Datum;Empfänger;Betrag\r\n01.04.2020;Müller & Söhne;1.234,50\r\n02.04.2020;Beta GmbH;-17,00\r\n"
        "03.04.2020;Gamma;0,99\r\n".encode("cp1252"),
        about="German Excel: semicolons, decimal commas, Windows-1252",
        table='Datum,Empfänger,Betrag\n01.04.2020,Müller & Söhne,"1.234,50"\n02.04.2020,Beta GmbH,"-17,00"\n'
        '03.04.2020,Gamma,"0,99"\n',
        said={"delimiter": ";", "encoding": "cp1252", "line_ends": "CRLF"},
    ),
    Case(
        name="decimal_commas_only.csv",
        data=b"a;b;c\n1,5;2,5;3,5\n4,5;5,5;6,5\n7,5;8,5;9,5\n",
        about="as many decimal commas as semicolons and one more: the comma is as regular",
        table='a,b,c\n"1,5","2,5","3,5"\n"4,5","5,5","6,5"\n"7,5","8,5","9,5"\n',
        said={"delimiter": ";"},
    ),
    Case(
        name="sep_line.csv",
        data=b"sep=;\r\nPaid;Payee;Sum\r\n2020-04-01;Acme;1,50\r\n2020-04-02;Beta;2,50\r\n",
        about="Excel's own line that names the delimiter",
        table='Paid,Payee,Sum\n2020-04-01,Acme,"1,50"\n2020-04-02,Beta,"2,50"\n',
        skipped=(1,),
        said={"delimiter": ";"},
    ),
    Case(
        name="sep_line_unusual.csv",
        data=b'"sep=,"\nPaid,Payee\n2020-04-01,Acme\n2020-04-02,Beta\n',
        about="the same in quotes, as some programs write it",
        table="Paid,Payee\n2020-04-01,Acme\n2020-04-02,Beta\n",
        skipped=(1,),
    ),
    Case(
        name="tabs.tsv",
        data=_BODY.replace(b",", b"\t"),
        about="tabs",
        table=_ROWS,
        said={"delimiter": "\t"},
    ),
    Case(
        name="pipes.txt",
        data=_BODY.replace(b",", b"|"),
        about="vertical bars",
        table=_ROWS,
        said={"delimiter": "|"},
    ),
    Case(
        name="framed_with_pipes.txt",
        data=b"| Paid | Payee | Sum |\n|------|-------|-----|\n| 2020-04-01 | Acme | 1.50 |\n"
        b"| 2020-04-02 | Beta | 2.50 |\n",
        about="a Markdown table: the rule below the headings is no row",
        table="Paid,Payee,Sum\n2020-04-01,Acme,1.50\n2020-04-02,Beta,2.50\n",
        skipped=(2,),
    ),
    Case(
        name="blanks_between.txt",
        data=b"Paid Payee Sum\n2020-04-01 Acme 1.50\n2020-04-02 Beta 2.50\n2020-04-03 Gamma 3.50\n",
        about="single blanks as the delimiter",
        table=_ROWS,
        said={"delimiter": " "},
    ),
    Case(
        name="apostrophes.csv",
        data=b"'Paid','Payee','Sum'\n'2020-04-01','O''Neill, J',1.50\n'2020-04-02','Beta, Co',2.50\n"
        b"'2020-04-03','C, D',3.50\n",
        about="LibreOffice's export with the apostrophe as text delimiter",
        table='Paid,Payee,Sum\n2020-04-01,"O\'Neill, J",1.50\n2020-04-02,"Beta, Co",2.50\n2020-04-03,"C, D",3.50\n',
        said={"quote": "'"},
    ),
    Case(
        name="apostrophes_in_words.csv",
        data=b"Payee,Town,Sum\nO'Neill,L'Aquila,1\nD'Arcy,Val d'Aosta,2\nPlain,King's Lynn,3\n",
        about="apostrophes that are letters",
        table="Payee,Town,Sum\nO'Neill,L'Aquila,1\nD'Arcy,Val d'Aosta,2\nPlain,King's Lynn,3\n",
    ),
    Case(
        name="mysql_outfile.tsv",
        data=b"2020-04-01\tAcme\\tLtd\t\\N\n2020-04-02\tBeta\t2.50\n2020-04-03\t\\N\t3.50\n",
        about="MySQL's SELECT INTO OUTFILE: \\N for NULL and backslash escapes, as written",
        table="column 1,column 2,column 3\n2020-04-01,Acme\\tLtd,\\N\n2020-04-02,Beta,2.50\n2020-04-03,\\N,3.50\n",
        said={"header": ()},
    ),
    Case(
        name="backslash_quotes.csv",
        data=b'Paid,Payee,Sum\n2020-04-01,"The \\"Best\\", Ltd",1.50\n2020-04-02,"Beta \\"B\\"",2.50\n'
        b"2020-04-03,Gamma,3.50\n",
        about="MySQL's and PHP's quotes with backslashes",
        table='Paid,Payee,Sum\n2020-04-01,"The ""Best"", Ltd",1.50\n2020-04-02,"Beta ""B""",2.50\n'
        "2020-04-03,Gamma,3.50\n",
        said={"escape": "\\"},
    ),
    Case(
        name="backslash_quotes_and_blank_cells.csv",
        data=b'"Paid","Payee","Note"\n"2020-04-01","Acme",""\n"2020-04-02","Beta",""\n'
        b'"2020-04-03","Gamma","a \\"b\\" c"\n',
        about="the same, where every cell is quoted: blank ones are no doubled quotes",
        table='Paid,Payee,Note\n2020-04-01,Acme,\n2020-04-02,Beta,\n2020-04-03,Gamma,"a ""b"" c"\n',
        said={"escape": "\\"},
    ),
    Case(
        name="folders_of_windows.csv",
        data=b'"Paid","Folder","Note"\n"2020-04-01","C:\\data\\","x"\n"2020-04-02","D:\\","y"\n"2020-04-03","E:\\x\\","z\\"\n',
        about="cells that end in a backslash, which escapes nothing",
        table="Paid,Folder,Note\n2020-04-01,C:\\data\\,x\n2020-04-02,D:\\,y\n2020-04-03,E:\\x\\,z\\\n",
        said={"escape": None},
    ),
    Case(
        name="last_cell_over_lines.csv",
        data=b'Paid,Payee,Sum,Note\n2020-04-01,Acme,1.50,x\n2020-04-02,Beta,2.50,y\n2020-04-03,Gamma,3.50,"first\nsecond\n"\n',
        about="the last row ends within quotes, some lines further down: those lines are no remarks below the table",
        table='Paid,Payee,Sum,Note\n2020-04-01,Acme,1.50,x\n2020-04-02,Beta,2.50,y\n2020-04-03,Gamma,3.50,"first\nsecond"\n',
    ),
    Case(
        name="headings_like_codes.csv",
        data=b"q1,q2,q3\n1,2,3\n4,5,6\n7,8,9\n",
        about="headings that end in a figure, over figures",
        table="q1,q2,q3\n1,2,3\n4,5,6\n7,8,9\n",
    ),
    Case(
        name="title_of_three_words.csv",
        data=b"Payments April 2020\nPaid,Payee,Sum\n2020-04-01,Acme,1.50\n2020-04-02,Beta,2.50\n",
        about="a title with as many words as the table has columns is no header with blanks for delimiters",
        table="Paid,Payee,Sum\n2020-04-01,Acme,1.50\n2020-04-02,Beta,2.50\n",
        skipped=(1,),
    ),
    Case(
        name="postgres_copy.txt",
        data=b"1\tAcme\t\\N\t2020-04-01\n2\tBeta\tx\t2020-04-02\n3\tGamma\ty\t2020-04-03\n\\.\n",
        about="PostgreSQL's COPY in text format with its end mark",
        table="column 1,column 2,column 3,column 4\n1,Acme,\\N,2020-04-01\n2,Beta,x,2020-04-02\n3,Gamma,y,2020-04-03\n",
        skipped=(4,),
    ),
    Case(
        name="sql_dump.sql",
        data=b"CREATE TABLE t (a int, b text);\nINSERT INTO t VALUES (1, 'x');\nINSERT INTO t VALUES (2, 'y');\n",
        about="a dump as SQL commands is no table",
        refused="SQL commands",
    ),
    Case(
        name="money.csv",
        data='Paid,Sum,Share\n2020-04-01,"£1,234.50",12%\n2020-04-02,(17.00),-3.5%\n2020-04-03,€ 5,0.1%\n'
        "2020-04-04,1 234.50 CR,100%\n".encode(),
        about="currency signs, bracketed negatives, percent signs and credit marks come as they are",
        table='Paid,Sum,Share\n2020-04-01,"£1,234.50",12%\n2020-04-02,(17.00),-3.5%\n2020-04-03,€ 5,0.1%\n'
        "2020-04-04,1 234.50 CR,100%\n",
    ),
    Case(
        name="thousands_unquoted.csv",
        data=b"Paid,Payee,Sum\n2020-04-01,Acme,1,234.50\n2020-04-02,Beta,2.50\n2020-04-03,Gamma,3.50\n2020-04-04,Delta,4.00\n",
        about="a thousands separator that breaks its row: set aside, with the likely reading",
        table="Paid,Payee,Sum\n2020-04-02,Beta,2.50\n2020-04-03,Gamma,3.50\n2020-04-04,Delta,4.00\n",
        bad_rows=(2,),
    ),
    Case(
        name="excel_serial_dates.csv",
        data=b"Paid,Payee,Sum\n43922,Acme,1.50\n43923,Beta,2.50\n43924.5,Gamma,3.50\n",
        about="Excel's dates as numbers come as they are",
        table="Paid,Payee,Sum\n43922,Acme,1.50\n43923,Beta,2.50\n43924.5,Gamma,3.50\n",
    ),
    Case(
        name="formulas.csv",
        data=b"Payee,Sum,Note\n=cmd|' /C calc'!A0,1,+1\n@SUM(A1),2,-2\n-Beta,3,=1+1\n+Gamma,4,@x\n",
        about="cells that a spreadsheet would run come as data, unchanged",
        table="Payee,Sum,Note\n=cmd|' /C calc'!A0,1,+1\n@SUM(A1),2,-2\n-Beta,3,=1+1\n+Gamma,4,@x\n",
    ),
    Case(
        name="headings_are_sql.csv",
        data=b'"x""; DROP TABLE submissions; --",\' OR 1=1,Sum\n2020-04-01,a,1\n2020-04-02,b,2\n',
        about="headings that are SQL",
        table='"x""; DROP TABLE submissions; --",\' OR 1=1,Sum\n2020-04-01,a,1\n2020-04-02,b,2\n',
    ),
    Case(
        name="heading_is_our_own.csv",
        data=b"_row,Payee,Sum\n9,Acme,1\n8,Beta,2\n",
        about="a heading that is our own name for the number of a row",
        table="column 1,Payee,Sum\n9,Acme,1\n8,Beta,2\n",
        numbers=(2, 3),
    ),
    Case(
        name="no_break_blanks.csv",
        data="Paid\u00a0on,Payee,Sum\n2020-04-01,\u00a0Acme\u00a0,1\n2020-04-02,Beta\u00a0plc,2\n".encode(),
        about="no-break spaces: outer ones are blanks, inner ones in a heading too",
        table="Paid on,Payee,Sum\n2020-04-01,Acme,1\n2020-04-02,Beta\u00a0plc,2\n",
    ),
    Case(
        name="lines_that_are_one_quoted_cell.csv",
        data=b'"Paid,Payee,Sum"\n"2020-04-01,Acme,1.50"\n"2020-04-02,Beta,2.50"\n"2020-04-03,Gamma,3.50"\n',
        about="every line quoted as a whole, as when a CSV file was pasted into one column and saved as CSV again",
        table=_ROWS,
    ),
    Case(
        name="two_headers_merged.csv",
        data=b"Claims,,Refunds,\nnumber,sum,number,sum\n1,10.50,2,20.50\n3,30.50,4,40.50\n5,1.00,6,2.00\n",
        about="two rows of headings, the upper of which was merged over two columns each",
        table=None,
        skipped=(1,),
        problem="columns 1 and 3 have the same heading",
    ),
    Case(
        name="told_otherwise.csv",
        data=b"Payments;April\nPaid,on;Payee\n2020;Acme\n",
        about="the layout says what cannot be found out",
        table='"Paid,on",Payee\n2020,Acme\n',
        hints={"delimiter": ";", "header_row": 2},
        skipped=(1,),
        said={"header_why": "as the layout says"},
    ),
]
