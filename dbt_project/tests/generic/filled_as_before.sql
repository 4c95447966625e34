{#-
  No cell is blank in a column which the supplier filled in nine rows of ten in the `months` months before, and which
  is now blank in more than the share `most` (0 to 1) of its rows.
-#}
{% test filled_as_before(model, columns, most, months) %}
{{ gate_config() }}
with before as (
    {% for column in columns %}
    select _supplier, '{{ column }}' as "column", avg(({{ column }} is not null)::int) >= 0.9 as is_usual
    from {{ earlier(model, months) }} as before
    group by 1
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),
cells as (
    {% for column in columns %}
    select _supplier, _submission, _row, '{{ column }}' as "column", {{ column }} is null as is_blank,
        avg(({{ column }} is null)::int) over (partition by _submission) as blank
    from {{ model }}
    where _period = {{ period() }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),
judged as (
    select cells._submission, cells._row, cells."column", not (cells.is_blank and cells.blank > {{ most }}) as holds
    from cells
    inner join before using (_supplier, "column")
    where before.is_usual
)
{{ gate_result('judged') }}
{% endtest %}
