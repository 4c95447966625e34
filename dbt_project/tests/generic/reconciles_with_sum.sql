{#- Each of `columns` equals the sum of that column over the rows of `parts` in the same period. -#}
{% test reconciles_with_sum(model, parts, columns) %}
{{ gate_config() }}
with sums as (
    select {% for column in columns %}sum({{ column }}) as {{ column }}{{ ',' if not loop.last }}{% endfor %}
    from {{ parts }}
    where _period = {{ period() }}
),
judged as (
    {% for column in columns %}
    select whole._submission, whole._row, '{{ column }}' as "column",
        whole.{{ column }} is not distinct from sums.{{ column }} as holds
    from {{ model }} as whole
    cross join sums
    where whole._period = {{ period() }} and sums.{{ column }} is not null
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
)
{{ gate_result('judged') }}
{% endtest %}
