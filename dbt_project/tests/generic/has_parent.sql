{#-
  Each filled cell of the columns of `parents` is the id of a row of that column's parent in the same submission.
  A blank cell names none, and is not looked at.
-#}
{% test has_parent(model, parents) %}
{{ gate_config() }}
with judged as (
    {% for column, parent in parents.items() %}
    select child._submission, child._row, '{{ column }}' as "column", parent.id is not null as holds
    from {{ model }} as child
    left join (select distinct _submission, id from {{ parent }} where _period = {{ period() }}) as parent
        on parent._submission = child._submission and parent.id = child.{{ column }}
    where child._period = {{ period() }} and child.{{ column }} is not null
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
)
{{ gate_result('judged') }}
{% endtest %}
