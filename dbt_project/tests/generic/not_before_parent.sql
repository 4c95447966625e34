{#-
  The day of `column` is not before that of `since` of the parent: the row of `parent` in the same submission whose id
  `by` holds.
-#}
{% test not_before_parent(model, column, parent, by, since) %}
{{ gate_config() }}
with judged as (
    select child._submission, child._row, '{{ column }}' as "column",
        child.{{ column }}::date >= parent.{{ since }}::date as holds
    from {{ model }} as child
    join {{ parent }} as parent
        on parent._period = {{ period() }} and parent._submission = child._submission and parent.id = child.{{ by }}
    where child._period = {{ period() }} and child.{{ column }} is not null and parent.{{ since }} is not null
)
{{ gate_result('judged') }}
{% endtest %}
