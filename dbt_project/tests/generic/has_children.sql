{#-
  Each row has at least `least` and at most `most` rows of `children` in the same submission that hold its id in `by`;
  with `only`, of those for which it holds.
-#}
{% test has_children(model, children, by, least=1, most=none, only=none) %}
{{ gate_config() }}
with counted as (
    select _submission, {{ by }} as id, count(*) as children
    from {{ children }}
    where _period = {{ period() }}{% if only %} and {{ only }}{% endif %}
    group by 1, 2
),
judged as (
    select parent._submission, parent._row, 'id' as "column",
        coalesce(counted.children, 0) >= {{ least }}
        {%- if most is not none %} and coalesce(counted.children, 0) <= {{ most }}{% endif %} as holds
    from {{ model }} as parent
    left join counted on counted._submission = parent._submission and counted.id = parent.id
    where parent._period = {{ period() }}
)
{{ gate_result('judged') }}
{% endtest %}
