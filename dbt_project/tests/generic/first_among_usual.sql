{#-
  No figure of somebody (`by`) whom the supplier names once, and never in the `months` months before, exceeds what all
  but the share `rare` (0 to 1) of its figures in those months come to.
-#}
{% test first_among_usual(model, column, by, rare, months) %}
{{ gate_config() }}
with earlier as (
    select _supplier, {{ by }} as payee, abs({{ column }}) as size from {{ earlier(model, months) }} as before
    where {{ column }} is not null
),
limits as (
    select _supplier, percentile_disc(1 - {{ rare }}) within group (order by size) as most from earlier group by 1
),
judged as (
    select first._submission, first._row, '{{ column }}' as "column", abs(first.{{ column }}) <= limits.most as holds
    from {{ model }} as first
    inner join limits using (_supplier)
    where first._period = {{ period() }} and first.{{ column }} is not null and not exists (
        select 1 from earlier where earlier._supplier = first._supplier and earlier.payee = first.{{ by }}
    ) and not exists (
        select 1 from {{ model }} as other
        where other._period = {{ period() }} and other._supplier = first._supplier
            and other.{{ by }} = first.{{ by }} and other._row <> first._row
    )
)
{{ gate_result('judged') }}
{% endtest %}
