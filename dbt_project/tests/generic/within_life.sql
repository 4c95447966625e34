{#-
  The day of `column` lies between birth and death of the person whom `patient` names, of the same submission.
  Rows with one of the codes `after_death` may come later: they are about the death itself.
-#}
{% test within_life(model, column, people, after_death=[]) %}
{{ gate_config() }}
with judged as (
    select child._submission, child._row, '{{ column }}' as "column",
        child.{{ column }}::date >= person.birthdate::date
        and (
            child.{{ column }}::date <= coalesce(person.deathdate::date, 'infinity')
            {%- if after_death %} or child.code in ('{{ after_death | join("', '") }}'){% endif %}
        ) as holds
    from {{ model }} as child
    join {{ people }} as person
        on person._period = {{ period() }} and person._submission = child._submission and person.id = child.patient
    where child._period = {{ period() }} and child.{{ column }} is not null and person.birthdate is not null
)
{{ gate_result('judged') }}
{% endtest %}
