{#-
  `column` names no payer exactly where the payer of the row's encounter (`by`) is NO_INSURANCE, in the same submission.
-#}
{% test blank_without_insurance(model, column, by, encounters, payers) %}
{{ gate_config() }}
with judged as (
    select child._submission, child._row, '{{ column }}' as "column",
        (child.{{ column }} is null) = (payer.name = 'NO_INSURANCE') as holds
    from {{ model }} as child
    join {{ encounters }} as encounter
        on encounter._period = {{ period() }} and encounter._submission = child._submission
        and encounter.id = child.{{ by }}
    join {{ payers }} as payer
        on payer._period = {{ period() }} and payer._submission = encounter._submission and payer.id = encounter.payer
    where child._period = {{ period() }}
)
{{ gate_result('judged') }}
{% endtest %}
