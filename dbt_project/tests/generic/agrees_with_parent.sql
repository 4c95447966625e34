{#-
  What a row says is what its parent says: each column of `same` equals the column of `parent` that stands beside it.
  The parent is the row of the same submission whose id `by` holds; has_parent judges whether there is one.
  A cell that is blank is not looked at.
-#}
{% test agrees_with_parent(model, parent, by, same) %}
{{ gate_config() }}
with judged as (
    {% for column, of_parent in same.items() %}
    select child._submission, child._row, '{{ column }}' as "column",
        child.{{ column }} is not distinct from parent.{{ of_parent }} as holds
    from {{ model }} as child
    join {{ parent }} as parent
        on parent._period = {{ period() }} and parent._submission = child._submission and parent.id = child.{{ by }}
    where child._period = {{ period() }} and child.{{ column }} is not null
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
)
{{ gate_result('judged') }}
{% endtest %}
