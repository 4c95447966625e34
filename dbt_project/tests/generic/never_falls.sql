{#- Each of `columns` is at least what it was for the same unit (`by`) in the period before. -#}
{% test never_falls(model, columns, by) %}
{{ gate_config() }}
with judged as (
    {% for column in columns %}
    select today._submission, today._row, '{{ column }}' as "column", today.{{ column }} >= before.{{ column }} as holds
    from {{ model }} as today
    join {{ model }} as before on before._period = {{ period_before() }} and before.{{ by }} = today.{{ by }}
    where today._period = {{ period() }} and today.{{ column }} is not null and before.{{ column }} is not null
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
)
{{ gate_result('judged') }}
{% endtest %}
