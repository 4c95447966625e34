{#-
  No figure is negative where none of the supplier's in the `months` months before was. Of a supplier without rows in
  those months nothing is asked.
-#}
{% test signs_as_before(model, column, months) %}
{{ gate_config() }}
with suppliers as (
    select _supplier, min({{ column }}) < 0 as has_negative from {{ earlier(model, months) }} as before group by 1
),
judged as (
    select _submission, _row, '{{ column }}' as "column", {{ column }} >= 0 or suppliers.has_negative as holds
    from {{ model }}
    inner join suppliers using (_supplier)
    where _period = {{ period() }} and {{ column }} is not null
)
{{ gate_result('judged') }}
{% endtest %}
