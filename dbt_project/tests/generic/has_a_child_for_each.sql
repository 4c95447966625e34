{#-
  Each row has as many rows of `children` as it has rows of all `others` together, and `beside` more: one for each of
  them. `by` and the values of `others` are columns that hold its id; with `only`, children for which it holds
  are counted.
-#}
{% test has_a_child_for_each(model, children, by, others, beside=0, only=none) %}
{{ gate_config() }}
with counted as (
    select _submission, {{ by }} as id, 1 as child, 0 as other
    from {{ children }}
    where _period = {{ period() }}{% if only %} and {{ only }}{% endif %}
    {% for other in others %}
    union all
    select _submission, {{ other.by }}, 0, 1 from {{ other.of }} where _period = {{ period() }}
    {% endfor %}
),
totals as (
    select _submission, id, sum(child) as children, sum(other) as others from counted group by 1, 2
),
judged as (
    select parent._submission, parent._row, 'id' as "column",
        coalesce(totals.children, 0) = coalesce(totals.others, 0) + {{ beside }} as holds
    from {{ model }} as parent
    left join totals on totals._submission = parent._submission and totals.id = parent.id
    where parent._period = {{ period() }}
)
{{ gate_result('judged') }}
{% endtest %}
