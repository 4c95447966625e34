{#- `change` equals `stock` minus the stock of the same unit (`by`) in the period before. -#}
{% test agrees_with_change(model, change, stock, by=none) %}
{{ gate_config() }}
with judged as (
    select
        today._submission,
        today._row,
        '{{ change }}' as "column",
        today.{{ change }} = today.{{ stock }} - before.{{ stock }} as holds
    from {{ model }} as today
    join {{ model }} as before
        on before._period = {{ period_before() }}
        {% if by %}and before.{{ by }} = today.{{ by }}{% endif %}
    where today._period = {{ period() }}
        and today.{{ change }} is not null
        and today.{{ stock }} is not null
        and before.{{ stock }} is not null
)
{{ gate_result('judged') }}
{% endtest %}
