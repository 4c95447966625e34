{#-
  Each column of `totals` is at least the figure beside it, over the rows of `children` in the same submission that
  hold the row's id in `by`; with `exactly`, it equals it. Nought where there are no such rows.
  Amounts are compared to the cent.
-#}
{% test covers_its_children(model, children, by, totals, exactly=false) %}
{{ gate_config() }}
with figures as (
    select _submission, {{ by }} as id
        {%- for column, figure in totals.items() %}, {{ figure }} as {{ column }}{% endfor %}
    from {{ children }}
    where _period = {{ period() }}
    group by 1, 2
),
judged as (
    {% for column in totals %}
    select parent._submission, parent._row, '{{ column }}' as "column",
        parent.{{ column }} - coalesce(figures.{{ column }}, 0) > -0.005
        {%- if exactly %} and parent.{{ column }} - coalesce(figures.{{ column }}, 0) < 0.005{% endif %} as holds
    from {{ model }} as parent
    left join figures on figures._submission = parent._submission and figures.id = parent.id
    where parent._period = {{ period() }} and parent.{{ column }} is not null
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
)
{{ gate_result('judged') }}
{% endtest %}
