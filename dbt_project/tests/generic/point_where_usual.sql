{#-
  No figure is four times as large as any other of the same supplier and the same in `by`, in the period or the
  `months` months before, where the tenth or the hundredth of it would be usual: between half the least and twice the
  largest of them. A decimal point that slipped to the right leaves a nought as the last of two decimals. Not asked
  where all others are smaller than `least`: those are parts of something, and have no usual size.
-#}
{% test point_where_usual(model, column, by, least, months) %}
{{ gate_config() }}
with figures as (
    select _supplier, _submission, _row, _period, {{ by }} as payee, abs({{ column }}) as size
    from {{ model }}
    where {{ column }} <> 0
        and _period <= {{ period() }} and _period >= ({{ period() }} - interval '{{ months }} months')::date
),
beside as (
    select this._submission, this._row, this.size, min(other.size) as least, max(other.size) as largest
    from figures as this
    inner join figures as other
        on other._supplier = this._supplier and other.payee = this.payee
        and (other._submission, other._row) <> (this._submission, this._row)
    where this._period = {{ period() }}
    group by 1, 2, 3
),
judged as (
    select _submission, _row, '{{ column }}' as "column", not (
        size >= 4 * largest
        and round(size * 100)::bigint % 10 = 0
        and (size / 10 between least / 2 and largest * 2 or size / 100 between least / 2 and largest * 2)
    ) as holds
    from beside
    where largest >= {{ least }}
)
{{ gate_result('judged') }}
{% endtest %}
