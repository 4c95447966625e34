{#-
  No row is listed again: none of the period before has the same in each column of `by`.
  A row that is blank in one of them is not looked at.
-#}
{% test listed_once(model, by) %}
{{ gate_config() }}
with judged as (
    select today._submission, today._row, '{{ by[0] }}' as "column", not exists (
        select 1 from {{ model }} as before
        where before._period = {{ period_before() }}
        {% for column in by %} and before.{{ column }} = today.{{ column }}{% endfor %}
    ) as holds
    from {{ model }} as today
    where today._period = {{ period() }}
    {% for column in by %} and today.{{ column }} is not null{% endfor %}
)
{{ gate_result('judged') }}
{% endtest %}
