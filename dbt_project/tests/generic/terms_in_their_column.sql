{#-
  No cell of `columns` holds a term that the supplier used in another of them alone in the `months` months before, in
  capitals or not. A term that it did not use at all is not looked at.
-#}
{% test terms_in_their_column(model, columns, months) %}
{{ gate_config() }}
with known as (
    {% for column in columns %}
    select _supplier, '{{ column }}' as "column", lower({{ column }}) as term
    from {{ earlier(model, months) }} as before
    where {{ column }} is not null
    {% if not loop.last %}union{% endif %}
    {% endfor %}
),
cells as (
    {% for column in columns %}
    select _supplier, _submission, _row, '{{ column }}' as "column", lower({{ column }}) as term
    from {{ model }}
    where _period = {{ period() }} and {{ column }} is not null
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),
judged as (
    select cells._submission, cells._row, cells."column", known.term is not null as holds
    from cells
    left join known using (_supplier, "column", term)
    where exists (
        select 1 from known as anywhere where anywhere._supplier = cells._supplier and anywhere.term = cells.term
    )
)
{{ gate_result('judged') }}
{% endtest %}
