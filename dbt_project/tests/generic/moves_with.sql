{#- Where `cause` has changed for a unit (`by`) since the period before, so has each of `columns`, which were not nought. -#}
{% test moves_with(model, columns, cause, by) %}
{{ gate_config() }}
with judged as (
    {% for column in columns %}
    select today._submission, today._row, '{{ column }}' as "column", today.{{ column }} <> before.{{ column }} as holds
    from {{ model }} as today
    join {{ model }} as before on before._period = {{ period_before() }} and before.{{ by }} = today.{{ by }}
    where today._period = {{ period() }} and today.{{ column }} is not null and before.{{ column }} > 0
        and today.{{ cause }} <> before.{{ cause }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
)
{{ gate_result('judged') }}
{% endtest %}
